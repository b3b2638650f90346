#!/usr/bin/env bash
# Builds tools/chart-renderer with Debian's Go and sprig, without the network: build-chart-renderer.sh OUTPUT
set -euo pipefail
cd "$(dirname "$0")/chart-renderer"
bash ../install-debian-packages.sh golang-go golang-github-masterminds-sprig-dev golang-gopkg-yaml.v3-dev
mkdir -p "$(dirname "$1")"
GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE="${GOCACHE:-$(dirname "$1")/go-cache}" go build -o "$1" .
