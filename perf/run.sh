#!/usr/bin/env bash
# The load test of the sidecar: builds the C tools, then measures. perf/run.sh --help lists the options; README.md
# beside this file explains the numbers. A first argument names another part: embedded, sqs, up, gateway, operator.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
tools=$root/.build-perf

# These have drivers of their own, which need none of the C tools.
case ${1:-} in
    up)
        shift
        export PYTHONDONTWRITEBYTECODE=1
        exec python3 "$here/up_test.py" "$@"
        ;;
    gateway)
        shift
        exec "$here/run-gateway.sh" "$@"
        ;;
    operator)
        shift
        export PYTHONDONTWRITEBYTECODE=1
        exec python3 "$here/operator/run.py" "$@"
        ;;
esac

need() { # need COMMAND-OR-HEADER PACKAGE
    if [[ $1 == /* ]] && [[ -e $1 ]]; then return; fi
    if command -v "$1" >/dev/null 2>&1; then return; fi
    echo "perf: $1 is missing; on Debian: apt-get install $2" >&2
    exit 1
}
need "${CC:-gcc}" gcc
need python3 python3
need /usr/include/amqp.h librabbitmq-dev
if [[ ${1:-} != sqs && " $* " != *" --stub "* && " $* " != *" --help "* && ! -x /usr/lib/rabbitmq/bin/rabbitmq-server ]]; then
    need rabbitmq-server rabbitmq-server
fi
for tool in strace valgrind; do
    command -v "$tool" >/dev/null 2>&1 || echo "perf: without $tool some counts are left out" >&2
done

"$here/build-tools.sh" "$tools"
export PYTHONPATH="$root/tools" PYTHONDONTWRITEBYTECODE=1
if [ "${1:-}" = embedded ]; then
    shift
    exec python3 "$here/embedded_load.py" --tools "$tools" "$@"
fi
if [ "${1:-}" = sqs ]; then
    shift
    exec python3 "$here/sqs_load.py" --tools "$tools" "$@"
fi
exec python3 "$here/load_test.py" --tools "$tools" "$@"
