#!/bin/sh
# check_house.sh must find what it looks for: a small tree for each fault.
set -u
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
wrong=0

# A tree that is as it should be, with line added to file.
try() {
    rm -rf "$scratch/src"
    for room in base ports core app adapters surfaces gate; do
        mkdir -p "$scratch/src/$room"
    done
    echo 'enum ops_status ops_target_remove(void);' >"$scratch/src/ports/target.h"
    echo '    return ops_target_remove(target);' >"$scratch/src/app/removal.c"
    [ -z "$2" ] || printf '%s\n' "$2" >>"$scratch/src/$1"
    sh "$here/check_house.sh" "$scratch" >/dev/null 2>&1
}

expect() {
    try "$2" "$3"
    [ $? -eq "$1" ] || { echo "'$3' in $2: expected $1" >&2; wrong=1; }
}

expect 0 app/app.c ''
expect 0 core/plan.c '#include "ports/target.h"'
expect 0 app/app.c '#include "ports/store.h"'
expect 1 core/plan.c '#include "ports/store.h"'
expect 1 core/plan.c '#include "ports/catalogue.h"'
expect 1 core/plan.c '#include <time.h>'
expect 1 core/plan.c '    return time(NULL);'
expect 1 base/json.c '#include "ports/store.h"'
expect 1 app/app.c '#include <sqlite3.h>'
expect 1 app/app.c '#include <curl/curl.h>'
expect 1 app/app.c '#include "adapters/memory/store.h"'
expect 1 adapters/local.c '#include "app/app.h"'
expect 0 gate/gate.h '#include "ports/gate_source.h"'
expect 1 gate/gate.h '#include "ports/store.h"'
expect 1 adapters/local.c '#include "gate/gate.h"'
expect 1 surfaces/http.c '#include <sqlite3.h>'
expect 1 app/worker.c '    ops_target_remove(target);'
expect 1 app/removal.c '    ops_target_remove(target);'
expect 1 adapters/local.c '    target->ops->remove(target);'
exit $wrong
