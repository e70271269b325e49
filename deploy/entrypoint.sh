#!/bin/sh
# Settings that are secret arrive as files: /run/secrets/casemate_database_url becomes CASEMATE_DATABASE_URL.
# `alive` is no command of casemate but the probe of a worker: deploy/alive.py.
set -eu
for file in /run/secrets/casemate_*; do
  [ -f "$file" ] || continue
  name=$(basename "$file" | tr '[:lower:]' '[:upper:]')
  case $name in *[!A-Z0-9_]*) continue ;; esac
  value=$(cat "$file")
  export "$name=$value"
done
if [ "${1:-}" = alive ]; then
  shift
  exec python /usr/local/lib/casemate/alive.py "$@"
fi
exec casemate "$@"
