#!/bin/sh
# Stops the shop and waits for its end.
set -eu
cd "$(dirname "$0")/.."
. scripts/process.sh

if runs; then
  kill -TERM "$pid"
  left=200
  while runs; do
    left=$((left - 1))
    if [ "$left" -eq 0 ]; then kill -KILL "$pid"; fi
    if [ "$left" -eq -100 ]; then
      echo "shop: process $pid does not end" >&2
      exit 1
    fi
    sleep 0.05
  done
fi
rm -f run/shop.pid
