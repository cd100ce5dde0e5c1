# What the runbooks of both systems share; sourced by them. Each phase writes `name milliseconds` to $PHASES.
# Wanted: LIVE WORK PHASES DATABASE; WORK is an empty folder. BACKUP_URL and ADMIN_URL stand in $LIVE/.env, or are set after it.
set -Eeuo pipefail
trap 'echo "$0: line $LINENO: $BASH_COMMAND" >&2' ERR
cd "$LIVE"
set -a
. ./.env
set +a
began=$(date +%s%3N)
phase() { local now; now=$(date +%s%3N); echo "$1 $((now - began))" >>"$PHASES"; began=$now; }
ask() { psql "$1" -X -q -A -t -v ON_ERROR_STOP=1 -c "$2"; }
beside() { psql "${ADMIN_URL%/*}/postgres" -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }

# Rows and a hash of every table, then owners and grants, so that two databases can be compared.
contents() {
  psql "$1" -X -q -A -t -v ON_ERROR_STOP=1 <<'SQL'
SELECT format('SELECT %L, count(*), md5(string_agg(t::text, '','' ORDER BY t::text)) FROM %s t', oid::regclass, oid::regclass)
FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname
\gexec
SELECT relname, relkind, relowner::regrole, relacl FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY relname;
SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY conrelid::regclass::text, conname;
SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2;
SQL
}

ask_server() {
  pg_dump --version >"$WORK/tools"
  pg_restore --version >>"$WORK/tools"
  ask "$BACKUP_URL" 'SELECT pg_database_size(current_database()), current_setting($$max_connections$$), now(), (SELECT count(*) FROM pg_stat_activity)' >"$WORK/server"
  try_rights >"$WORK/rights"
}

owner() { beside -c "SELECT datdba::regrole FROM pg_database WHERE datname = '$DATABASE'"; }

# All that a copy and a swap back need is tried on a scratch pair, as Slipway's preflight does: a right that is missing is not found in the downtime.
try_rights() {
  local first="${DATABASE}__c_bash" second="${DATABASE}__d_bash"
  beside -c "CREATE DATABASE \"$first\" TEMPLATE template0 OWNER $(owner)" \
    -c "CREATE DATABASE \"$second\" TEMPLATE \"$first\" OWNER $(owner) ALLOW_CONNECTIONS false" \
    -c "BEGIN; ALTER DATABASE \"$first\" RENAME TO \"${first}_\"; ALTER DATABASE \"$second\" RENAME TO \"$first\"; ROLLBACK" \
    -c "DROP DATABASE \"$first\"" -c "DROP DATABASE \"$second\""
}

# Dumped, and proven: restored into scratch and compared.
backup() {
  pg_dump --format=custom --compress=0 --lock-wait-timeout=60000 "$BACKUP_URL" | zstd -1 -q -o "$WORK/main.dump.zst"
  sync "$WORK/main.dump.zst" "$WORK"
  sha256sum "$WORK/main.dump.zst" >"$WORK/main.sha256"
  contents "$BACKUP_URL" >"$WORK/live.contents"
  beside -c "CREATE DATABASE \"${DATABASE}__p_bash\" OWNER $(owner) TEMPLATE template0"
  sha256sum --quiet --check "$WORK/main.sha256"
  zstd -d -q "$WORK/main.dump.zst" -o "$WORK/main.dump"
  pg_restore --list --file="$WORK/main.list" "$WORK/main.dump"
  pg_restore --use-list="$WORK/main.list" --jobs=2 --exit-on-error --dbname="${ADMIN_URL%/*}/${DATABASE}__p_bash" "$WORK/main.dump"
  contents "${BACKUP_URL%/*}/${DATABASE}__p_bash" | diff "$WORK/live.contents" - >&2
  beside -c "DROP DATABASE \"${DATABASE}__p_bash\""
  rm "$WORK/main.dump"
}

standby() {
  beside -c "ALTER DATABASE \"$DATABASE\" ALLOW_CONNECTIONS false" \
    -c "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '$DATABASE'" \
    -c "CREATE DATABASE \"${DATABASE}__s_bash\" TEMPLATE \"$DATABASE\" STRATEGY FILE_COPY" \
    -c "ALTER DATABASE \"$DATABASE\" ALLOW_CONNECTIONS true" >"$WORK/ended"
}

# Evidence: what every command said, with its hash, on the disk.
record() {
  find "$WORK" -maxdepth 1 -type f ! -name evidence -exec sha256sum {} + >"$WORK/evidence"
  sync "$WORK/evidence" "$WORK"
}
