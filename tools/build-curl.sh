#!/usr/bin/env bash
# Builds a static libcurl that speaks HTTP and HTTPS only, from Debian's source package, into a cache folder and prints
# the folder of libcurl.a; does nothing when it is there. Runs side by side are safe: one builds, the others wait.
#
#     ASYA_CACHE_DIR   where the cache lives (default ~/.cache/asya); under 2 MB stay
#
# About a minute on two cores. Debian's own archive would bring Kerberos, LDAP, SSH and 40 more libraries into a sidecar
# that sends requests to SQS, and cannot be linked statically.
set -euo pipefail

# A change of this recipe makes a new folder in the cache.
readonly recipe=1
readonly package=curl
readonly lock_limit_seconds=1800

tools=$(cd "$(dirname "$0")" && pwd)
cache=${ASYA_CACHE_DIR:-${HOME:?HOME is not set; set ASYA_CACHE_DIR}/.cache/asya}
# The headers in use are those of libcurl4-openssl-dev, so its version is the one to build.
version=$(dpkg-query --show --showformat='${Version}' libcurl4-openssl-dev)
target=$cache/curl-$version-$recipe

say() { echo "== curl: $*" >&2; }

build() {
    (
        cd tree
        ./configure --disable-shared --enable-static --with-openssl --with-zlib \
            --with-ca-bundle=/etc/ssl/certs/ca-certificates.crt --enable-threaded-resolver \
            --disable-dict --disable-file --disable-ftp --disable-gopher --disable-imap --disable-ldap --disable-ldaps \
            --disable-mqtt --disable-pop3 --disable-rtsp --disable-smb --disable-smtp --disable-telnet --disable-tftp \
            --disable-manual --disable-alt-svc --disable-hsts --disable-ntlm --disable-unix-sockets --disable-cookies \
            --without-brotli --without-zstd --without-nghttp2 --without-libidn2 --without-libpsl --without-librtmp \
            --without-libssh2 --without-gssapi CFLAGS="-O2 -ffunction-sections -fdata-sections"
        make -C lib -j "$(nproc)"
    ) >build.log 2>&1 || { tail -40 build.log >&2; say "the build failed; the whole log: $PWD/build.log"; exit 1; }
}

if [ ! -e "$target/libcurl.a" ]; then
    mkdir -p "$cache"
    exec 9>"$cache/curl.lock"
    flock --wait "$lock_limit_seconds" 9 || { say "gave up waiting for the build of another process"; exit 1; }
fi
if [ ! -e "$target/libcurl.a" ]; then
    "$tools/install-debian-packages.sh" --build dpkg-dev >&2
    work=$cache/curl-build
    rm -rf "$work"
    mkdir -p "$work"
    cd "$work"
    say "building libcurl $version, once, about a minute"
    "$tools/fetch-debian-source.sh" "$package" tree
    build
    mkdir -p "$target"
    cp tree/lib/.libs/libcurl.a "$target/libcurl.a.new"
    mv "$target/libcurl.a.new" "$target/libcurl.a"
    cd "$cache"
    rm -rf "$work"
    say "ready in $target"
fi
echo "$target"
