#!/bin/sh
# Have Heroku release an image of its registry by its digest, and wait for the release phase.
set -eu

api=${HEROKU_API:-https://api.heroku.com}
registry=${HEROKU_REGISTRY:-https://registry.heroku.com}
poll_seconds=${POLL_SECONDS:-5}
deadline=$(($(date +%s) + ${DEPLOY_SECONDS:-780}))
image=${RELEASE_REF_WEB:?no image named web is recorded for this commit}

fail() {
  printf 'deploy.sh: %s\n' "$1" >&2
  exit 1
}

# curl reads the secret from its standard input, so that no list of processes shows it.
fetch() {
  secret=$1
  shift
  printf '%s\n' "$secret" | curl --config - --silent --show-error --fail --max-time 30 "$@"
}

platform() {
  fetch "header = \"Authorization: Bearer ${HEROKU_API_KEY:?is not set}\"" \
    --header 'Accept: application/vnd.heroku+json; version=3.docker-releases' "$@"
}

# registry.heroku.com/APP/PROCESS@DIGEST
repository=${image%@*}
repository=${repository#registry.heroku.com/}
app=${repository%/*}
process=${repository##*/}

# Heroku releases an image by the digest of its configuration, which its manifest tells.
manifest=$(fetch "user = \"_:${HEROKU_API_KEY:?is not set}\"" \
  --header 'Accept: application/vnd.docker.distribution.manifest.v2+json' \
  "$registry/v2/$repository/manifests/${image##*@}") || fail "the registry does not have $image"
id=$(printf '%s' "$manifest" | jq -er .config.digest) || fail "$image is no image of a single platform"

updates=$(jq -n --arg type "$process" --arg id "$id" '{updates: [{type: $type, docker_image: $id}]}')
platform --request PATCH --header 'Content-Type: application/json' --data "$updates" \
  "$api/apps/$app/formation" >/dev/null || fail "Heroku did not take $image"

before=
while :; do
  newest=$(platform --header 'Range: version ..; max=1, order=desc' "$api/apps/$app/releases") || newest=[]
  status=$(printf '%s' "$newest" | jq -r '.[0].status // "unknown"')
  [ "$status" = "$before" ] || printf 'Heroku: %s\n' "$status"
  before=$status
  case $status in
    succeeded) exit 0 ;;
    failed | expired) fail "the release phase of $image $status" ;;
  esac
  [ "$(date +%s)" -lt "$deadline" ] || fail "Heroku did not finish in time; its last word was: $status"
  sleep "$poll_seconds"
done
