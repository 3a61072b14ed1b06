# When the kernel writes to the disk what engines have written into memory. Most of it is thrown
# away within a minute or two, so it waits, and the disk sees what lives longer. Where the kernel
# does not let itself be told, all goes on as ever.

WRITEBACK=(dirty_background_ratio=40 dirty_ratio=60 dirty_expire_centisecs=60000)

writeback_delay() {
    local one file now saved=$LAB_DIR/writeback
    for one in "${WRITEBACK[@]}"; do
        file=/proc/sys/vm/${one%=*}
        [ -w "$file" ] && read -r now <"$file" && [ "$now" != "${one#*=}" ] || continue
        mkdir -p "$saved"
        [ -e "$saved/${one%=*}" ] || echo "$now" >"$saved/${one%=*}"
        { echo "${one#*=}" >"$file"; } 2>/dev/null || true
    done
}

writeback_restore() {
    local file
    for file in "$LAB_DIR"/writeback/*; do
        [ -e "$file" ] || continue
        { cat "$file" >"/proc/sys/vm/${file##*/}"; } 2>/dev/null || true
    done
    rm -rf "$LAB_DIR/writeback"
}
