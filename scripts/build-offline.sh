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
# shellcheck source=scripts/offline.sh
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/offline.sh"

offline_build -- "$@"
