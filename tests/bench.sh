#!/usr/bin/env bash
# Time, size and memory of a bundle of about 2 GB, against docker save and docker load, on real
# engines, in one run on the same images. Exits with 1 when a promise is missed:
#   memory of export, unpack and load under 100 MiB; packing at least 5 times as fast as gzip -6;
#   the archive no larger than that of docker save | zstd -T0.
# BENCH_MB=n for another size; the promises are made for 2000.
set -euo pipefail
repository=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
cd "$repository"

megabytes=${BENCH_MB:-2000}
lab=tests/lab/lab
lab_dir=${LAB_DIR:-/var/lib/docker-offline-lab}
connected=28-overlay2-connected-bench
airgapped=28-overlay2-airgapped-bench
was_up=no
case $($lab status 2>/dev/null) in *running*) was_up=yes ;; esac
folder=
finish() {
    local code=$?
    trap - EXIT
    $lab wipe $connected || true
    $lab wipe $airgapped || true
    [ -z "$folder" ] || rm -rf --one-file-system "$folder"
    [ $was_up = yes ] || $lab down
    exit $code
}
trap finish EXIT
trap 'exit 130' INT TERM

say() { printf '== %s\n' "$*" >&2; }

# measured NAME COMMAND...: sets NAME_s (seconds) and NAME_kb (peak memory of our own processes,
# as the kernel's high-water mark tells it; they are found by their session).
measured() {
    local name=$1 began pid peak=0 now code=0 log
    shift
    log=$folder/$name.log
    began=$(date +%s.%N)
    setsid "$@" >"$log" 2>&1 &
    pid=$!
    while kill -0 $pid 2>/dev/null; do
        now=$(own_memory $pid)
        [ "$now" -le $peak ] || peak=$now
        sleep 0.05
    done
    wait $pid || code=$?
    if [ $code != 0 ]; then
        tail -n 30 "$log" >&2
        echo "bench: exit code $code of: $*" >&2
        exit 1
    fi
    printf -v "${name}_s" '%s' "$(awk -v a="$began" -v b="$(date +%s.%N)" 'BEGIN { printf "%.1f", b - a }')"
    printf -v "${name}_kb" '%s' "$peak"
    say "$name: $(awk -v a="$began" -v b="$(date +%s.%N)" 'BEGIN { printf "%.1f", b - a }') s"
}

own_memory() {
    local pid sum=0 peak
    for pid in $(ps -s "$1" -o pid= 2>/dev/null || true); do
        case $(readlink "/proc/$pid/exe" 2>/dev/null) in
            */docker-offline*)
                peak=$(awk '/^VmHWM/ { print $2 }' "/proc/$pid/status" 2>/dev/null || true)
                sum=$((sum + ${peak:-0}))
                ;;
        esac
    done
    echo $sum
}

on() {
    local engine=$1 dir=$2
    shift 2
    "$lab" run "$engine" --cwd "$dir" -- "$@"
}
size_of() { stat -c %s "$1"; }

$lab up
[ -n "${DOCKER_OFFLINE_BIN_DIR:-}" ] || make build
folder=$(mktemp -d "${LAB_WORK:-$lab_dir/work}/bench.XXXXXX")
chmod 755 "$folder"
mkdir "$folder/binaries" "$folder/project" "$folder/stick"
target=${CARGO_TARGET_DIR:-target}/$(rustc -vV | sed -n 's/^host: //p')/release
cp "${DOCKER_OFFLINE_BIN_DIR:-$target}"/docker-offline{,-export,-build,-diagnose} "$folder/binaries/"

say "a project of $megabytes MB: three fifths from /usr, two fifths that nothing can compress"
project=$folder/project
mkdir -p "$project/app/data"
cat >"$project/compose.yaml" <<'COMPOSE'
name: bench
services:
  app:
    build: ./app
    image: bench-app:latest
COMPOSE
cat >"$project/app/Dockerfile" <<'DOCKERFILE'
FROM debian:bookworm-slim
COPY data/usr.tar /srv/usr.tar
COPY data/noise /srv/noise
RUN echo built > /srv/built
DOCKERFILE
usr_bytes=$((megabytes * 600000)) noise_bytes=$((megabytes * 400000))
# Repeated from the start where there is less of it; 200 MB apart, no compressor here sees that.
while [ "$(size_of "$project/app/data/usr.tar" 2>/dev/null || echo 0)" -lt $usr_bytes ]; do
    { tar -C "$lab_dir/roots" --sort=name -cf - 28/usr 26/usr 2>/dev/null || true; } |
        head -c $((usr_bytes - $(size_of "$project/app/data/usr.tar" 2>/dev/null || echo 0))) >>"$project/app/data/usr.tar"
done
{ openssl enc -aes-128-ctr -nosalt -pass pass:bench -md sha256 -in /dev/zero 2>/dev/null || true; } |
    head -c $noise_bytes >"$project/app/data/noise"

$lab start $connected
on $connected "$folder" "$repository/scripts/install.sh" --from "$folder/binaries" >/dev/null 2>&1
say "the images are built before anything is measured"
on $connected "$project" docker pull -q debian:bookworm-slim >/dev/null
on $connected "$project" docker compose build --quiet >/dev/null 2>&1

