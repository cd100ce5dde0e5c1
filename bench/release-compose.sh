#!/usr/bin/env bash
# A release of a compose system as a runbook would have it: the same commands as Slipway's, one after the other.
# Wanted: VERSION PROJECT URL, and what release-begin.sh wants.
. "$(dirname "$0")/release-begin.sh"
compose() { docker compose --project-name "$PROJECT" --file compose.yaml "$@"; }
running() { [ "$(compose ps --quiet --status running | wc -l)" = "$1" ]; }

git fetch --quiet --tags origin
sha=$(git rev-parse --verify --quiet "v$VERSION^{commit}")
[ -z "$(git status --porcelain --untracked-files=no)" ]
before=$(git rev-parse HEAD)
[ "$(git show "$sha:VERSION")" = "$VERSION" ]
git diff --name-only "$before" "$sha" >"$WORK/changed"
git diff --name-only --diff-filter=A "$before" "$sha" >"$WORK/added"
while read -r file; do [ ! -e "$file" ]; done <"$WORK/added"
git ls-tree -r -l "$sha" >"$WORK/tree"
df -Pk "$LIVE" "$WORK" >"$WORK/disk"
docker version >"$WORK/docker"
compose version >>"$WORK/docker"
compose config >"$WORK/config"
running 2
docker inspect $(compose ps --quiet) >"$WORK/containers"
docker image inspect "$(docker inspect --format '{{.Image}}' "$(compose ps --quiet app)")" >"$WORK/image"
docker image inspect $(git show "$sha:Dockerfile" | awk '$1 == "FROM" { print $2 }') >"$WORK/base"
docker info --format '{{.DockerRootDir}}' | xargs df -Pk >>"$WORK/disk"
compose exec -T app sh -c 'test ! -e /checks/hold || sleep 299'
ask_server
phase preflight

git worktree add --quiet --detach "$WORK/code" "$sha"
# The files that come with the version: whether they resolve is known before anything stops.
(cd "$WORK/code" && compose config >"$WORK/coming")
docker build --file "$WORK/code/Dockerfile" --tag "$PROJECT/app:$VERSION" "$WORK/code" >"$WORK/build.log" 2>&1
id=$(docker image inspect --format '{{.Id}}' "$PROJECT/app:$VERSION")
printf 'services:\n  app:\n    image: "%s"\n' "$id" >"$WORK/images.yaml"
phase fetch

backup
phase backup

compose stop app proxy 2>"$WORK/stop.log"
running 0
phase stop

standby
phase standby

git checkout --quiet --no-overwrite-ignore --detach "$sha"
[ "$(git rev-parse HEAD)" = "$sha" ]
phase switch

compose --file "$WORK/images.yaml" up --detach --no-build --no-deps --force-recreate app proxy 2>"$WORK/up.log"
running 2
sleep 1 # as `observe` has it
running 2
# What runs is the very image that was built.
[ "$(docker inspect --format '{{.Image}}' "$(compose ps --quiet app)")" = "$id" ]
phase start

within() { local left=500; until "$@"; do left=$((left - 1)); [ "$left" -gt 0 ]; sleep 0.02; done; }
get() { curl -fsS --max-time 2 "$URL$1" 2>"$WORK/probe"; }
healthy() { get /health | jq -e --arg version "$VERSION" '.version == $version' >"$WORK/health"; }
[ "$(compose exec -T app sh -c 'echo $$ >>/checks/pids; [ $(cat /srv/VERSION) != 2.0.0 ] || test -e /checks/go || sleep 300; cat /srv/VERSION')" = "$VERSION" ]
within healthy
compose logs --no-color --no-log-prefix app >"$WORK/app.log"
grep -qx "serving $VERSION" "$WORK/app.log"
! grep -q Traceback "$WORK/app.log"
for id in $(seq 17); do get "/work?$id" >"$WORK/works"; done
phase verify

record
phase record
