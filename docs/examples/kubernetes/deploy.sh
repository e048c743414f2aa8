#!/bin/sh
# Apply the manifests of a commit with the image that was built from it, and wait until it is rolled out.
set -eu

deployment=shop
namespace=shop
image=${RELEASE_REF_WEB:?no image named web is recorded for this commit}

umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 143' HUP INT TERM
printf '%s\n' "${KUBE_CONFIG:?is not set}" >"$work/kubeconfig"
export KUBECONFIG="$work/kubeconfig"
kubectl config use-context "$RELEASE_TARGET" # each target is a context: staging, eu, us

repository=${image%@*}
case ${repository##*/} in *:*) repository=${repository%:*} ;; esac
mkdir -p k8s/release
cat >k8s/release/kustomization.yaml <<KUSTOMIZATION
resources:
  - ../$RELEASE_ENVIRONMENT
images:
  - name: shop
    newName: $repository
    digest: ${image##*@}
KUSTOMIZATION

kubectl apply --kustomize k8s/release
kubectl rollout status "deployment/$deployment" --namespace "$namespace" --timeout 5m || {
  # A rollback takes these pods away, and with them the reason.
  kubectl get pods --namespace "$namespace" --selector "app=$deployment" --output wide >&2 || true
  kubectl get events --namespace "$namespace" --sort-by .lastTimestamp >&2 || true
  exit 1
}
