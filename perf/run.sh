#!/usr/bin/env bash
# The load test of the sidecar: builds the C tools, then measures. perf/run.sh --help lists the options; README.md
# beside this file explains the numbers.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
tools=$root/.build-perf

need() { # need COMMAND-OR-HEADER PACKAGE
    if [[ $1 == /* ]] && [[ -e $1 ]]; then return; fi
    if command -v "$1" >/dev/null 2>&1; then return; fi
    echo "perf: $1 is missing; on Debian: apt-get install $2" >&2
    exit 1
}
need "${CC:-gcc}" gcc
need python3 python3
need /usr/include/amqp.h librabbitmq-dev
if [[ " $* " != *" --stub "* && " $* " != *" --help "* && ! -x /usr/lib/rabbitmq/bin/rabbitmq-server ]]; then
    need rabbitmq-server rabbitmq-server
fi
for tool in strace valgrind; do
    command -v "$tool" >/dev/null 2>&1 || echo "perf: without $tool some counts are left out" >&2
done

"$here/build-tools.sh" "$tools"
export PYTHONPATH="$root/tools" PYTHONDONTWRITEBYTECODE=1
exec python3 "$here/load_test.py" --tools "$tools" "$@"
