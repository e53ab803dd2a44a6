#!/bin/sh
# Applies c10k.yaml, the generators once the server is ready; waits for them, merges what they
# found, and takes all of it away.
#
#   scripts/kubernetes/run.sh [FOLDER]       documents go to FOLDER [c10k-kubernetes]
#
# It ends as `c10k merge` does. Namespace and cluster are those of kubectl.
set -eu
here=$(dirname "$0")
out=${1:-c10k-kubernetes}
mkdir -p "$out"
trap 'kubectl delete --ignore-not-found -f "$here/c10k.yaml"' EXIT
kubectl apply -f "$here/c10k.yaml" -l role=server
kubectl rollout status deployment/c10k-server --timeout=5m
kubectl apply -f "$here/c10k.yaml" -l role=load
over='{.status.conditions[?(@.status=="True")].type}'
until kubectl get job c10k-load -o "jsonpath=$over" | grep -q 'Complete\|Failed'; do
    sleep 2
done
for pod in $(kubectl get pods -l app=c10k,role=load -o name); do
    part=$(kubectl get "$pod" \
        -o 'jsonpath={.metadata.annotations.batch\.kubernetes\.io/job-completion-index}')
    kubectl logs "$pod" >"$out/part-$part.json"
    # A generator that wrote nothing has no part.
    [ -s "$out/part-$part.json" ] || rm "$out/part-$part.json"
done
c10k merge "$out"/part-*.json --json "$out/whole.json"
