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
# shellcheck source=scripts/offline.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/offline.sh"

words=("$@")
if [ "${1:-}" = - ]; then
    words=("${@:2}")
elif [ $# -gt 0 ] && [[ $1 != -* ]]; then
    words=(--cache-dir "$1" "${@:2}")
fi
offline export ${words[@]+"${words[@]}"}
