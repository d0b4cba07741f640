#!/bin/sh
# After skaffold has applied: waits until the release serves, in the order in which it can fail. The migration first,
# since every process waits for its tables; then the Knative Services, each of whose new Revisions starts one pod to
# prove itself; then Deployments and StatefulSets, of which a bridge waits for its calls, up to half an hour.
#
#   setup/after-deploy.sh CONTEXT SECONDS NAMESPACE…      SECONDS for the last step; the first namespace has the Job
#
# It stands in for skaffold's status check, which knows no Knative Service, finds pods by a label that would start every
# bridge again, and would be through only when the bridges are.
set -eu
context="$1" rollout_s="$2"
shift 2
migrate_s=180 services_s=300 poll_s=2

in_namespace() { kubectl --context "$context" --namespace "$@"; }
fail() { printf 'after-deploy: %s\n' "$*" >&2; exit 1; }

wait_for_migration() {
    until [ "$(job_condition "$1" Complete)" = True ]; do
        if [ "$(job_condition "$1" Failed)" = True ] || [ "$migrate_s" -le 0 ]; then
            in_namespace "$1" logs job/migrate --tail=20 >&2 || true
            fail "the migration in $1 has not succeeded; its log is above"
        fi
        sleep "$poll_s"
        migrate_s=$((migrate_s - poll_s))
    done
}

job_condition() {
    in_namespace "$1" get job migrate --output "jsonpath={.status.conditions[?(@.type==\"$2\")].status}"
}

# A pod that can't start is told at once: `rollout status` would wait for it as long as for a call.
# Not one that crashes: the relay does at first, until its SinkBinding is there.
require_startable() {
    reasons='{range .status.containerStatuses[*]} {.state.waiting.reason}{end}'
    stuck="$(in_namespace "$1" get pods \
        --output "jsonpath={range .items[*]}{.metadata.name}$reasons{\"\\n\"}{end}" |
        grep -E 'ImagePullBackOff|InvalidImageName|CreateContainerConfigError|CreateContainerError' || true)"
    [ -z "$stuck" ] || fail "in $1 a pod can't start: $stuck"
}

wait_for_rollout() {
    until said="$(in_namespace "$1" rollout status "$2" --timeout=15s 2>&1)"; do
        case "$said" in *"timed out waiting"*) ;; *) fail "$2 in $1: $said" ;; esac
        require_startable "$1"
        rollout_s=$((rollout_s - 15))
        [ "$rollout_s" -gt 0 ] || fail "$2 in $1 is not ready in time: $said"
        printf '%s\n' "$said" | head -n 1
    done
}

wait_for_migration "$1"
for namespace in "$@"; do
    [ -z "$(in_namespace "$namespace" get services.serving.knative.dev --output name)" ] ||
        in_namespace "$namespace" wait services.serving.knative.dev --all --for=condition=Ready \
            --timeout="${services_s}s"
    for workload in $(in_namespace "$namespace" get deployments,statefulsets \
        --selector app.kubernetes.io/part-of=alloresto --output name); do
        wait_for_rollout "$namespace" "$workload"
    done
done
