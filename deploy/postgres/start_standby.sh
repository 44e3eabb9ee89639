#!/bin/bash
# Starts a streaming standby in the postgres image: start_standby.sh [OPTION of postgres...]
#   PRIMARY=host  PGDATA=folder  POSTGRES_USER=name  POSTGRES_PASSWORD_FILE=file
set -euo pipefail
PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
export PGPASSWORD
# A copy that was interrupted has a PG_VERSION too, so the copy gets its name at the end.
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    rm -rf "$PGDATA.new"
    pg_basebackup -h "$PRIMARY" -U "$POSTGRES_USER" -D "$PGDATA.new" -R -S standby -X stream -c fast
    mv "$PGDATA.new" "$PGDATA"
fi
exec postgres "$@"
