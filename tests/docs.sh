#!/usr/bin/env bash
# Every command block of the documentation, as written: the README's on the checkout's examples, the tutorial's and the how-to pages' in an
# empty directory with an empty home. Blocks are those fenced with `sh`.
# Usage: tests/docs.sh path/to/apimctl
set -euo pipefail
cd "$(dirname "$0")/.."
apimctl=$(realpath "${1:-${CARGO_TARGET_DIR:-target}/debug/apimctl}")
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/home"
ln -s "$apimctl" "$work/bin/apimctl"

# The `sh` blocks of a page, one after the other; blocks in lists are indented.
blocks() {
  awk '/^ *```sh$/ { inside = 1; match($0, /^ */); indent = RLENGTH; next } /^ *```$/ { inside = 0; next } inside { print substr($0, indent + 1) }' "$1"
}

failed=0
run() { # name, script, directory
  local name=$1 script=$2 directory=$3 code=0
  mkdir -p "$directory"
  (cd "$directory" && env -i PATH="$work/bin:/usr/bin:/bin" HOME="$work/home" NO_COLOR=1 bash -eu -o pipefail "$script") >"$work/out" 2>&1 || code=$?
  if [ "$code" = 0 ]; then
    printf 'passed %s (%s commands)\n' "$name" "$(grep -c . "$script")"
  else
    failed=$((failed + 1))
    printf 'FAILED %s: exit code %s\n' "$name" "$code"
    tail -n 60 "$work/out"
  fi
}

blocks docs/tutorial.md >"$work/tutorial.sh"
grep -q 'apimctl apply' "$work/tutorial.sh" || { echo "the tutorial has no commands"; exit 1; }
run docs/tutorial.md "$work/tutorial.sh" "$work/tutorial"

# What asks Azure is left to the tests that run against the emulator; everything else of the how-to pages runs here.
for page in docs/how-to/*.md; do
  blocks "$page" | grep -v -e 'apimctl export --service' -e '--adopt' >"$work/page.sh" || true
  [ -s "$work/page.sh" ] && run "$page" "$work/page.sh" "$work/$(basename "$page" .md)"
done

# The README runs through cargo, in a checkout; here the binary stands for it, on a copy of the examples.
mkdir "$work/readme"
cp -r "$root/examples" "$root/policies" "$work/readme/"
{
  printf 'cargo() { [ "$1 $2" = "run --" ] || { echo "not run here: cargo $*"; return 0; }; shift 2; case "$1" in serve) apimctl "$@" & sleep 2; kill %%1 ;; *) apimctl "$@" ;; esac; }\n'
  blocks README.md | grep '^cargo run -- '
} >"$work/readme.sh"
run README.md "$work/readme.sh" "$work/readme"
[ "$failed" = 0 ]
