#!/usr/bin/env bash
# curl as in the tutorial: every way to bring the key, on every path, and those that must not work.
# Usage: curl.sh GATEWAY KEY
set -euo pipefail
gateway=$1 key=$2
passed=0 failed=0
body='{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]}'
version='api-version=2024-02-15-preview'
root="$gateway/deployments/gpt-4o-mini/chat/completions?$version"
sdk="$gateway/openai/deployments/gpt-4o-mini/chat/completions?$version"
v1="$gateway/openai/v1/chat/completions"

check() { # name, expected status, curl arguments…
  local name=$1 expected=$2 status
  shift 2
  status=$(curl -s -o /dev/null -w '%{http_code}' -X POST -H 'Content-Type: application/json' -d "$body" "$@")
  if [ "$status" = "$expected" ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'FAILED %s: %s, not %s\n' "$name" "$status" "$expected"
  fi
}

check 'root, key header' 200 "$root" -H "Ocp-Apim-Subscription-Key: $key"
check 'root, query parameter' 200 "$root&subscription-key=$key"
check 'root, bearer' 200 "$root" -H "Authorization: Bearer $key"
check 'root, api-key' 401 "$root" -H "api-key: $key"
check 'root, nothing' 401 "$root"
check 'root, wrong key' 401 "$root" -H 'Ocp-Apim-Subscription-Key: wrong'
for url in "$sdk" "$v1"; do
  query=$([[ $url == *\?* ]] && echo '&' || echo '?')
  check "$url, api-key" 200 "$url" -H "api-key: $key"
  check "$url, query parameter" 200 "$url${query}subscription-key=$key"
  check "$url, bearer" 200 "$url" -H "Authorization: Bearer $key"
  check "$url, key header of the root" 401 "$url" -H "Ocp-Apim-Subscription-Key: $key"
  check "$url, nothing" 401 "$url"
  check "$url, wrong bearer" 401 "$url" -H 'Authorization: Bearer wrong'
done
check 'unknown path' 404 "$gateway/nowhere" -H "Ocp-Apim-Subscription-Key: $key"
printf 'curl %s\n%s passed, %s failed\n' "$(curl --version | head -n 1 | cut -d' ' -f2)" "$passed" "$failed"
[ "$failed" = 0 ]
