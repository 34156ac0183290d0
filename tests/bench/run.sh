#!/bin/sh
# The benchmark: builds, measures beside nginx, prints a table. Needs nginx, wrk, taskset and python3; see README.md here.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
for program in nginx wrk taskset python3; do
  command -v "$program" > /dev/null || [ -x "/usr/sbin/$program" ] || {
    echo "run.sh: $program is missing (Debian: apt-get install nginx-light wrk util-linux python3)" >&2
    exit 1
  }
done
PATH=$PATH:/usr/sbin exec python3 "$here/gateway/run.py" "$@"
