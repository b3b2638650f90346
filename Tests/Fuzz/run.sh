#!/usr/bin/env bash
# Fuzzes the scanner for some seconds in each build: with SSE2, and with the portable path.
# Usage: run.sh [seconds in all]; new inputs stay in a scratch directory, a failing one is printed.
set -euo pipefail
seconds="${1:-60}"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
scanner="$here/../../Sources/CJSONScanner"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

for build in sse2 portable; do
    flags=()
    [ "$build" = portable ] && flags=(-DCJSON_PORTABLE)
    # Not gold, which warns about each of the sanitizer's symbols.
    clang -fuse-ld=lld -std=c11 -g -O1 -Wall -Wextra -Werror -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
        ${flags[@]+"${flags[@]}"} -I "$scanner/include" \
        "$scanner"/*.c "$here"/fuzz_scanner.c "$here"/reference.c -o "$scratch/fuzz-$build"
    mkdir -p "$scratch/found-$build"
    if ! nice "$scratch/fuzz-$build" -max_total_time="$(((seconds + 1) / 2))" -timeout=10 -rss_limit_mb=2048 \
        -max_len=8192 -dict="$here/json.dict" -artifact_prefix="$scratch/" -print_final_stats=1 -verbosity=0 \
        "$scratch/found-$build" "$here/corpus" >"$scratch/log" 2>&1; then
        tail -n 120 "$scratch/log"
        for file in "$scratch"/crash-* "$scratch"/timeout-* "$scratch"/oom-*; do
            if [ -f "$file" ]; then
                echo "failing input, in base64:"
                base64 "$file"
            fi
        done
        exit 1
    fi
    echo "$build: $(sed -n 's/^stat::number_of_executed_units: *//p' "$scratch/log") executions, no failure"
done
