# A go that fetches the toolchain that a module asks for; for the tools that need one, to be sourced.

# From this version on Go does that by itself.
go_that_switches=1.21
# What an older one, as Debian 12 has, is made to fetch: as a module, from where the modules come from, checked like one.
go_toolchain=1.26.4

has_go_that_switches() {
    local version
    version=$(go env GOVERSION 2>/dev/null) || return 1
    printf '%s\n' "go$go_that_switches" "$version" | sort -V -C
}

# Prints what to call.
go_that_fetches() {
    if has_go_that_switches; then
        echo go
    else
        fetch_go
    fi
}

# Prints the path of a newer go. A module's files aren't executable, and Go that knows toolchains does what is done here.
fetch_go() {
    local directory
    directory=$(go mod download -json "golang.org/toolchain@v0.0.1-go$go_toolchain.$(go env GOOS)-$(go env GOARCH)" |
        directory_of_module)
    [ -n "$directory" ] || return
    chmod +x "$directory"/bin/* "$directory"/pkg/tool/*/*
    echo "$directory/bin/go"
}

# Reads what 'go mod download -json' says of a module, and prints where it lies.
directory_of_module() {
    sed -n 's/^\t"Dir": "\(.*\)",$/\1/p'
}
