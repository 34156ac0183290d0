#!/usr/bin/env bash
# Real clients against the gateway with simulated accounts: the OpenAI SDKs for Python and Node, and curl. They are installed by
# name from their registries, in pinned versions; one that cannot be installed fails the run.
# Usage: tests/clients/run.sh path/to/apimctl
set -euo pipefail
# Paths of the caller count from where the caller stands.
root=$(realpath "$(dirname "$0")/../..")
target=${CARGO_TARGET_DIR:-$root/target}
apimctl=$(realpath "${1:-$target/debug/apimctl}")
work=${APIMCTL_CLIENTS_DIR:-$target/clients}
mkdir -p "$work"
work=$(realpath "$work")
cd "$root/tests/clients"
openai_python=3.54.0
openai_node=7.57.0
key=clients-key-0123456789abcdef
state=$(mktemp -d)
serve=

finish() {
  [ -z "$serve" ] || kill "$serve" 2>/dev/null || true
  rm -rf "$state"
}
trap finish EXIT

need() { # command, Debian packages…
  command -v "$1" >/dev/null && return
  local as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  shift
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" apt-get install -y -qq "$@"
}

need curl curl
need python3 python3 python3-venv
need node nodejs npm
[ -x "$work/venv/bin/python" ] || python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "openai==$openai_python"
[ -f "$work/package.json" ] || echo '{ "private": true }' >"$work/package.json"
(cd "$work" && npm install --silent --no-audit --no-fund --save-exact "openai@$openai_node")

# Port 0 would be told on stdout; a free one is found by asking.
port=$("$work/venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
gateway=http://127.0.0.1:$port
"$apimctl" serve gateway.yaml --simulate --behavior behavior.yaml --listen "127.0.0.1:$port" --subscription-key "consumer=$key" \
  >"$state/out" 2>"$state/err" &
serve=$!
for _ in $(seq 100); do
  curl -s -o /dev/null "$gateway" && break
  kill -0 "$serve" 2>/dev/null || { cat "$state/out" "$state/err"; exit 1; }
  sleep 0.1
done

failed=0
bash curl.sh "$gateway" "$key" || failed=1
"$work/venv/bin/python" openai_sdk.py "$gateway" "$key" || failed=1
(cd "$work" && node "$OLDPWD/openai_sdk.mjs" "$gateway" "$key") || failed=1
if [ "$failed" = 1 ]; then
  tail -n 30 "$state/err"
fi
exit "$failed"
