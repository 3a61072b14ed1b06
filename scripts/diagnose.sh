#!/usr/bin/env bash
# Says what a build without a network would lack, before anything hangs.
# Run it in the project's folder, on the machine without a network.
#
# Usage: diagnose.sh [BUNDLE] [FLAG]...
#
#   BUNDLE   the folder or archive of the export (default: what lies beside the Compose file)
#   FLAG     as docker offline diagnose --help lists them, for example -f FILE
set -euo pipefail

usage() {
    sed -n '2,/^set /{s/^# \{0,1\}//p}' "$0"
}
case ${1:-} in -h | --help) usage && exit ;; esac

# The plugin where docker finds it, the binary of the same purpose on PATH otherwise. For a plugin
# it does not have, docker prints its own help and exits with 0: the text decides.
offline() {
    if [[ $(docker offline --help 2>/dev/null) == *docker?offline* ]]; then
        set -- docker offline "$@"
    elif command -v "docker-offline-$1" >/dev/null; then
        set -- "docker-offline-$1" "${@:2}"
    else
        echo "error: neither 'docker offline' nor docker-offline-$1 can be found" >&2
        echo "hint: run install.sh from the folder the archive came in" >&2
        exit 127
    fi
    echo "$*" >&2
    exec "$@"
}

words=("$@")
if [ $# -gt 0 ] && [[ $1 != -* ]]; then
    words=(--bundle "$1" "${@:2}")
fi
offline diagnose ${words[@]+"${words[@]}"}
