#!/bin/sh
# Lets users in, on $PORT.
set -eu
cd "$(dirname "$0")/.."
exec node scripts/administer.js open
