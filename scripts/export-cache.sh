#!/usr/bin/env bash
# Exports what a Compose project needs to be built and run without a network.
# Run it in the project's folder, on a machine with a network.
#
# Usage: export-cache.sh [BUNDLE] [FLAG | SERVICE]...
#
#   BUNDLE   the folder to export to (default: build-cache); "-" for the default, to be able to
#            name a SERVICE
#   FLAG     as docker offline export --help lists them, for example -f FILE
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
if [ "${1:-}" = - ]; then
    words=("${@:2}")
elif [ $# -gt 0 ] && [[ $1 != -* ]]; then
    words=(--cache-dir "$1" "${@:2}")
fi
offline export ${words[@]+"${words[@]}"}
