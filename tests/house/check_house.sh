#!/bin/sh
# The arrows of the house, seen in its includes, and the one place that every deletion goes through.
#
#   check_house.sh <directory>    the tree to look at; prints what is wrong and fails when there is something
set -u
cd "$1" || exit 2
wrong=0

complain() {
    echo "$1" >&2
    wrong=1
}

# forbid <room> <words> <pattern>: no include of a room matches.
forbid() {
    found=$(grep -rnE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]($3)" "src/$1" --include='*.c' --include='*.h') || return 0
    complain "$2:
$found"
}

sockets='sys/socket\.h|netinet/|arpa/|netdb\.h|poll\.h|sys/epoll\.h'
foreign='curl/|sqlite3\.h|microhttpd\.h|gnutls/'

forbid base "base includes a room below it" '(ports|core|app|adapters|surfaces|gate|main)/'
forbid base "base knows a library that is an adapter's" "$foreign"
forbid ports "ports include a room below them" '(core|app|adapters|surfaces|gate|main)/'
forbid ports "ports know a library that is an adapter's" "$foreign"
forbid core "core includes a room below it" '(app|adapters|surfaces|gate|main)/'
# The vocabulary of a target (its kinds and scopes) is plain data, and the rules speak it.
forbid core "core includes a port" 'ports/([a-su-z]|t[^a]|target[^.])'
forbid core "core opens files, sockets, threads or clocks" "$foreign|$sockets|time\.h|sys/time\.h|pthread\.h|unistd\.h|fcntl\.h|openssl/"
forbid app "app includes an adapter or a surface" '(adapters|surfaces|gate|main)/'
forbid app "app knows a library that is an adapter's" "$foreign|$sockets|time\.h|unistd\.h|fcntl\.h"
forbid adapters "adapters include a room beside or below them" '(core|app|surfaces|gate|main)/'
forbid surfaces "surfaces include adapters or the store" '(adapters|gate|main)/|sqlite3\.h'
forbid gate "the gate includes more than base and its own port" '(ports/[^g]|core/|app/|adapters/|surfaces/|main/)'

# Calls in core that ask the world instead of being told.
found=$(grep -rnE '\b(clock_gettime|time|getenv|fopen|open|socket|pthread_create)[[:space:]]*\(' src/core --include='*.c') &&
    complain "core asks the world:
$found"

# ops_target_remove: declared and defined in ports, called once.
calls=$(grep -rn 'ops_target_remove(' src --include='*.c' --include='*.h' | grep -v '^src/ports/target\.[ch]:')
count=$(printf '%s' "$calls" | grep -c .)
case "$count:$calls" in
1:src/app/removal.c:*) ;;
*) complain "ops_target_remove is called $count times, and only src/app/removal.c may, once:
$calls" ;;
esac
found=$(grep -rnE -e '(->|\.)remove[[:space:]]*\(' src --include='*.c' | grep -v '^src/ports/target\.c:')
[ -z "$found" ] || complain "a target's table is called directly:
$found"

exit $wrong
