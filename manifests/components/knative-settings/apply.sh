#!/bin/sh
# Sets AlloResto's settings in Knative's own objects: one merge patch a file, nothing else of them changes. May be run
# again at any time. Arguments go to each kubectl:  apply.sh --context kind-alloresto
set -eu
cd "$(dirname "$0")"
mesh=""
for file in config-*.yaml activator*.yaml; do
    said=$(kubectl "$@" patch --type merge --filename "$file" --patch-file "$file")
    echo "$said"
    case "$file $said" in
    *"(no change)"*) ;;
    config-network.yaml*) mesh="changed" ;;
    esac
done
# The activator reads the mesh mode once, when it starts. The one that leaves stays until its calls have ended.
if [ -n "$mesh" ]; then
    kubectl "$@" --namespace knative-serving rollout restart deployment/activator
    kubectl "$@" --namespace knative-serving rollout status deployment/activator --timeout=300s
fi
