#!/bin/sh
# Before skaffold applies: the namespaces are there, and so is every Secret that their pods read. A missing Secret is
# told here; later it would be a pod that waits in CreateContainerConfigError. Then the last release's Job is removed,
# because a Job's pod template can't be changed and a new image changes it.
#
#   setup/before-deploy.sh CONTEXT NAMESPACE:SECRET,SECRET… [NAMESPACE:SECRET…]      the first namespace has the Job
set -eu
context="$1"
shift
jobs="${1%%:*}"
missing=""
for wanted in "$@"; do
    namespace="${wanted%%:*}"
    # --save-config: skaffold's own `kubectl apply` then takes the namespace over without a warning.
    kubectl --context "$context" get namespace "$namespace" --output name >/dev/null 2>&1 ||
        kubectl --context "$context" create namespace "$namespace" --save-config
    for secret in $(printf '%s' "${wanted#*:}" | tr ',' ' '); do
        kubectl --context "$context" --namespace "$namespace" get secret "$secret" --output name >/dev/null ||
            missing="$missing $namespace/$secret"
    done
done
if [ -n "$missing" ]; then
    echo "before-deploy: Secrets are missing:$missing" >&2
    echo "               make them as manifests/secrets.example.yaml says, then run this again" >&2
    exit 1
fi
kubectl --context "$context" --namespace "$jobs" delete job migrate --ignore-not-found --timeout=60s
