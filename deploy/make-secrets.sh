#!/bin/sh
# Makes the secrets that docker-compose.yml mounts, once, in deploy/secrets. Never overwrites one.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
cd secrets

random() {
  od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

# Files are readable by every user of a container; the folder keeps the host's other users out.
put() {
  [ -e "$1" ] && return
  printf '%s\n' "$2" >"$1"
  chmod 0444 "$1"
  echo "made deploy/secrets/$1"
}

put postgres_password "$(random)"
put redis.conf "requirepass $(random)"
put master_key "$(head -c 32 /dev/urandom | base64)"
put casemate_database_url "postgresql+psycopg://casemate:$(cat postgres_password)@postgres:5432/casemate"
put casemate_broker_url "redis://:$(sed 's/^requirepass //' redis.conf)@redis:6379/0"
put redis_password "$(sed 's/^requirepass //' redis.conf)"
put casemate_api_keys "{}"
put serving_api_key "$(random)"
put casemate_model_api_key "$(cat serving_api_key)"
# Keys of vendors that the network broker asks, one file each: docs/network.md.
mkdir -p vendors
chmod 0755 vendors
