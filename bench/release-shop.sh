#!/usr/bin/env bash
# The shop's release as a runbook would have it: the same commands as Slipway's, one after the other. Each phase writes `name milliseconds` to $PHASES.
# Wanted: LIVE WORK VERSION LEDGER PHASES PUBLIC CLOSED DATABASE; WORK is an empty folder.
set -euo pipefail
cd "$LIVE"
set -a
. ./.env
set +a
began=$(date +%s%3N)
phase() { local now; now=$(date +%s%3N); echo "$1 $((now - began))" >>"$PHASES"; began=$now; }
ask() { psql "$1" -X -q -A -t -v ON_ERROR_STOP=1 -c "$2"; }
beside() { psql "${SHOP_ADMIN_URL%/*}/postgres" -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
# Rows and a hash of every table, then owners and grants, so that two databases can be compared.
contents() {
  psql "$1" -X -q -A -t -v ON_ERROR_STOP=1 <<'SQL'
SELECT format('SELECT %L, count(*), md5(string_agg(t::text, '','' ORDER BY t::text)) FROM %s t', oid::regclass, oid::regclass)
FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname
\gexec
SELECT relname, relkind, relowner::regrole, relacl FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY relname;
SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2;
SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2;
SQL
}

git fetch --quiet --tags origin
sha=$(git rev-parse --verify --quiet "v$VERSION^{commit}")
for name in DATABASE_URL SHOP_BACKUP_URL SHOP_ADMIN_URL SHOP_TOKEN; do [ -n "${!name}" ]; done
[ "$(stat -c %a .env)" = 600 ]
[ -z "$(git status --porcelain --untracked-files=no)" ]
before=$(git rev-parse HEAD)
[ "$(git show "$sha:VERSION")" = "$VERSION" ]
git ls-tree --name-only "$sha" -- migrations/ >"$WORK/migrations"
git diff --name-only "$before" "$sha" >"$WORK/changed"
git diff --name-only --diff-filter=A "$before" "$sha" >"$WORK/added"
while read -r file; do [ ! -e "$file" ]; done <"$WORK/added"
git ls-tree -r -l "$sha" >"$WORK/tree"
du -sk node_modules >"$WORK/size"
df -Pk "$LIVE" "$WORK" >"$WORK/disk"
node_modules/.bin/sequelize-cli db:migrate:status >"$WORK/status" 2>&1
pg_dump --version >"$WORK/tools"
pg_restore --version >>"$WORK/tools"
ask "$SHOP_BACKUP_URL" 'SELECT pg_database_size(current_database()), current_setting($$max_connections$$), now(), (SELECT count(*) FROM pg_stat_activity)' >"$WORK/server"
beside -c 'SELECT rolcreatedb FROM pg_roles WHERE rolname = current_user' >"$WORK/rights"
phase preflight

git worktree add --quiet --detach "$WORK/code" "$sha"
(cd "$WORK/code" && npm ci --no-audit --no-fund --prefer-offline >"$WORK/npm.log" 2>&1)
phase fetch

pg_dump --format=custom --compress=0 --lock-wait-timeout=60000 "$SHOP_BACKUP_URL" | zstd -1 -q -o "$WORK/main.dump.zst"
sha256sum "$WORK/main.dump.zst" >"$WORK/main.sha256"
contents "$SHOP_BACKUP_URL" >"$WORK/live.contents"
owner=$(beside -c "SELECT datdba::regrole FROM pg_database WHERE datname = '$DATABASE'")
beside -c "CREATE DATABASE \"${DATABASE}__p_bash\" OWNER $owner TEMPLATE template0"
sha256sum --quiet --check "$WORK/main.sha256"
zstd -d -q "$WORK/main.dump.zst" -o "$WORK/main.dump"
pg_restore --list --file="$WORK/main.list" "$WORK/main.dump"
pg_restore --use-list="$WORK/main.list" --jobs=2 --exit-on-error --dbname="${SHOP_ADMIN_URL%/*}/${DATABASE}__p_bash" "$WORK/main.dump"
contents "${SHOP_BACKUP_URL%/*}/${DATABASE}__p_bash" | cmp - "$WORK/live.contents"
beside -c "DROP DATABASE \"${DATABASE}__p_bash\""
rm "$WORK/main.dump"
phase backup

echo "stop $(cat VERSION)" >>"$LEDGER"
sh scripts/stop.sh
for port in $PUBLIC $CLOSED; do ! listening "$port"; done
phase stop

beside -c "ALTER DATABASE \"$DATABASE\" ALLOW_CONNECTIONS false" \
  -c "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '$DATABASE'" \
  -c "CREATE DATABASE \"${DATABASE}__s_bash\" TEMPLATE \"$DATABASE\" STRATEGY FILE_COPY" \
  -c "ALTER DATABASE \"$DATABASE\" ALLOW_CONNECTIONS true" >"$WORK/ended"
phase standby

[ "$(git rev-parse HEAD)" = "$before" ]
git checkout --quiet --no-overwrite-ignore --detach "$sha"
mkdir "$WORK/replaced"
mv node_modules "$WORK/replaced/"
mv "$WORK/code/node_modules" .
[ "$(git rev-parse HEAD)" = "$sha" ]
phase switch

node_modules/.bin/sequelize-cli db:migrate >"$WORK/migrate.log" 2>&1
ask "$DATABASE_URL" 'SELECT name FROM "SequelizeMeta" ORDER BY 1' | cmp - <(xargs -n1 basename <"$WORK/migrations" | grep '\.js$')
phase migrate

echo "start $(cat VERSION)" >>"$LEDGER"
sh scripts/start.sh
until listening "$CLOSED"; do sleep 0.02; done
phase start

get() { curl -fsS --max-time 10 "http://127.0.0.1:$CLOSED$1"; }
get /health | jq -e --arg sha "$sha" --arg version "$VERSION" '.status == "ok" and .version == $version and .sha == $sha' >"$WORK/probes"
customer=$(get /customers/1 | jq -e 'select(.id == 1 and .email == "customer1@example.com") | .id')
get "/orders?customer=$customer" | jq -e '.orders | type == "array"' >>"$WORK/probes"
get /reports/revenue | jq -e '.orders > 0 and .consistent' >>"$WORK/probes"
[ "$(ask "$DATABASE_URL" 'SELECT count(*) FROM payments')" -gt 0 ]
[ "$(curl -s --max-time 10 -o /dev/null -w '%{http_code}' -X POST -H 'content-type: application/json' -d '{}' "http://127.0.0.1:$CLOSED/orders")" = 401 ]
for id in $(seq 2 15); do get "/customers/$id" | jq -e --argjson id "$id" '.id == $id' >>"$WORK/probes"; done
phase verify

echo "open $(cat VERSION)" >>"$LEDGER"
sh scripts/open.sh
until listening "$PUBLIC"; do sleep 0.02; done
phase open
