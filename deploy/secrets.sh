#!/bin/sh
# Write development secrets into a folder, where they are missing: `deploy/secrets.sh deploy/secrets`.
# In production put files of your own there; the names are those at the end of deploy/compose.yaml.
set -eu
folder=${1:?usage: secrets.sh FOLDER}
command -v openssl >/dev/null || { echo "secrets: openssl is needed (Debian: apt-get install openssl)" >&2; exit 1; }
mkdir -p "$folder"
# Nobody else on this machine gets in. The files themselves are readable: each is mounted alone into a container
# whose user is another one than yours.
chmod 700 "$folder"
cd "$folder"

new() { [ -s "$1" ] || { openssl rand -hex 24 >"$1"; echo "secrets: wrote $1"; }; }
new redis_gateway_password
new redis_exporter_password
new redis_operator_password
new triton_secret
new grafana_admin_password

hash() { tr -d '\n' <"$1" | openssl dgst -sha256 -r | cut -d' ' -f1; }
# default:  health checks, without a password
# gateway:  user rows (u:), those that could not be read (aside:), event streams and the ids of events (ev:), what is
#           derived from events (dv:), the catalogue (cat:), what says that rows change, nothing else
# exporter: what the server says of itself
# operator: everything, for people: redis-cli --user operator --askpass
cat >redis_users.acl <<ACL
user default on nopass resetkeys resetchannels -@all +ping
user gateway on #$(hash redis_gateway_password) resetkeys ~u:* ~aside:* ~ev:* ~dv:* ~cat:* resetchannels &__redis__:invalidate -@all +subscribe +time +@read +@write +@scripting +@connection +@transaction -@dangerous
user exporter on #$(hash redis_exporter_password) resetkeys resetchannels -@all +@connection +info +config|get +slowlog +latency +client +memory|stats +dbsize
user operator on #$(hash redis_operator_password) ~* &* +@all
ACL
printf '{"redis://exporter@redis:6379": "%s", "redis://redis:6379": "%s"}\n' \
  "$(cat redis_exporter_password)" "$(cat redis_exporter_password)" >redis_exporter_passwords.json

if [ ! -s edge.crt ] || [ ! -s edge.key ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout edge.key -out edge.crt 2>/dev/null
  echo "secrets: wrote edge.crt and edge.key, for localhost and a year: clients have to trust edge.crt"
fi
chmod 644 ./*
