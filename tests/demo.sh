#!/usr/bin/env bash
# The whole story once, on real engines, each command with what it answers: export on a
# connected machine; carry two folders; on a machine without a network build, edit, rebuild.
set -euo pipefail
repository=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
cd "$repository"

lab=tests/lab/lab
connected=28-overlay2-connected-demo
airgapped=28-containerd-airgapped-demo
was_up=no
case $($lab status 2>/dev/null) in *running*) was_up=yes ;; esac
folder=
finish() {
    local code=$?
    trap - EXIT
    $lab wipe $connected || true
    $lab wipe $airgapped || true
    [ -z "$folder" ] || rm -rf --one-file-system "$folder"
    [ $was_up = yes ] || $lab down
    [ $code = 0 ] || echo "demo: failed" >&2
    exit $code
}
trap finish EXIT
trap 'exit 130' INT TERM

title() { printf '\n\033[1m== %s\033[0m\n' "$*"; }

# Shows a command and runs it beside an engine. Of a plain build log, the steps with their
# outcome are enough to see what happened.
on() {
    local engine=$1 dir=$2 code=0
    shift 2
    printf '\n$ %s\n' "${*//$folder\//}"
    $lab run "$engine" --cwd "$dir" -- "$@" 2>&1 | condensed || code=$?
    return $code
}

condensed() {
    awk '
        /^#[0-9]+ \[[^]]*[0-9]+\/[0-9]+\] / { step[$1] = $0; next }
        /^#[0-9]+ CACHED/ { if ($1 in step) print substr(step[$1], 1, 90) "  CACHED"; next }
        /^#[0-9]+ DONE/ { if ($1 in step) print substr(step[$1], 1, 90) "  " $2 " " $3; next }
        /^#[0-9]+ ERROR/ { print; next }
        /^#[0-9]+( |$)/ || /^\(Reading database/ { next }
        /^ *$/ && blank { next }
        { blank = /^ *$/; print; fflush() }'
}

# edit FILE FROM TO
edit() {
    printf '\n$ sed -i "s/%s/%s/" %s\n' "$2" "$3" "$1"
    grep -q "$2" "$project/$1"
    sed -i "s/$2/$3/" "$project/$1"
}

title "Two machines: one with a network, one without"
$lab up
[ -n "${DOCKER_OFFLINE_BIN_DIR:-}" ] || make build
$lab start $connected
$lab start $airgapped
folder=$(mktemp -d "${LAB_WORK:-${LAB_DIR:-/var/lib/docker-offline-lab}/work}/demo.XXXXXX")
chmod 755 "$folder"
mkdir "$folder/stick" "$folder/connected" "$folder/airgapped" "$folder/binaries"
cp -rp compose-examples/llm-chat "$folder/connected/llm-chat"
target=${CARGO_TARGET_DIR:-target}/$(rustc -vV | sed -n 's/^host: //p')/release
cp "${DOCKER_OFFLINE_BIN_DIR:-$target}"/docker-offline{,-export,-build,-diagnose} "$folder/binaries/"
$lab run $connected -- "$repository/scripts/install.sh" --from "$folder/binaries" >/dev/null 2>&1
on $connected "$folder" docker version --format 'connected: Engine {{.Server.Version}}'
on $airgapped "$folder" docker version --format 'air-gapped: Engine {{.Server.Version}}'
printf '\n$ docker pull debian:bookworm-slim      # air-gapped\n'
if $lab run $airgapped -- docker pull -q debian:bookworm-slim 2>&1; then
    echo "the air-gapped machine has a network" >&2
    exit 1
fi

title "Connected: export"
on $connected "$folder/connected/llm-chat" docker offline export --progress plain --archive "$folder/stick/build-cache-demo.tar.zst"

title "Carry the archive's folder and the project's folder over"
on $connected "$folder" ls -lh stick
cp -rp "$folder/connected/llm-chat" "$folder/airgapped/llm-chat"
rm -rf "$folder/airgapped/llm-chat/build-cache"
project=$folder/airgapped/llm-chat

title "Air-gapped: install, diagnose, build"
on $airgapped "$folder/stick" ./install.sh
on $airgapped "$project" docker offline diagnose --bundle "$folder/stick/build-cache-demo.tar.zst"
on $airgapped "$project" docker offline build --progress plain --bundle "$folder/stick/build-cache-demo.tar.zst"

title "Edit a backend file and a front-end file, and use plain Compose"
edit backend/app/version.py '1\.0\.0' '1.0.1-offline'
edit frontend/src/main.js 'Welcome to llm-chat' 'Edited without a network'
on $airgapped "$project" docker compose --progress plain up -d --build

title "Both edits answer"
on $airgapped "$project" curl -sS --retry 20 --retry-all-errors --retry-delay 1 http://127.0.0.1:8000/api/version | tee "$folder/backend"
on $airgapped "$project" sh -c 'curl -sS http://127.0.0.1:8080/main.js | grep -o "Edited without a network"' | tee "$folder/frontend"
grep -q '1.0.1-offline' "$folder/backend"
grep -q '^Edited without a network' "$folder/frontend"

title "Done: rebuilt without a network, with an unmodified Dockerfile and plain Compose"
