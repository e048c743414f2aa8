#!/bin/sh
# Have Render deploy an image by the service's deploy hook, and wait until Render says how that went.
set -eu

api=${RENDER_API:-https://api.render.com/v1}
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

# https://api.render.com/deploy/SERVICE?key=KEY
service=${RENDER_DEPLOY_HOOK_URL:?is not set}
service=${service%%\?*}
service=${service##*/}

# Asked once and never again: a second request would be a second deployment.
accepted=$(fetch "url = \"$RENDER_DEPLOY_HOOK_URL\"" --get --data-urlencode "imgURL=$image") ||
  fail "Render did not take $image"
deploy=$(printf '%s' "$accepted" | jq -er .deploy.id) || fail "Render did not tell which deployment it started"

before=
while :; do
  found=$(fetch "header = \"Authorization: Bearer ${RENDER_API_KEY:?is not set}\"" \
    "$api/services/$service/deploys/$deploy") || found={}
  status=$(printf '%s' "$found" | jq -r '.status // "unknown"')
  [ "$status" = "$before" ] || printf 'Render: %s is %s\n' "$deploy" "$status"
  before=$status
  case $status in
    live) exit 0 ;;
    deactivated | canceled | *_failed) fail "Render ended $deploy: $status" ;;
  esac
  [ "$(date +%s)" -lt "$deadline" ] || fail "Render did not finish $deploy in time; its last word was: $status"
  sleep "$poll_seconds"
done
