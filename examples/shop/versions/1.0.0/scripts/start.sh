#!/bin/sh
# Starts the shop, closed: users come in with open.sh. Ends once it listens.
set -eu
cd "$(dirname "$0")/.."
. scripts/process.sh
set -a
. ./.env
set +a
SHOP_SHA=$(git rev-parse HEAD 2>/dev/null || true)
export SHOP_SHA

if runs; then exit 0; fi
mkdir -p run logs
rm -f run/shop.pid
setsid nohup node src/server.js >>logs/shop.log 2>&1 </dev/null &
starting=$!

left=200
until runs; do
  left=$((left - 1))
  if [ "$left" -eq 0 ] || ! kill -0 "$starting" 2>/dev/null; then
    echo "shop: did not start, see logs/shop.log" >&2
    tail -n 5 logs/shop.log >&2
    exit 1
  fi
  sleep 0.05
done
