#!/usr/bin/env bash
# The tests: unit tests of the workspace, then the stories on real engines.
# Usage: run.sh pairs   one pair of engines, one round
#        run.sh all     all eight pairs, three rounds
# PAIRS=overlay2:26-containerd,...  ROUNDS=n  STORIES="name ..."  narrow it down;
# DOCKER_OFFLINE_BIN_DIR=DIR tests the binaries in there and builds none.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."

case ${1:-pairs} in
    pairs) export PAIRS=${PAIRS:-one} ROUNDS=${ROUNDS:-1} ;;
    all) export PAIRS=${PAIRS:-all} ROUNDS=${ROUNDS:-3} ;;
    *)
        echo "usage: tests/run.sh [pairs|all]" >&2
        exit 2
        ;;
esac

lab=tests/lab/lab
work=${LAB_WORK:-${LAB_DIR:-/var/lib/docker-offline-lab}/work}
log=$(mktemp)
was_up=no
if $lab status 2>/dev/null | grep -q running; then was_up=yes; fi
lab_up=
finish() {
    rm -f "$log"
    wait $lab_up || true
    # What was there before belongs to somebody else.
    [ $was_up = yes ] || $lab down
}
trap finish EXIT
trap 'exit 130' INT TERM

started=$SECONDS
make deps
# Roots and images are fetched and unpacked while this is compiled.
$lab up &
lab_up=$!
rm -rf --one-file-system "$work"/kept-*
[ -n "${DOCKER_OFFLINE_BIN_DIR:-}" ] || make build

failed_runs=0
told() {
    echo "== $*" >&2
    "$@" 2>&1 | tee -a "$log" || failed_runs=$((failed_runs + 1))
}
told cargo test --workspace --exclude docker-offline-tests --locked --no-fail-fast
wait $lab_up
stories=(--tests)
[ -z "${STORIES:-}" ] || stories=(--lib)
for story in ${STORIES:-}; do stories+=(--test "$story"); done
# One story after the other: they share two processors, a registry and its log.
told cargo test -p docker-offline-tests --locked --no-fail-fast "${stories[@]}" -- \
    --test-threads=1 --nocapture

# One line that adds up what every "test result:" line of cargo says.
awk -v pairs="$PAIRS" -v rounds="$ROUNDS" -v took=$((SECONDS - started)) -v broken=$failed_runs '
    /^test result: / { passed += $4; failed += $6 }
    END {
        # A test binary that ends without a result has failed as a whole.
        if (broken > 0 && failed == 0) failed = broken
        printf "\npairs: %s, rounds: %s, %d min %d s\n", pairs, rounds, took / 60, took % 60
        printf "%d passed, %d failed\n", passed, failed
        exit failed > 0
    }' "$log"
