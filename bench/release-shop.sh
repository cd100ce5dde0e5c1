#!/usr/bin/env bash
# The shop's release as a runbook would have it: the same commands as Slipway's, one after the other.
# Wanted: VERSION LEDGER PUBLIC CLOSED, and what release-begin.sh wants.
. "$(dirname "$0")/release-begin.sh"
BACKUP_URL=$SHOP_BACKUP_URL ADMIN_URL=$SHOP_ADMIN_URL
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

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
ask_server
phase preflight

git worktree add --quiet --detach "$WORK/code" "$sha"
(cd "$WORK/code" && npm ci --no-audit --no-fund --prefer-offline >"$WORK/npm.log" 2>&1)
phase fetch

backup
phase backup

echo "stop $(cat VERSION)" >>"$LEDGER"
sh scripts/stop.sh
for port in $PUBLIC $CLOSED; do ! listening "$port"; done
phase stop

standby
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
# The same process at a second look, as Slipway's start has it: one that forks crashing workers does not pass.
holder() { ss -Hltnp "sport = :$CLOSED"; }
first=$(holder)
sleep 0.3
[ "$(holder)" = "$first" ]
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

record
phase record
