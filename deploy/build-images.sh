#!/usr/bin/env bash
# Builds the container images: build-images.sh [options] [IMAGE…], images: asya-sidecar asya-operator asya-gateway asya-crew
#
#   --tag TAG            default: TAG or latest        --registry NAME   default: REGISTRY or none
#   --platform LIST      default: PLATFORM or the engine's own
#   --push               push after building           --version V       default: the tag; the sources' for latest
#   --sbom FOLDER        write a bill of materials per image
#   --sizes              build nothing: sizes of the files of each image, from bin/ (make build); needs no engine
#   --dry-run            print the commands only
set -euo pipefail
cd "$(dirname "$0")/.."

usage() { sed -n '2,10s/^# \{0,1\}//p' "$0"; }
fail() { echo "build-images.sh: $1" >&2; exit 2; }

tag="${TAG:-latest}"
registry="${REGISTRY:-}"
platform="${PLATFORM:-}"
version=""
sbom=""
push=false
sizes=false
run=()
images=()
while [ $# -gt 0 ]; do
    case "$1" in
        --tag | --registry | --platform | --version | --sbom)
            [ $# -ge 2 ] || fail "$1 needs a value"
            printf -v "${1#--}" '%s' "$2"
            shift
            ;;
        --push) push=true ;;
        --dry-run) run=(echo) ;;
        --sizes) sizes=true ;;
        -h | --help) usage; exit 0 ;;
        asya-sidecar | asya-operator | asya-gateway | asya-crew) images+=("$1") ;;
        *) fail "unknown option or image: $1 (see --help)" ;;
    esac
    shift
done
[ ${#images[@]} -gt 0 ] || images=(asya-sidecar asya-operator asya-gateway asya-crew)
[ -n "$version" ] || { [ "$tag" = latest ] && version="$(sed -n 's/.*current = "\(.*\)"/\1/p' Sources/Support/BuildVersion.swift)" || version="$tag"; }

megabytes() { awk -v bytes="$1" 'BEGIN { printf "%.1f MB", bytes / 1e6 }'; }

# Layers are stored and sent as gzip by default; BuildKit makes zstd ones with --output compression=zstd.
print_sizes() {
    local folder image
    printf '%-16s %-12s %-12s %-12s\n' image files gzip zstd
    for image in "${images[@]}"; do
        # The crew's files are Python's image and a package index's answer.
        [ "$image" != asya-crew ] || continue
        folder="$(mktemp -d)"
        deploy/images/assemble.sh "${image#asya-}" "$folder"
        printf '%-16s %-12s %-12s %-12s\n' "$image" "$(megabytes "$(du -sb "$folder" | cut -f1)")" \
            "$(megabytes "$(tar -C "$folder" -czf - . | wc -c)")" \
            "$(command -v zstd >/dev/null && megabytes "$(tar -C "$folder" -cf - . | zstd -19 -q | wc -c)" || echo -)"
        rm -rf "$folder"
    done
}

if $sizes; then
    print_sizes
    exit
fi
if [ ${#run[@]} -eq 0 ]; then
    command -v docker >/dev/null || fail "needs docker (or podman under that name)"
    docker info >/dev/null 2>&1 || fail "docker is installed, but its engine does not answer: start it, or run with --dry-run"
fi
for image in "${images[@]}"; do
    name="${registry:+$registry/}$image:$tag"
    command=(docker build --file deploy/images/Dockerfile --target "${image#asya-}" --build-arg "VERSION=$version" --tag "$name")
    [ -z "$platform" ] || command+=(--platform "$platform")
    echo "== $name"
    "${run[@]}" "${command[@]}" .
    [ -z "$sbom" ] || "${run[@]}" python3 tools/sbom.py "${image#asya-}" --version "$version" --output "$sbom/$image.cdx.json"
    [ ${#run[@]} -gt 0 ] || echo "== $name: $(megabytes "$(docker image inspect --format '{{.Size}}' "$name")"), compressed $(megabytes "$(docker save "$name" | gzip | wc -c)")"
    ! $push || "${run[@]}" docker push "$name"
done
