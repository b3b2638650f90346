#!/usr/bin/env bash
# The load test of the gateway: builds gateway and bare server in release, then measures both in one run.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
scratch=$root/.build-shared

"$root/tools/install-debian-packages.sh" wrk
for product in asya-gateway perf-hello; do
    swift build -c release --static-swift-stdlib --product "$product" --package-path "$root" --scratch-path "$scratch" >&2
done
# Five thousand streams need as many descriptors on both sides.
ulimit -n "$(ulimit -H -n)"
built=$scratch/release
python=$root/.venv/bin/python
[ -x "$python" ] || python=python3
export PYTHONPATH="$root/tools:$here" PYTHONDONTWRITEBYTECODE=1
exec "$python" "$here/gateway_test.py" --gateway "$built/asya-gateway" --hello "$built/perf-hello" "$@"
