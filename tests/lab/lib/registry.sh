# Docker Hub's stand-in: what is pushed here as library/NAME is what a connected
# engine gets for a plain NAME.

registry_dir() { echo "$LAB_DIR/registry"; }
registry_url() { echo "http://127.0.0.1:$LAB_REGISTRY_PORT"; }

registry_pid() {
    local pid
    pid=$(cat "$(registry_dir)/pid" 2>/dev/null) && [ -n "$pid" ] || return 1
    tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q '^docker-registry serve /srv/registry' || return 1
    echo "$pid"
}

registry_ensure() {
    local dir _
    dir=$(registry_dir)
    registry_pid >/dev/null && return
    mkdir -p "$dir/data"
    if curl -s -o /dev/null --max-time 2 "$(registry_url)/"; then
        die "something else listens on port $LAB_REGISTRY_PORT; set LAB_REGISTRY_PORT"
    fi
    cat >"$dir/config.yml" <<CONFIG
version: 0.1
log: {level: error, accesslog: {disabled: false}}
storage:
  filesystem: {rootdirectory: /srv/registry/data}
  delete: {enabled: true}
http: {addr: "127.0.0.1:$LAB_REGISTRY_PORT"}
CONFIG
    # The binary of the engine root: installed on a machine with systemd, the
    # package would start a service of its own on the same port.
    # shellcheck disable=SC2016
    setsid unshare --mount bash -euc '
        mount -t tmpfs tmpfs "$1/srv"
        mkdir "$1/srv/registry"
        mount --bind "$2" "$1/srv/registry"
        exec chroot "$1" env -i OTEL_TRACES_EXPORTER=none PATH=/usr/bin docker-registry serve /srv/registry/config.yml
    ' registry "$LAB_DIR/roots/28" "$dir" >>"$dir/access.log" 2>>"$LAB_DIR/log/registry.log" </dev/null 9>&- &
    echo $! >"$dir/pid"
    for _ in {1..100}; do
        curl -sf -o /dev/null "$(registry_url)/v2/" && return
        sleep 0.1
    done
    tail -n 10 "$LAB_DIR/log/registry.log" >&2
    die "the registry did not start"
}

registry_stop() {
    local pid _
    if pid=$(registry_pid); then
        kill -TERM "$pid"
        for _ in {1..50}; do
            registry_pid >/dev/null || break
            sleep 0.1
        done
    fi
    rm -f "$(registry_dir)/pid"
}

registry_status() {
    if registry_pid >/dev/null; then echo "registry running $(registry_url)"; else echo "registry stopped"; fi
}

# registry_push_blob REPOSITORY FILE DIGEST: one blob, unless it is there.
registry_push_blob() {
    local base place
    base=$(registry_url)/v2/$1/blobs
    curl -sf -o /dev/null -I "$base/$3" && return
    place=$(curl -sf -X POST -D - -o /dev/null "$base/uploads/" | tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
    [[ $place == http* ]] || place=$(registry_url)$place
    curl -sf -o /dev/null -T "$2" -H 'Content-Type: application/octet-stream' \
        "$place$([[ $place == *\?* ]] && echo '&' || echo '?')digest=$3"
}

# registry_push_manifest REPOSITORY TAG FILE
registry_push_manifest() {
    curl -sf -o /dev/null -X PUT --data-binary "@$3" \
        -H "Content-Type: $(jq -r .mediaType "$3")" "$(registry_url)/v2/$1/manifests/$2"
}

# registry_get REPOSITORY PATH FILE
registry_get() {
    curl -sfL -o "$3" -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
        -H 'Accept: application/vnd.oci.image.index.v1+json' "$(registry_url)/v2/$1/$2"
}

# The manifests that were asked for since the last reset, present or not: tags
# as NAME:TAG, digests as NAME@DIGEST.
registry_pulls() {
    local log mark
    log=$(registry_dir)/access.log
    mark=$(registry_dir)/pulls.offset
    if [ "${1:-}" = --reset ]; then
        stat -c %s "$log" >"$mark"
        return
    fi
    tail -c "+$(($(cat "$mark" 2>/dev/null || echo 0) + 1))" "$log" |
        sed -nE 's@.*"(GET|HEAD) /v2/([^ ?"]+)/manifests/([^ ?"]+)[ ?].*@\2 \3@p' |
        awk '{ ref = $1 ($2 ~ /^sha256:/ ? "@" : ":") $2 } !seen[ref]++ { print ref }'
}
