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
case $($lab status 2>/dev/null) in *running*) was_up=yes ;; esac
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

# story NAME...: what it prints, in one piece when it has ended.
story() {
    local out
    out=$(mktemp)
    echo "== ${!#}" >&2
    cargo test -p docker-offline-tests --locked --no-fail-fast "$@" -- --test-threads=1 --nocapture \
        >"$out" 2>&1 || echo "story failed: $*" >>"$out"
    # shellcheck disable=SC2016
    flock "$log" sh -c 'cat "$1"; cat "$1" >>"$2"' - "$out" "$log"
    rm "$out"
}
export -f story
export log
# These measure time or read the registry's log, and have the machine to themselves.
alone=(closure_is_what_the_mirror_sees rebuilds_after_edits second_export_is_small_and_quick interrupted)
# The longest ones begin; of the others two run at once.
together=(datamate replay_sloppy classic_build replay_fetches_wanted replay_meets_trouble diagnose_finds_nothing)
for path in tests/scenarios/*.rs; do
    name=$(basename "$path" .rs)
    [[ " ${alone[*]} ${together[*]} " == *" $name "* ]] || together+=("$name")
done
if [ -n "${STORIES:-}" ]; then read -ra alone <<<"$STORIES" && together=(); fi
told cargo test -p docker-offline-tests --locked --no-run
story --lib
for name in "${alone[@]}"; do story --test "$name"; done
[ ${#together[@]} = 0 ] || printf '%s\n' "${together[@]}" | xargs -P 2 -I NAME bash -c 'story --test NAME'
failed_runs=$((failed_runs + $(grep -c '^story failed: ' "$log" || true)))

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
