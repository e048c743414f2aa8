#!/bin/sh
# Pin an Argo CD application to a commit and its image, sync it, and wait until it is healthy.
set -eu

app=shop-$RELEASE_ENVIRONMENT
image=${RELEASE_REF_WEB:?no image named web is recorded for this commit}

fail() {
  printf 'deploy.sh: %s\n' "$1" >&2
  exit 1
}

argocd app set "$app" --revision "$RELEASE_COMMIT" --kustomize-image "shop=$image"
argocd app sync "$app" --timeout 300
argocd app wait "$app" --operation --sync --health --timeout 300

# Somebody else may have synced it meanwhile.
found=$(argocd app get "$app" --output json)
revision=$(printf '%s' "$found" | jq -r .status.sync.revision)
[ "$revision" = "$RELEASE_COMMIT" ] || fail "$app is at $revision, not at $RELEASE_COMMIT"
