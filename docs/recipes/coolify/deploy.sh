#!/bin/sh
# Set the image of a Coolify application, have it deployed, and wait until Coolify says how that went.
set -eu

api=${COOLIFY_URL:?is not set}/api/v1
app=${COOLIFY_APP:?is not set}
poll_seconds=${POLL_SECONDS:-5}
deadline=$(($(date +%s) + ${DEPLOY_SECONDS:-780}))
image=${RELEASE_REF_WEB:?no image named web is recorded for this commit}

fail() {
  printf 'deploy.sh: %s\n' "$1" >&2
  exit 1
}

# curl reads the secret from its standard input, so that no list of processes shows it.
call() {
  printf 'header = "Authorization: Bearer %s"\n' "${COOLIFY_TOKEN:?is not set}" |
    curl --config - --silent --show-error --fail --max-time 30 "$@"
}

# Coolify writes a digest as a tag: sha256-…
repository=${image%@*}
case ${repository##*/} in *:*) repository=${repository%:*} ;; esac
body=$(jq -n --arg name "$repository" --arg tag "sha256-${image##*@sha256:}" \
  '{docker_registry_image_name: $name, docker_registry_image_tag: $tag}')
call --request PATCH --header 'Content-Type: application/json' --data "$body" "$api/applications/$app" >/dev/null ||
  fail "Coolify did not take $image"

# Asked once and never again: a second request would be a second deployment.
started=$(call --request POST "$api/deploy?uuid=$app") || fail "Coolify did not start a deployment"
deployment=$(printf '%s' "$started" | jq -er '.deployments[0].deployment_uuid') ||
  fail "Coolify did not tell which deployment it started"

before=
while :; do
  found=$(call "$api/deployments/$deployment") || found={}
  status=$(printf '%s' "$found" | jq -r '.status // "unknown"')
  [ "$status" = "$before" ] || printf 'Coolify: %s is %s\n' "$deployment" "$status"
  before=$status
  case $status in
    finished) exit 0 ;;
    failed | cancelled-by-user) fail "Coolify ended $deployment: $status" ;;
  esac
  [ "$(date +%s)" -lt "$deadline" ] || fail "Coolify did not finish $deployment in time; its last word was: $status"
  sleep "$poll_seconds"
done
