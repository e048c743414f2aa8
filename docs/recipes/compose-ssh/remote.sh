#!/bin/sh
# remote.sh COMMAND: run it on the machine that RELEASE_TARGET names, over ssh. The checks ask Docker there by it, too.
set -eu

umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 143' HUP INT TERM
printf '%s\n' "${SSH_KEY:?is not set}" >"$work/key"
printf '%s\n' "${SSH_KNOWN_HOSTS:?is not set}" >"$work/known_hosts"

ssh -i "$work/key" -o IdentitiesOnly=yes -o BatchMode=yes \
  -o StrictHostKeyChecking=yes -o UserKnownHostsFile="$work/known_hosts" \
  -o ConnectTimeout=10 -o ServerAliveInterval=15 "deploy@$RELEASE_TARGET" "$*"
