#!/bin/sh
# Keeps users out: only 127.0.0.1:$CLOSED_PORT is left.
set -eu
cd "$(dirname "$0")/.."
exec node scripts/administer.js close
