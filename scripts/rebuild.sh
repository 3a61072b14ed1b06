#!/usr/bin/env bash
# Rebuilds a running Compose project after edits, without a network: builds what changed, replaces
# only the containers whose image is not what it was, waits until they are healthy, and reports.
# Run it in the project's folder. What runs is not touched before everything is built; a container
# that does not become healthy is replaced by one of its old image.
#
# Usage: rebuild.sh [FLAG | SERVICE]...
#
#   FLAG     as docker offline build --help lists them, for example -f FILE, --bundle DIR, --classic
#
# REBUILD_TIMEOUT: the seconds that containers may take to become healthy (120), as --wait-timeout
#
# Exits as docker offline build --up does: with 0 where all that was rebuilt is healthy, with 56
# where a container was put back.
set -euo pipefail
# shellcheck source=scripts/offline.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/offline.sh"

offline build --up ${REBUILD_TIMEOUT:+--wait-timeout "$REBUILD_TIMEOUT"} "$@"
