#!/usr/bin/env bash
# Builds kube-apiserver and kube-controller-manager from Debian's source package into a cache folder and prints the
# folder; does nothing when they are there. Runs side by side are safe: one builds, the others wait.
#
#     ASYA_CACHE_DIR   where the cache lives (default ~/.cache/asya); about 220 MB stay, 3 GB are needed meanwhile
#
# About five minutes on two cores. The operator's tests need these servers: a fake API server would only confirm what
# we believe about the real one.
set -euo pipefail

# A change here, of this recipe or of the package, makes a new folder in the cache.
readonly recipe=1
readonly package=kubernetes
readonly version=1.20.2
readonly go_root=/usr/lib/go-1.19
readonly reflect2=/usr/share/gocode/src/github.com/modern-go/reflect2
readonly programs=(kube-apiserver kube-controller-manager)
# An API server needs 2 GB of memory to link, and two builds at once would not be faster.
readonly lock_limit_seconds=3600

tools=$(cd "$(dirname "$0")" && pwd)
cache=${ASYA_CACHE_DIR:-${HOME:?HOME is not set; set ASYA_CACHE_DIR}/.cache/asya}
target=$cache/kubernetes-$version-$recipe

is_complete() {
    local program
    for program in "${programs[@]}"; do
        [ -x "$target/$program" ] || return 1
    done
}

say() { echo "== kubernetes: $*" >&2; }

build() {
    # Under Go 1.18 and later the vendored reflect2 1.0.1 crashes in map iteration; Debian packages the repaired one.
    rm -rf tree/vendor/github.com/modern-go/reflect2/*
    cp -R "$reflect2"/. tree/vendor/github.com/modern-go/reflect2/
    local goals="" program
    for program in "${programs[@]}"; do goals+=" cmd/$program"; done
    mkdir -p tree/.go/src/k8s.io home
    ln -sfn ../../.. tree/.go/src/k8s.io/kubernetes
    (
        cd tree
        export PATH="$go_root/bin:$PATH" GOPATH="$PWD/.go" HOME="$OLDPWD/home" CGO_ENABLED=0 GOFLAGS=-mod=vendor
        export KUBE_GIT_COMMIT=debian KUBE_GIT_TREE_STATE=archive KUBE_GIT_VERSION="v$version"
        export KUBE_GIT_MAJOR=1 KUBE_GIT_MINOR=20 GOPROXY=off GOTOOLCHAIN=local
        make WHAT="$goals"
    ) >build.log 2>&1 || { tail -40 build.log >&2; say "the build failed; the whole log: $PWD/build.log"; exit 1; }
}

if ! is_complete; then
    mkdir -p "$cache"
    exec 9>"$cache/kubernetes.lock"
    flock --wait "$lock_limit_seconds" 9 || { say "gave up waiting for the build of another process"; exit 1; }
fi
if ! is_complete; then
    "$tools/install-debian-packages.sh" golang-1.19-go golang-1.19-src golang-github-modern-go-reflect2-dev \
        dpkg-dev rsync jq >&2
    work=$cache/kubernetes-build
    # Go makes its module cache read-only, hence chmod.
    [ ! -e "$work" ] || { chmod -R u+w "$work"; rm -rf "$work"; }
    mkdir -p "$work"
    cd "$work"
    say "building ${programs[*]} $version, once, about five minutes"
    "$tools/fetch-debian-source.sh" "$package" tree
    build
    mkdir -p "$target"
    for program in "${programs[@]}"; do
        strip -o "$target/$program.new" "tree/_output/bin/$program"
        mv "$target/$program.new" "$target/$program"
    done
    cd "$cache"
    chmod -R u+w "$work"
    rm -rf "$work"
    say "ready in $target"
fi
echo "$target"
