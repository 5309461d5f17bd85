#!/usr/bin/env bash
# Runs a program with a PostgreSQL server of its own, which the program finds by its environment.
#
#   with_postgresql.sh BIN PROGRAM [ARGUMENT...]     BIN: the folder with initdb and postgres
set -euo pipefail

bin=$1
shift
data=$(mktemp -d)
server=
clean_up() {
    if [ -n "$server" ]; then
        kill -INT "$server" 2> /dev/null || true
        wait "$server" || true
    fi
    rm -rf "$data"
}
trap clean_up EXIT
# The server refuses to be root.
as_user=()
if [ "$(id -u)" = 0 ]; then
    as_user=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
    chown nobody:nogroup "$data"
fi

"${as_user[@]}" "$bin/initdb" --no-sync --auth=trust --username=tester --pgdata="$data/db" > "$data/log" 2>&1 \
    || { cat "$data/log"; exit 1; }
"${as_user[@]}" "$bin/postgres" -D "$data/db" -k "$data" -c listen_addresses= -c fsync=off > "$data/log" 2>&1 &
server=$!

export PGHOST=$data PGUSER=tester PGDATABASE=postgres
for _ in {1..300}; do
    [ -S "$data/.s.PGSQL.5432" ] && "$bin/psql" -qc 'SELECT 1' > /dev/null 2>&1 && break
    kill -0 "$server" 2> /dev/null || { cat "$data/log"; exit 1; }
    sleep 0.1
done
"$@"
