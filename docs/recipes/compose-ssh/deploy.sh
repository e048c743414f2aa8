#!/bin/sh
# Bring an image to a machine that runs docker compose, over ssh.
set -eu

root=${DEPLOY_ROOT:-/srv/shop}
image=${RELEASE_REF_WEB:?no image named web is recorded for this commit}

fail() {
  printf 'deploy.sh: %s\n' "$1" >&2
  exit 1
}

# What stands in a command line over there must mean nothing to the shell over there.
case $root$image in
  *[!A-Za-z0-9._:/@-]*) fail "the directory or the image has a character that is not allowed: $root $image" ;;
esac

printf 'bringing %s to %s (%s)\n' "$image" "$RELEASE_TARGET" "$RELEASE_KIND"
./remote.sh "cat > '$root/compose.yaml.new'" <compose.yaml
./remote.sh "sh -s -- '$root' '$image'" <activate.sh
