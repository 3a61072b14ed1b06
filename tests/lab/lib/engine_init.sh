# Runs in a fresh mount namespace (and network namespace) and becomes dockerd.
#
# pivot_root and not chroot: under a chroot, "docker exec" would land in the
# machine's own root. The root is an overlay, so that what a test installs in
# one engine's machine is not seen by the next.
set -euo pipefail
release=$1 engine=$2 resolv=$3
root=$engine/root/merged

mount --make-rprivate /
mkdir -p "$engine"/root/{upper,work,merged}
mount -t overlay overlay \
    -o "lowerdir=$LAB_DIR/roots/$release,upperdir=$engine/root/upper,workdir=$engine/root/work" "$root"

mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
touch "$root/etc/resolv.conf" "$root/etc/hosts"
mount --bind "$resolv" "$root/etc/resolv.conf"
mount --bind /etc/hosts "$root/etc/hosts"

# Working folders have the same path inside as outside.
IFS=: read -ra binds <<<"$LAB_REPO:$LAB_WORK:$engine${LAB_BINDS:+:$LAB_BINDS}"
for dir in "${binds[@]}"; do
    [ -d "$dir" ] || continue
    mkdir -p "$root$dir"
    mount --bind "$dir" "$root$dir"
done
# Engines write many small files and sync each of them: on a disk image without a journal that
# takes a third less of the processor, and it is removed at once. Where there are no loop devices,
# the folder itself will do.
disk_image() {
    local image=$engine/data.img _
    [ -e /dev/loop-control ] && command -v mkfs.ext4 >/dev/null || return 1
    if [ ! -e "$image" ]; then
        [ -z "$(ls -A "$engine/data")" ] || return 1
        truncate -s 60G "$image.new" &&
            mkfs.ext4 -q -F -m 0 -O ^has_journal -E lazy_itable_init=1,nodiscard "$image.new" &&
            mount_image "$image.new" && mv "$image.new" "$image" || return 1
        return
    fi
    # That of the engine's last run may be about to be taken down.
    for _ in {1..50}; do
        if mount_image "$image"; then return; fi
        sleep 0.1
    done
    echo "$image: cannot be mounted again" >&2
    exit 1
}
# Nothing of an engine has to outlive a power cut of the machine, so none of its syncs waits
# for the machine's disk.
mount_image() { mount -o loop,noatime,nodiscard,barrier=0 "$1" "$root$engine/data"; }
if [ -n "${LAB_DATA_SIZE:-}" ]; then
    # A small disk, to be filled; what is on it ends with the engine.
    mount -t tmpfs -o "size=$LAB_DATA_SIZE" tmpfs "$root$engine/data"
elif ! disk_image; then
    rm -f "$engine/data.img.new"
fi

mkdir -p "$root/.old"
cd "$root"
pivot_root . .old
# Engines start on machines whose mounts are shared; containers may ask for it.
mount --make-rprivate /.old
umount -l /.old
mount --make-rshared /
ln -sfn "$engine/docker.sock" /run/docker.sock

exec env -i HOME="$engine/home" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    dockerd --config-file "$engine/daemon.json" --data-root "$engine/data" \
    --exec-root /run/docker --pidfile "$engine/dockerd.pid" -H "unix://$engine/docker.sock"
