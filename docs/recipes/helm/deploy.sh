#!/bin/sh
# Have Helm upgrade a release to an image, and wait until every pod is ready.
set -eu

release=shop
namespace=shop
image=${RELEASE_REF_WEB:?no image named web is recorded for this commit}

fail() {
  printf 'deploy.sh: %s\n' "$1" >&2
  exit 1
}

umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 143' HUP INT TERM
printf '%s\n' "${KUBE_CONFIG:?is not set}" >"$work/kubeconfig"
export KUBECONFIG="$work/kubeconfig"

# An upgrade that was killed leaves the release pending, and Helm then refuses every other one.
# release-tool runs only one at a time, so no other one is at work on it.
# Where there is no history the release is new, or the upgrade below fails for the same reason.
if history=$(helm history "$release" --namespace "$namespace" --output json); then
  case $(printf '%s' "$history" | jq -r '.[-1].status') in
    pending-*)
      revision=$(printf '%s' "$history" | jq -r '[.[] | select(.status == "deployed").revision] | max // empty')
      [ -n "$revision" ] || fail "$release was never installed to the end: run \`helm uninstall $release\`, and again"
      helm rollback "$release" "$revision" --namespace "$namespace" --wait --timeout 5m
      ;;
  esac
fi

helm upgrade "$release" ./chart --install --namespace "$namespace" \
  --values "./chart/values-$RELEASE_ENVIRONMENT.yaml" --set-string "image=$image" \
  --wait --timeout 5m --history-max 20
