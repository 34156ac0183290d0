#!/usr/bin/env bash
# Every example as a user meets it: validate, apply on the embedded ARM, plan again (nothing left to do), keys, destroy.
# Usage: tests/examples.sh path/to/apimctl
set -euo pipefail
cd "$(dirname "$0")/.."
apimctl=$(realpath "${1:-${CARGO_TARGET_DIR:-target}/debug/apimctl}")
state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT

passed=0
failed=0
check() { # name, expected exit code, command…
  local name=$1 expected=$2 code=0
  shift 2
  "$@" >"$state/out" 2>"$state/err" || code=$?
  if [ "$code" = "$expected" ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'FAILED %s: exit code %s, not %s\n' "$name" "$code" "$expected"
    cat "$state/out" "$state/err"
  fi
}

for spec in examples/*.yaml; do
  case "$spec" in *.test.yaml | *.chaos.yaml) continue ;; esac
  name=$(basename "$spec" .yaml)
  dir="$state/$name"
  check "$name: validate" 0 "$apimctl" validate "$spec" --local
  check "$name: plan before" 2 "$apimctl" plan "$spec" --local --state-dir "$dir" --detailed-exitcode
  check "$name: apply" 0 "$apimctl" apply "$spec" --local --state-dir "$dir" --yes
  check "$name: plan after is empty" 0 "$apimctl" plan "$spec" --local --state-dir "$dir" --detailed-exitcode
  check "$name: apply again" 0 "$apimctl" apply "$spec" --local --state-dir "$dir" --yes
  check "$name: keys" 0 "$apimctl" keys "$spec" --local --state-dir "$dir"
  check "$name: destroy" 0 "$apimctl" destroy "$spec" --local --state-dir "$dir" --yes --purge
  check "$name: plan after destroy" 2 "$apimctl" plan "$spec" --local --state-dir "$dir" --detailed-exitcode
done
check "scenarios" 0 "$apimctl" test examples
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