say "docker save"
on $connected "$project" docker save -o "$folder/save.tar" debian:bookworm-slim bench-app:latest
raw=$(size_of "$folder/save.tar")
# shellcheck disable=SC2094
measured gzip sh -c "gzip -6 <$folder/save.tar >$folder/save.tar.gz"
measured zstd sh -c "zstd -q -T0 <$folder/save.tar >$folder/save.tar.zst"
rm "$folder/save.tar.gz.tmp" 2>/dev/null || true
images='debian:bookworm-slim bench-app:latest'
# The compressors are this machine's: the engines' roots need none.
measured save_gzip sh -c "$lab run $connected -- docker save $images | gzip -6 >$folder/piped.tar.gz"
measured save_zstd sh -c "$lab run $connected -- docker save $images | zstd -q -T0 >$folder/piped.tar.zst"

say "docker offline export"
# The very images that docker save has: the classic builder's would be a second copy of them.
# The first one meets an engine that has built nothing by stages; the second has only to save and pack.
measured export_first $lab run $connected --cwd "$project" -- \
    docker offline export --progress plain --archive none --cache-dir "$folder/bundle"
rm -rf "$folder/bundle"
measured export $lab run $connected --cwd "$project" -- \
    docker offline export --progress plain --cache-dir "$folder/bundle" --archive "$folder/stick/build-cache-bench.tar.zst"
archive=$(size_of "$folder/stick/build-cache-bench.tar.zst")
rm "$folder/stick/build-cache-bench.tar.zst"
# The bundle is there, so that this one packs and does nothing else but look.
measured pack $lab run $connected --cwd "$project" -- \
    docker offline export --progress plain --cache-dir "$folder/bundle" --archive "$folder/stick/build-cache-bench.tar.zst"
$lab wipe $connected

say "docker load"
$lab start $airgapped
measured load_plain $lab run $airgapped --cwd "$folder" -- docker load -q -i save.tar
$lab wipe $airgapped
$lab start $airgapped
measured load_zstd sh -c "zstd -q -d <$folder/save.tar.zst | $lab run $airgapped -- docker load -q"
$lab wipe $airgapped

say "docker offline build"
$lab start $airgapped
on $airgapped "$folder" "$folder/stick/install.sh" >/dev/null 2>&1
measured setup $lab run $airgapped --cwd "$project" -- \
    docker offline build --progress plain --setup --bundle "$folder/stick/build-cache-bench.tar.zst"
measured setup_again $lab run $airgapped --cwd "$project" -- \
    docker offline build --progress plain --setup --bundle "$folder/stick/build-cache-bench.tar.zst"
measured build $lab run $airgapped --cwd "$project" -- \
    docker offline build --progress plain --bundle "$folder/stick/build-cache-bench.tar.zst"

# ---- the table

ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", (b > 0 ? a / b : 0) }'; }
row() { printf '%-44s %8s s %10s %10s\n' "$@"; }
mib() { awk -v b="$1" 'BEGIN { printf "%.0f MiB", b / 1048576 }'; }
memory() { awk -v k="$1" 'BEGIN { printf "%.0f MiB", k / 1024 }'; }
# shellcheck disable=SC2154
{
    printf '\nimages of %s, uncompressed; %s processors\n\n' "$(mib "$raw")" "$(nproc)"
    printf '%-44s %10s %10s %10s\n' '' time size memory
    row 'gzip -6 of the saved tar' "$gzip_s" "$(mib "$(size_of "$folder/save.tar.gz")")" ''
    row 'zstd -T0 of the saved tar' "$zstd_s" "$(mib "$(size_of "$folder/save.tar.zst")")" ''
    row 'docker offline export, bundle there: packing' "$pack_s" "$(mib "$archive")" "$(memory "$pack_kb")"
    row 'docker save | gzip -6' "$save_gzip_s" "$(mib "$(size_of "$folder/piped.tar.gz")")" ''
    row 'docker save | zstd -T0' "$save_zstd_s" "$(mib "$(size_of "$folder/piped.tar.zst")")" ''
    row 'docker offline export, stages built' "$export_s" "$(mib "$archive")" "$(memory "$export_kb")"
    row 'docker offline export, nothing built' "$export_first_s" '' "$(memory "$export_first_kb")"
    row 'docker load of the saved tar' "$load_plain_s" '' ''
    row 'zstd -d | docker load' "$load_zstd_s" '' ''
    row 'docker offline build --setup: unpack, load' "$setup_s" '' "$(memory "$setup_kb")"
    row 'the same again' "$setup_again_s" '' "$(memory "$setup_again_kb")"
    row 'docker offline build' "$build_s" '' "$(memory "$build_kb")"
    printf '\n'
} | tee "$folder/table"

missed=0
promise() {
    local words=$1 value=$2 test=$3 limit=$4 verdict=kept
    if ! awk -v v="$value" -v l="$limit" "BEGIN { exit !(v $test l) }"; then
        verdict=MISSED
        missed=1
    fi
    printf '%-6s  %s: %s (%s %s)\n' "$verdict" "$words" "$value" "$test" "$limit"
}
# shellcheck disable=SC2154
{
    for name in export_first export pack setup setup_again build; do
        memory_kb=${name}_kb
        promise "peak memory of $name in MiB" "$(awk -v k="${!memory_kb}" 'BEGIN { printf "%.1f", k / 1024 }')" '<' 100
    done
    promise 'packing, times as fast as gzip -6' "$(ratio "$gzip_s" "$pack_s")" '>=' 5
    promise 'save and pack, times as fast as docker save | gzip -6' "$(ratio "$save_gzip_s" "$export_s")" '>=' 1
    promise 'size against docker save | zstd -T0' "$(ratio "$archive" "$(size_of "$folder/piped.tar.zst")")" '<=' 1
}
exit $missed
