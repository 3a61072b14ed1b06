#!/usr/bin/env bash
# The tests: unit tests of the workspace, then the stories on real engines.
# Usage: run.sh pairs   one pair of engines, one round
#        run.sh all     all eight pairs, three rounds
# PAIRS=overlay2:26-containerd,...  ROUNDS=n  STORIES="name ..."  narrow it down, SLOTS=n says how
# many stories are told at once; DOCKER_OFFLINE_BIN_DIR=DIR tests the binaries in there, say
# those of make build, instead of binaries of the profile that unit tests are compiled in.
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
case $($lab status 2>/dev/null) in *running*) was_up=yes ;; esac
lab_up=
finish() {
    rm -f "$log"
    wait || true
    rm -rf --one-file-system "$work/shared-$$" "$work/binaries-$$"
    # What was there before belongs to somebody else.
    [ $was_up = yes ] || $lab down
}
trap finish EXIT
trap 'exit 130' INT TERM

started=$SECONDS
make deps
echo "== the lab comes up and the binaries are built; then unit tests, then stories" >&2
# Roots and images are fetched and unpacked while this is compiled.
$lab up &
lab_up=$!
rm -rf --one-file-system "$work"/kept-*
failed_runs=0
told() {
    "$@" 2>&1 | tee -a "$log" || failed_runs=$((failed_runs + 1))
}
# All of it is built for the same packages and targets: cargo gives crates the features that these
# ask for, and would compile most of them again for others.
told cargo test --workspace --locked --no-fail-fast
scenarios=$(cargo test --workspace --test scenarios --locked --no-run --message-format json |
    sed -n 's/.*"executable":"\([^"]*\/scenarios-[^"]*\)".*/\1/p')
cargo build --workspace --bins --tests --locked
built=${CARGO_TARGET_DIR:-target}/$(rustc -vV | sed -n 's/^host: //p')/debug
if [ -z "${DOCKER_OFFLINE_BIN_DIR:-}" ]; then
    # An export puts them beside its archive: without symbols they are a third as large.
    binaries=(docker-offline docker-offline-export docker-offline-build docker-offline-diagnose)
    export DOCKER_OFFLINE_BIN_DIR=$work/binaries-$$
    mkdir -p "$DOCKER_OFFLINE_BIN_DIR"
    for binary in "${binaries[@]}"; do
        strip -o "$DOCKER_OFFLINE_BIN_DIR/$binary" "$built/$binary"
    done
fi
wait $lab_up
echo "== built and tried by units after $(((SECONDS - started) / 60)) min $(((SECONDS - started) % 60)) s" >&2

# What the stories of this run share: exports that several of them begin with.
export STORIES_SHARED=$work/shared-$$
mkdir -p "$STORIES_SHARED"
told "$built/tell" "$scenarios"

# One line that adds up what every "test result:" line of cargo says, and that of the stories.
awk -v pairs="$PAIRS" -v rounds="$ROUNDS" -v took=$((SECONDS - started)) -v broken=$failed_runs '
    /^test result: / { passed += $4; failed += $6 }
    /^stories: / { passed += $2; failed += $4 }
    END {
        # A test binary that ends without a result has failed as a whole.
        if (broken > 0 && failed == 0) failed = broken
        printf "\npairs: %s, rounds: %s, %d min %d s\n", pairs, rounds, took / 60, took % 60
        printf "%d passed, %d failed\n", passed, failed
        exit failed > 0
    }' "$log"
