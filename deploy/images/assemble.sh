#!/usr/bin/env bash
# Puts the files of one image into a folder: assemble.sh sidecar|operator|gateway FOLDER
# The binary comes from bin/ (make build); what it needs at run time is found with ldd. The Dockerfile copies the folder
# into an empty image, the tests run it under chroot: both see the same files.
set -euo pipefail
root="$(cd "$(dirname "$0")/../.." && pwd)"
image="$1"
target="$2"

mkdir -p "$target"/{usr/local/bin,etc/ssl/certs,tmp}
chmod 0755 "$target"
chmod 1777 "$target/tmp"

# Adds a binary and every shared library it is linked with, at the paths where the loader looks for them.
add_binary() {
    install -m 0755 "$root/bin/$1" "$target/usr/local/bin/$1"
    # A static binary makes ldd fail, and has nothing to find.
    { ldd "$root/bin/$1" 2>/dev/null | grep -oE '/[^ ]+' || true; } | sort -u | while read -r library; do
        install -D -m 0755 "$(readlink -f "$library")" "$target$library"
    done
}

# Name look-ups of a dynamic glibc load these at run time.
add_name_services() {
    local library
    for library in libnss_dns.so.2 libnss_files.so.2 libresolv.so.2; do
        for folder in /lib/x86_64-linux-gnu /lib/aarch64-linux-gnu; do
            [ ! -e "$folder/$library" ] || install -D -m 0755 "$(readlink -f "$folder/$library")" "$target$folder/$library"
        done
    done
}

case "$image" in
    sidecar)
        # The program that also knows SQS is static too, so it serves every transport; one copy of Swift's runtime is enough.
        [ -e "$root/bin/asya-sidecar-sqs" ] || { echo "assemble.sh: bin/asya-sidecar-sqs is missing: run make build" >&2; exit 1; }
        install -m 0755 "$root/bin/asya-sidecar-sqs" "$target/usr/local/bin/asya-sidecar"
        ;;
    operator)
        add_binary asya-operator
        add_name_services
        install -D -m 0644 "$root/Sources/Runtime/asya_runtime.py" "$target/runtime/asya_runtime.py"
        ;;
    gateway)
        add_binary asya-gateway
        add_name_services
        ;;
    *)
        echo "assemble.sh: unknown image $image (sidecar, operator, gateway)" >&2
        exit 2
        ;;
esac

install -m 0644 /etc/ssl/certs/ca-certificates.crt "$target/etc/ssl/certs/ca-certificates.crt"
printf 'hosts: files dns\n' >"$target/etc/nsswitch.conf"
printf 'nonroot:x:65532:65532:nonroot:/:/sbin/nologin\n' >"$target/etc/passwd"
printf 'nonroot:x:65532:\n' >"$target/etc/group"
