#!/bin/sh
# Have Kamal deploy an image that was built before, and nothing else.
set -eu

image=${RELEASE_REF_WEB:?no image named web is recorded for this commit}
destination=$RELEASE_ENVIRONMENT

fail() {
  printf 'deploy.sh: %s\n' "$1" >&2
  exit 1
}

# Kamal deploys a tag, and a tag can be moved: it must still be the image that was recorded.
repository=${image%@*}
case ${repository##*/} in *:*) repository=${repository%:*} ;; esac
tag=$repository:$RELEASE_COMMIT
digest=$(docker buildx imagetools inspect "$tag" --format '{{.Manifest.Digest}}') || fail "there is no image $tag"
[ "$digest" = "${image##*@}" ] || fail "$tag is $digest by now, and ${image##*@} was recorded"

# A deployment that was killed leaves its lock, and release-tool lets no two of them run at once.
# A lock that a person took has another message, and holds.
if [ "$RELEASE_KIND" = rollback ]; then
  lock=$(kamal lock status --destination "$destination")
  case $lock in
    *"Message: Automatic deploy lock"*) kamal lock release --destination "$destination" ;;
  esac
fi

# A rollback is the same command: `kamal rollback` succeeds even when it has found nothing to roll back to.
kamal deploy --skip-push --version "$RELEASE_COMMIT" --destination "$destination"
