#!/bin/sh
# Bring the files of one commit to a machine and have systemd start them, by way of a symlink, over ssh.
set -eu

service=shop
root=${DEPLOY_ROOT:-/srv/shop}
host=deploy@$RELEASE_TARGET

fail() {
  printf 'deploy.sh: %s\n' "$1" >&2
  exit 1
}

# What stands in a command line over there must mean nothing to the shell over there.
case $root$RELEASE_COMMIT in
  *[!A-Za-z0-9._/-]*) fail "the directory or the commit has a character that is not allowed: $root $RELEASE_COMMIT" ;;
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

printf 'bringing %s to %s (%s)\n' "$RELEASE_VERSION" "$RELEASE_TARGET" "$RELEASE_KIND"
git archive --output "$work/files.tar" "$RELEASE_COMMIT" # into a file: a pipe would hide its failure
remote "cat > '$root/$RELEASE_COMMIT.tar'" <"$work/files.tar"
remote "sh -s -- '$root' '$RELEASE_COMMIT' '$service'" <activate.sh
