# Root file systems with an engine inside, one per Debian release, built once.

ROOTS_VERSION=1
declare -A ROOTS_SUITE=([20]=bookworm [26]=trixie [28]=forky)

# Beside the engine and its clients: what the tests run in there (shells for
# completion and hooks, skopeo as a second reader of layouts, curl for ports).
ROOTS_PACKAGES=docker.io,docker-compose
ROOTS_PACKAGES+=,ca-certificates,iptables,iproute2,mount,git,make
ROOTS_PACKAGES+=,curl,procps,jq,skopeo,fish,zsh
# Release 20 has its client in docker.io and no plugins: its docker-compose is
# version 1, written in Python.
ROOTS_PACKAGES_NEWER=docker-cli,docker-buildx,docker-registry

# Old snapshots are fine as a source, and nothing here is worth an fsync.
ROOTS_OPTIONS=(
    --aptopt='Acquire::Check-Valid-Until "false"'
    --aptopt='APT::Install-Recommends "false"'
    --dpkgopt='path-exclude=/usr/share/doc/*'
    --dpkgopt='path-exclude=/usr/share/man/*'
    --dpkgopt='path-exclude=/usr/share/locale/*'
    --dpkgopt=force-unsafe-io
)
ROOTS_CA=/etc/ssl/certs/ca-certificates.crt

# roots_ensure RELEASE...
roots_ensure() {
    local release uri pids=() failed=0
    for release; do
        [ "$(cat "$LAB_DIR/roots/$release.version" 2>/dev/null)" != "$ROOTS_VERSION" ] || continue
        uri=${uri:-$(packages_debian_uri)}
        say "building the root for engine $release from ${ROOTS_SUITE[$release]}"
        roots_build "$release" "$uri" 9>&- &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
    [ $failed = 0 ] || die "a root could not be built; logs are in $LAB_DIR/log"
}

roots_build() {
    local release=$1 uri=$2 dir=$LAB_DIR/roots/$1 log=$LAB_DIR/log/root-$1.log packages=$ROOTS_PACKAGES
    [ "$release" = 20 ] || packages+=,$ROOTS_PACKAGES_NEWER
    mkdir -p "$LAB_DIR/roots"
    rm -f "$dir.version"
    discard "$dir" "$dir.new"
    if ! mmdebstrap --variant=apt "${ROOTS_OPTIONS[@]}" --include="$packages" \
        --customize-hook="upload $ROOTS_CA $ROOTS_CA" \
        "${ROOTS_SUITE[$release]}" "$dir.new" "$uri" >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        return 1
    fi
    mv "$dir.new" "$dir"
    echo "$ROOTS_VERSION" >"$dir.version"
}

# roots_in LOWER UPPER COMMAND...: a command in a root whose changes land in
# UPPER. The mounts live in a mount namespace of their own and end with it.
roots_in() {
    local lower=$1 upper=$2
    shift 2
    mkdir -p "$upper" "$upper.work" "$upper.merged"
    # shellcheck disable=SC2016
    unshare --mount bash -euc '
        lower=$1 upper=$2 resolv=$3
        shift 3
        root=$upper.merged
        mount -t overlay overlay \
            -o "lowerdir=$lower,upperdir=$upper,workdir=$upper.work" "$root"
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        mount -t tmpfs tmpfs "$root/run"
        cp "$resolv" "$root/run/resolv.conf"
        mount --bind /dev/null "$root/etc/machine-id" 2>/dev/null || true
        [ -e "$root/etc/resolv.conf" ] || touch "$root/etc/resolv.conf"
        mount --bind "$root/run/resolv.conf" "$root/etc/resolv.conf"
        exec env -i HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
            PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            chroot "$root" "$@"
    ' roots_in "$lower" "$upper" "$(network_resolv_conf)" "$@" 9>&-
    rm -rf --one-file-system "$upper.work" "$upper.merged"
}
