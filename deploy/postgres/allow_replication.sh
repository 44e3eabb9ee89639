#!/bin/bash
# Lets a standby replicate: run once by the postgres image, when it makes the database of the primary.
set -euo pipefail
echo 'host replication all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
# Keeps the log that the standby has not read yet, up to max_slot_wal_keep_size.
psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" \
    -c "SELECT pg_create_physical_replication_slot('standby')"
