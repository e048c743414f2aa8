#!/bin/sh
# Have Fly update the machines of an app to an image, one after the other.
set -eu

image=${RELEASE_REF_WEB:?no image named web is recorded for this commit}

# With an image, Fly builds nothing. It waits for the checks of fly.toml, and fails when a machine fails them.
flyctl deploy --config fly.toml --image "$image" --strategy rolling --wait-timeout 5m --yes
