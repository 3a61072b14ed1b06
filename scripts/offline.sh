# What the scripts beside this file share; they read it, and it does nothing by itself.
# shellcheck shell=bash

# usage SCRIPT: the words at its top.
usage() {
    sed -n '2,/^set /{s/^# \{0,1\}//p}' "$1"
}
case ${1:-} in -h | --help) usage "$0" && exit ;; esac

# offline COMMAND WORD...: becomes docker offline COMMAND, the plugin where docker finds it, the
# binary of the same purpose on PATH otherwise. For a plugin it does not have, docker prints its
# own help and exits with 0: the text decides.
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

# offline_build [FLAG] -- [BUNDLE [VERSION]] [FLAG | SERVICE]...: the words that both scripts
# that build take.
offline_build() {
    local words=(build)
    while [ "$1" != -- ]; do words+=("$1") && shift; done
    shift
    if [ $# -gt 0 ] && { [ "$1" = - ] || [[ $1 != -* ]]; }; then
        [ "$1" = - ] || words+=(--bundle "$1")
        shift
        if [ $# -gt 0 ] && [[ $1 != -* ]]; then
            words+=(--version "$1")
            shift
        fi
    fi
    offline "${words[@]}" "$@"
}
