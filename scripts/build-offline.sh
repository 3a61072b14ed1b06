#!/usr/bin/env bash
# Loads a bundle, warms the build cache and builds a Compose project without a network.
# Run it in the project's folder.
#
# Usage: build-offline.sh [BUNDLE [VERSION]] [FLAG | SERVICE]...
#
#   BUNDLE   the folder or archive of the export (default: what lies beside the Compose file);
#            "-" for the default, to be able to name a VERSION
#   VERSION  one more tag for what is built
#   FLAG     as docker offline build --help lists them, for example -f FILE; a SERVICE comes
#            after a flag, or after BUNDLE and VERSION
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

words=()
if [ $# -gt 0 ] && { [ "$1" = - ] || [[ $1 != -* ]]; }; then
    [ "$1" = - ] || words+=(--bundle "$1")
    shift
    if [ $# -gt 0 ] && [[ $1 != -* ]]; then
        words+=(--version "$1")
        shift
    fi
fi
offline build ${words[@]+"${words[@]}"} "$@"
