#!/bin/sh
# One container, run the way its team is used to. `-Start` on a running container does nothing, as theirs.
set -eu
cd "$(dirname "$0")"
. ./.env
case "$1" in
  -Start)
    if [ -n "$(docker ps --quiet --filter "name=^$CONTAINER\$")" ]; then exit 0; fi
    docker rm --force "$CONTAINER" >/dev/null 2>&1 || true
    docker run --detach --name "$CONTAINER" --publish "127.0.0.1:$PORT:8000" --volume "$VOLUME:/data" --env-file .env \
      --env "VERSION=$(cat VERSION)" "$IMAGE:$(cat VERSION)"
    ;;
  -Stop)
    docker stop --time 1 "$CONTAINER" >/dev/null 2>&1 || true
    docker rm "$CONTAINER" >/dev/null 2>&1 || true
    ;;
esac
