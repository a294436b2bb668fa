#!/bin/sh
# Run a command with DATABASE_URL pointing to a throwaway server made of the system's PostgreSQL:
#     scripts/with-postgres.sh make test-server
# Debian keeps its binaries in /usr/lib/postgresql/VERSION/bin; PG_BIN names another folder.
set -eu
bin=${PG_BIN:-$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)}
if [ ! -x "${bin:-}/postgres" ]; then
    echo "no PostgreSQL server found; install one (apt install postgresql) or set PG_BIN" >&2
    exit 1
fi
as_account() { "$@"; }
if [ "$(id -u)" = 0 ]; then # PostgreSQL refuses to run as root
    # From `/`: the account may not be able to enter the folder that we are in.
    as_account() { (cd / && setpriv --reuid=postgres --regid=postgres --init-groups "$@"); }
fi
folder=$(mktemp -d /tmp/paywright-postgres.XXXXXX)
chmod 755 "$folder"
if [ "$(id -u)" = 0 ]; then chown postgres "$folder"; fi
stop() {
    as_account "$bin/pg_ctl" -D "$folder/data" -m immediate -s stop || true
    # Only what mktemp made above.
    case $folder in /tmp/paywright-postgres.*) rm -rf "$folder" ;; esac
}
trap stop EXIT
trap 'exit 130' INT TERM
as_account "$bin/initdb" -D "$folder/data" -U paywright --auth=trust -E UTF8 --no-sync >/dev/null
as_account "$bin/pg_ctl" -D "$folder/data" -s -w -l "$folder/log" \
    -o "-c listen_addresses='' -c unix_socket_directories='$folder' -c fsync=off -c max_connections=300" start
as_account "$bin/createdb" -h "$folder" -U paywright paywright
"$bin/postgres" --version
DATABASE_URL="postgresql://paywright@/paywright?host=$folder&port=5432" "$@"
