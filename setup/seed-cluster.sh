#!/bin/sh
# Writes the two example restaurants to the database in a cluster (component in-cluster-data): `alloresto seed` on this
# machine, through a forwarded port, with the cluster's own Secrets. What exists is left as it is. skaffold runs it after
# each deployment to overlays/dev-cluster.
#
#   setup/seed-cluster.sh [CONTEXT]      the kubeconfig's context; by default its current one
set -eu
cd "$(dirname "$0")/.."
context="${1:-$(kubectl config current-context)}"
wait_s=15

in_cluster() { kubectl --context "$context" --namespace alloresto "$@"; }
secret() { in_cluster get secret "$1" --output "jsonpath={.data.$2}" | base64 -d; }
fail() { printf 'seed-cluster: %s\n' "$*" >&2; exit 1; }

[ -x .venv/bin/python ] || fail "no .venv here; run: setup/install.sh local"

PLATFORM_DATABASE_URL="$(secret alloresto-database PLATFORM_DATABASE_URL)"
MASTER_KEY="$(secret alloresto-keys MASTER_KEY)"
case "$PLATFORM_DATABASE_URL" in
    *@postgres:5432/*) ;;
    *) fail "Secret alloresto-database: PLATFORM_DATABASE_URL does not name postgres:5432, the database in the cluster" ;;
esac

said="$(mktemp)"
# To a free port of this machine. Not in_cluster: $! would be a shell around kubectl, and kubectl would outlive it.
kubectl --context "$context" --namespace alloresto port-forward service/postgres :5432 >"$said" 2>&1 &
forward=$!
trap 'kill "$forward" 2>/dev/null || true; wait "$forward" 2>/dev/null || true; rm -f "$said"' EXIT
port=""
until [ -n "$port" ]; do
    port="$(sed -n 's/^Forwarding from 127\.0\.0\.1:\([0-9]*\) .*/\1/p' "$said")"
    kill -0 "$forward" 2>/dev/null || fail "$(cat "$said")"
    [ "$wait_s" -gt 0 ] || fail "no forwarded port to Postgres after 15 s: $(cat "$said")"
    [ -n "$port" ] || sleep 1
    wait_s=$((wait_s - 1))
done

PLATFORM_DATABASE_URL="$(printf '%s' "$PLATFORM_DATABASE_URL" | sed "s/@postgres:5432/@127.0.0.1:$port/")"
export PLATFORM_DATABASE_URL MASTER_KEY
./alloresto seed --always-open
