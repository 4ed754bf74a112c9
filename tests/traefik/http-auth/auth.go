// Package auth has the names of go-http-auth that Traefik's basicAuth and digestAuth use. To it no password is right.
package auth

import "net/http"

// SecretProvider says what the secret of a user is.
type SecretProvider func(user, realm string) string

// CheckSecret says that it is the wrong one.
func CheckSecret(password, secret string) bool {
	return false
}

// BasicAuth turns everybody away.
type BasicAuth struct {
	Realm   string
	Secrets SecretProvider
}

// RequireAuth answers with 401.
func (*BasicAuth) RequireAuth(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusUnauthorized)
}

// DigestAuth turns everybody away.
type DigestAuth struct{}

// NewDigestAuthenticator makes one.
func NewDigestAuthenticator(realm string, secrets SecretProvider) *DigestAuth {
	return &DigestAuth{}
}

// CheckAuth says that it is nobody.
func (*DigestAuth) CheckAuth(r *http.Request) (username string, authinfo *string) {
	return "", nil
}

// RequireAuth answers with 401.
func (*DigestAuth) RequireAuth(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusUnauthorized)
}

// RequireAuthStale answers with 401.
func (*DigestAuth) RequireAuthStale(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusUnauthorized)
}

// DigestAuthParams finds none.
func DigestAuthParams(authorization string) map[string]string {
	return nil
}
