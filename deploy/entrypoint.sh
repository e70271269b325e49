#!/bin/sh
# Settings that are secret arrive as files: /run/secrets/casemate_database_url becomes CASEMATE_DATABASE_URL.
set -eu
for file in /run/secrets/casemate_*; do
  [ -f "$file" ] || continue
  name=$(basename "$file" | tr '[:lower:]' '[:upper:]')
  case $name in *[!A-Z0-9_]*) continue ;; esac
  value=$(cat "$file")
  export "$name=$value"
done
exec casemate "$@"
