// Package ext is where another edition of Traefik has what it adds to its configuration. This one adds nothing.
package ext

// HTTP adds nothing to what is configured of HTTP.
type HTTP struct{}

// Router adds nothing to what is configured of a router.
type Router struct{}
