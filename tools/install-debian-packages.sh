#!/usr/bin/env bash
# Installs the Debian packages that building, testing and the demo need, when they are missing. Silent when they are
# not; with --build only what building and the demo need. Needs root or sudo only if something has to be installed.
# Further packages may be named as arguments.
set -euo pipefail

build_packages=(
    build-essential pkg-config                        # the C targets
    libuv1-dev librabbitmq-dev libssl-dev zlib1g-dev  # linked into the sidecar
    libsqlite3-dev                                    # the embedded queue
    libcurl4-openssl-dev                              # HTTP client of the SQS transport
    libyaml-dev                                       # manifests of actors
    libpq-dev                                         # store of the gateway
    python3                                           # demo, runtime
    git
)
test_packages=(
    postgresql-15                                     # the gateway's database in tests and perf
    chromium chromium-driver fonts-dejavu-core        # the gateway's page in tests
    rabbitmq-server openssl                           # the broker of tests, demo and perf
    etcd-server                                       # the operator's tests and perf: store of a real API server
    strace                                            # tests and perf count system calls
    python3-venv                                      # tests
)
if [ "${1:-}" = --build ]; then
    shift
    packages=("${build_packages[@]}" "$@")
else
    packages=("${build_packages[@]}" "${test_packages[@]}" "$@")
fi

if ! command -v dpkg-query >/dev/null; then
    echo "This is not Debian: please install the equivalents of: ${packages[*]}" >&2
    exit 0
fi

missing=()
for package in "${packages[@]}"; do
    state=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing+=("$package")
done
[ "${#missing[@]}" -gt 0 ] || exit 0

echo "== installing Debian packages: ${missing[*]}"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "Neither root nor sudo here. Please run as root: apt-get install ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq)
"${apt[@]}" update </dev/null
"${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null
