#!/bin/sh
# Bring an image to a machine that runs docker compose, over ssh.
set -eu

root=${DEPLOY_ROOT:-/srv/shop}
host=deploy@$RELEASE_TARGET
image=${RELEASE_REF_WEB:?no image named web is recorded for this commit}

fail() {
  printf 'deploy.sh: %s\n' "$1" >&2
  exit 1
}

# What stands in a command line over there must mean nothing to the shell over there.
case $root$image in
  *[!A-Za-z0-9._:/@-]*) fail "the directory or the image has a character that is not allowed: $root $image" ;;
esac

umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 143' HUP INT TERM
printf '%s\n' "${SSH_KEY:?is not set}" >"$work/key"
printf '%s\n' "${SSH_KNOWN_HOSTS:?is not set}" >"$work/known_hosts"

remote() {
  ssh -i "$work/key" -o IdentitiesOnly=yes -o BatchMode=yes \
    -o StrictHostKeyChecking=yes -o UserKnownHostsFile="$work/known_hosts" \
    -o ConnectTimeout=10 -o ServerAliveInterval=15 "$host" "$1"
}

printf 'bringing %s to %s (%s)\n' "$image" "$RELEASE_TARGET" "$RELEASE_KIND"
remote "cat > '$root/compose.yaml.new'" <compose.yaml
remote "sh -s -- '$root' '$image'" <activate.sh
