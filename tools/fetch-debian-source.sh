#!/usr/bin/env bash
# Downloads and unpacks a Debian source package into the current folder: fetch-debian-source.sh PACKAGE FOLDER
#
# The configured archives are asked once more, this time for sources, without touching the system's own lists.
set -euo pipefail
package="$1"
folder="$2"

mkdir -p lists/partial parts
for file in /etc/apt/sources.list.d/*.sources; do
    [ ! -f "$file" ] || sed -E 's/^Types:.*/Types: deb-src/' "$file" >"parts/$(basename "$file")"
done
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ ! -f "$file" ] || sed -E 's/^deb /deb-src /' "$file" >"parts/$(basename "$file" .list).list"
done
apt=(apt-get -qq -o "Dir::Etc::SourceList=/dev/null" -o "Dir::Etc::SourceParts=$PWD/parts"
    -o "Dir::State::Lists=$PWD/lists" -o "APT::Sandbox::User=$(id -un)")
"${apt[@]}" update
"${apt[@]}" source --download-only "$package"
dpkg-source -x ./"$package"_*.dsc "$folder" >dpkg-source.log
