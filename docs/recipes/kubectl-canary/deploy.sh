#!/bin/sh
# Apply one track of a service, the canary or the stable one, with the image of a commit, and wait until it is rolled out.
set -eu

app=shop
namespace=shop
track=$RELEASE_TARGET
last=stable
image=${RELEASE_REF_WEB:?no image named web is recorded for this commit}

umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 143' HUP INT TERM
printf '%s\n' "${KUBE_CONFIG:?is not set}" >"$work/kubeconfig"
export KUBECONFIG="$work/kubeconfig"

repository=${image%@*}
case ${repository##*/} in *:*) repository=${repository%:*} ;; esac
mkdir -p k8s/release
cat >k8s/release/kustomization.yaml <<KUSTOMIZATION
resources:
  - ../$RELEASE_ENVIRONMENT/$track
images:
  - name: shop
    newName: $repository
    digest: ${image##*@}
KUSTOMIZATION

kubectl apply --kustomize k8s/release
kubectl rollout status "deployment/$app-$track" --namespace "$namespace" --timeout 5m || {
  # A rollback takes these pods away, and with them the reason.
  kubectl get pods --namespace "$namespace" --selector "app=$app,track=$track" --output wide >&2 || true
  kubectl get events --namespace "$namespace" --sort-by .lastTimestamp >&2 || true
  exit 1
}

# The Service of the users leads to both tracks, so it changes for everybody at once: last.
[ "$track" != "$last" ] || kubectl apply --kustomize "k8s/$RELEASE_ENVIRONMENT/users"
