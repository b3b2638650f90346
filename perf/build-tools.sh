#!/usr/bin/env bash
# build-tools.sh DIRECTORY [NAME…]: builds the C tools of the load test (or those named) into the directory; what is
# newer than its sources is left alone.
set -euo pipefail

sources=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=$1
shift
wanted=" $* "
flags=(-std=c11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror -Wshadow)
mkdir -p "$target"

# build NAME SOURCE… [-- LINKER OPTION…]
build() {
    local name=$1 source needed=false
    shift
    [[ $wanted == "  " || $wanted == *" $name "* ]] || return 0
    local inputs=() options=()
    while (($#)); do
        if [[ $1 == -- ]]; then
            shift
            options=("$@")
            break
        fi
        inputs+=("$sources/$1")
        shift
    done
    for source in "${inputs[@]}" "$sources"/*.h "${BASH_SOURCE[0]}"; do
        [[ "$target/$name" -nt $source ]] || needed=true
    done
    if $needed; then
        echo "Building $name" >&2
        "${CC:-gcc}" "${flags[@]}" -o "$target/$name" "${inputs[@]}" "${options[@]}"
    fi
}

build launch launch.c
build echo_runtime echo_runtime.c gather.c
build floor floor.c floor_broker.c gather.c slab_reader.c
build stub_broker stub_broker.c sample_envelope.c gather.c
build load load.c load_fill.c load_drain.c load_watch.c sample_envelope.c -- -lrabbitmq
build sqs_stand_in sqs_stand_in.c sqs_actions.c sqs_queues.c sqs_json.c sample_envelope.c -- -luv -lcrypto
