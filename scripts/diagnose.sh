#!/usr/bin/env bash
# Says what a build without a network would lack, before anything hangs.
# Run it in the project's folder, on the machine without a network.
#
# Usage: diagnose.sh [BUNDLE] [FLAG]...
#
#   BUNDLE   the folder or archive of the export (default: what lies beside the Compose file)
#   FLAG     as docker offline diagnose --help lists them, for example -f FILE
set -euo pipefail
# shellcheck source=scripts/offline.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/offline.sh"

words=("$@")
if [ $# -gt 0 ] && [[ $1 != -* ]]; then
    words=(--bundle "$1" "${@:2}")
fi
offline diagnose ${words[@]+"${words[@]}"}
