# Base images, under the names the tests use, made from Debian packages and
# pushed to the stand-in for Docker Hub.

IMAGES_VERSION=1
IMAGES_PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

images_dir() { echo "$LAB_DIR/images"; }

images_ensure() {
    local dir stamp
    dir=$(images_dir)
    stamp=$(registry_dir)/images.version
    [ "$(cat "$stamp" 2>/dev/null)" != "$IMAGES_VERSION" ] || return 0
    discard "$dir"
    mkdir -p "$dir/layers"
    say "building base images"
    # The frontend needs a compiler and a minute, and no other image.
    frontend_build >"$LAB_DIR/log/frontend.log" 2>&1 9>&- &
    local frontend=$!
    : >"$LAB_DIR/log/images.log"
    images_step images_debian
    images_step images_busybox
    images_step images_upper python images_python_steps python3-minimal python3-pip python3-venv
    images_push library/python 3.11-slim '{"Cmd": ["python3"]}' debian python
    images_step images_upper nginx images_nginx_steps nginx-light
    images_push library/nginx 1.27 '{"Cmd": ["nginx", "-g", "daemon off;"],
        "ExposedPorts": {"80/tcp": {}}, "StopSignal": "SIGQUIT"}' debian nginx
    images_step images_upper redis images_redis_steps redis-server
    images_push library/redis 7 '{"Cmd": ["redis-server", "--protected-mode", "no", "--bind", "0.0.0.0"],
        "ExposedPorts": {"6379/tcp": {}}, "WorkingDir": "/data"}' debian redis
    images_step images_upper node images_node_steps nodejs npm
    images_push library/node 20-slim '{"Cmd": ["node"]}' debian node
    wait $frontend || images_failed frontend
    frontend_push
    discard "$dir"
    rm -f "$(registry_dir)"/{multi,compilers}.version
    echo "$IMAGES_VERSION" >"$stamp"
}

# Compilers as images, which most projects build with; these have Debian's.
images_compilers_ensure() {
    local stamp dir
    stamp=$(registry_dir)/compilers.version
    [ ! -e "$stamp" ] || return 0
    say "building images with compilers"
    dir=$(images_dir)
    mkdir -p "$dir"/{debian,layers}
    images_step images_debian_again
    images_step images_upper golang images_compiler_steps golang-go git
    images_push library/golang 1-bookworm '{"Cmd": ["bash"], "WorkingDir": "/go"}' debian golang
    images_step images_upper rust images_compiler_steps cargo-web rustc-web libc6-dev
    images_push library/rust 1-slim-bookworm '{"Cmd": ["bash"]}' debian rust
    discard "$dir"
    touch "$stamp"
}

# What images_debian has left, from the registry.
images_debian_again() {
    local dir config layer
    dir=$(images_dir)
    layer=$dir/layers/debian
    registry_get library/debian manifests/bookworm-slim "$layer.json"
    config=$(jq -r .config.digest "$layer.json")
    registry_get library/debian "blobs/$config" "$layer-config.json"
    jq -r '.layers[0].digest | ltrimstr("sha256:")' "$layer.json" >"$layer.digest"
    jq -r '.rootfs.diff_ids[0] | ltrimstr("sha256:")' "$layer-config.json" >"$layer.diff"
    registry_get library/debian "blobs/sha256:$(<"$layer.digest")" "$layer.tar.gz"
    tar --numeric-owner -C "$dir/debian" -xzf "$layer.tar.gz"
}

# Real Docker Hub serves an index of platforms under almost every name; pushed
# from here an image is a bare manifest. This one is an index: amd64 is
# bookworm-slim itself (or whatever the machine is), arm64 says so and is no more
# than that.
images_multi_ensure() {
    local stamp dir other=arm64
    stamp=$(registry_dir)/multi.version
    [ ! -e "$stamp" ] || return 0
    [ "$(dpkg --print-architecture)" != arm64 ] || other=amd64
    dir=$(images_dir)/multi
    mkdir -p "$dir"
    registry_get library/debian manifests/bookworm-slim "$dir/native.json"
    registry_get library/debian "blobs/$(jq -r .config.digest "$dir/native.json")" "$dir/native-config.json"
    # Its own files, so that its layer is another blob than the native one.
    mkdir -p "$dir/root/etc" "$dir/layers"
    echo "$other" >"$dir/root/etc/platform"
    tar --sort=name --numeric-owner --mtime=@0 -C "$dir/root" -cf "$dir/layer.tar" .
    local diff layer config
    diff=sha256:$(sha256sum "$dir/layer.tar" | cut -d' ' -f1)
    gzip -nf "$dir/layer.tar"
    layer=sha256:$(sha256sum "$dir/layer.tar.gz" | cut -d' ' -f1)
    registry_push_blob library/debian "$dir/layer.tar.gz" "$layer"
    jq --arg arch $other --arg diff "$diff" '.architecture = $arch | .rootfs.diff_ids = [$diff]' \
        "$dir/native-config.json" >"$dir/config.json"
    config=sha256:$(sha256sum "$dir/config.json" | cut -d' ' -f1)
    registry_push_blob library/debian "$dir/config.json" "$config"
    jq --arg config "$config" --argjson config_size "$(stat -c %s "$dir/config.json")" \
        --arg layer "$layer" --argjson layer_size "$(stat -c %s "$dir/layer.tar.gz")" '
        .config.digest = $config | .config.size = $config_size
        | .layers = [.layers[0] | .digest = $layer | .size = $layer_size]' \
        "$dir/native.json" >"$dir/other.json"
    registry_push_manifest library/debian "multi-$other" "$dir/other.json"
    jq -n --arg native "$(dpkg --print-architecture)" --arg other $other \
        --arg nd "sha256:$(sha256sum "$dir/native.json" | cut -d' ' -f1)" --argjson ns "$(stat -c %s "$dir/native.json")" \
        --arg od "sha256:$(sha256sum "$dir/other.json" | cut -d' ' -f1)" --argjson os "$(stat -c %s "$dir/other.json")" '
        def manifest($digest; $size; $arch): {mediaType: "application/vnd.oci.image.manifest.v1+json",
            digest: $digest, size: $size, platform: {architecture: $arch, os: "linux"}};
        {schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json",
            manifests: [manifest($od; $os; $other), manifest($nd; $ns; $native)]}' >"$dir/index.json"
    registry_push_manifest library/debian multi "$dir/index.json"
    discard "$dir"
    touch "$stamp"
}

# In the background, because a function called in front of "||" would run on
# after an error.
images_step() {
    "$@" >>"$LAB_DIR/log/images.log" 2>&1 &
    wait $! || images_failed images
}

images_failed() {
    tail -n 20 "$LAB_DIR/log/$1.log" >&2
    die "base images could not be built; log: $LAB_DIR/log/$1.log"
}

images_debian() {
    local dir uri
    dir=$(images_dir)
    uri=$(packages_debian_uri)
    mmdebstrap --variant=minbase "${ROOTS_OPTIONS[@]}" --include=ca-certificates \
        --customize-hook="upload $ROOTS_CA $ROOTS_CA" \
        bookworm "$dir/debian" "$uri"
    # No package lists, as in the image of that name on Docker Hub.
    rm -rf "$dir"/debian/var/lib/apt/lists/* "$dir"/debian/var/cache/apt/*.bin "$dir/debian/etc/resolv.conf"
    images_layer debian "$dir/debian"
    images_push library/debian bookworm-slim '{"Cmd": ["bash"]}' debian
}

# images_upper LAYER STEPS PACKAGE...: packages and a shell function on top of
# Debian, as one more layer.
images_upper() {
    local layer=$1 steps=$2 dir
    dir=$(images_dir)
    shift 2
    roots_in "$dir/debian" "$dir/$layer" sh -euc "$(declare -f "$steps")"'
        steps=$1
        shift
        apt-get update
        apt-get install -y --no-install-recommends "$@"
        $steps
        rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb /var/log/apt /var/log/*.log
    ' sh "$steps" "$@"
    images_layer "$layer" "$dir/$layer"
}

# The functions below run inside the image being made, in a plain sh.
images_python_steps() {
    ln -s python3 /usr/bin/python
    rm -f /usr/lib/python3*/EXTERNALLY-MANAGED
}

images_compiler_steps() { :; }

images_node_steps() {
    printf 'cafile=/etc/ssl/certs/ca-certificates.crt\n' >/etc/npmrc
}

images_redis_steps() { mkdir -p /data; }

images_nginx_steps() {
    mkdir -p /usr/share/nginx/html
    rm -f /etc/nginx/sites-enabled/default
    cat >/etc/nginx/conf.d/default.conf <<'CONF'
server {
    listen 80;
    server_name localhost;
    location / {
        root /usr/share/nginx/html;
        index index.html;
    }
}
CONF
    # The logs go where "docker logs" finds them.
    sed -i 's@access_log .*@access_log /dev/stdout;@; s@error_log .*@error_log /dev/stderr;@' /etc/nginx/nginx.conf
    [ -e /usr/share/nginx/html/index.html ] || echo '<h1>Welcome to nginx!</h1>' >/usr/share/nginx/html/index.html
}

images_busybox() {
    local dir root
    dir=$(images_dir)
    root=$dir/busybox-root
    mkdir -p "$root"/{etc,root,tmp,usr/bin,usr/sbin,sbin,var}
    chmod 1777 "$root/tmp"
    roots_in "$dir/debian" "$dir/fetch" sh -euc '
        apt-get update
        cd /tmp
        apt-get download busybox-static
        dpkg-deb -x busybox-static_*.deb unpacked'
    cp -a "$dir/fetch/tmp/unpacked/bin" "$root/"
    chroot "$root" /bin/busybox --install -s /bin
    echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
    echo 'root:x:0:' >"$root/etc/group"
    images_layer busybox "$root"
    images_push library/busybox 1.36 '{"Cmd": ["sh"]}' busybox
    images_push library/alpine 3.20 '{"Cmd": ["/bin/sh"]}' busybox
}

# images_layer NAME DIR: a gzip layer and its two digests.
images_layer() {
    local layer
    layer=$(images_dir)/layers/$1
    # What an overlay writes for a deleted file is a device; in a layer it is a
    # file with a prefix.
    find "$2" -type c -printf '%h %f\n' | while read -r parent file; do
        rm "$parent/$file" && touch "$parent/.wh.$file"
    done
    tar --sort=name --numeric-owner --one-file-system --exclude=./dev/* --exclude=./run/* \
        -C "$2" -cf "$layer.tar" .
    sha256sum "$layer.tar" | cut -d' ' -f1 >"$layer.diff"
    # They go no further than this machine: a third of the time for a tenth more of the size.
    gzip -1nf "$layer.tar"
    sha256sum "$layer.tar.gz" | cut -d' ' -f1 >"$layer.digest"
}

# images_push REPOSITORY TAG CONFIG LAYER...
images_push() {
    local repository=$1 tag=$2 config=$3 dir layer digest
    shift 3
    dir=$(images_dir)/layers
    local diffs=() layers=() file=$dir/config.json
    for layer; do
        digest=$(<"$dir/$layer.digest")
        registry_push_blob "$repository" "$dir/$layer.tar.gz" "sha256:$digest"
        diffs+=("sha256:$(<"$dir/$layer.diff")")
        layers+=("$(jq -n --arg d "sha256:$digest" --argjson s "$(stat -c %s "$dir/$layer.tar.gz")" '{
            mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: $d, size: $s}')")
    done
    jq -n --argjson config "$config" --arg path "PATH=$IMAGES_PATH" --arg arch "$(dpkg --print-architecture)" \
        --arg made "$(date -u +%Y-%m-%dT%H:%M:%SZ)" '{
        created: $made, architecture: $arch, os: "linux",
        config: ({Env: [$path]} + $config),
        rootfs: {type: "layers", diff_ids: $ARGS.positional},
        history: [$ARGS.positional[] | {created: $made, created_by: "docker-offline lab"}]
    }' --args "${diffs[@]}" >"$file"
    digest=sha256:$(sha256sum "$file" | cut -d' ' -f1)
    registry_push_blob "$repository" "$file" "$digest"
    printf '%s\n' "${layers[@]}" | jq -s --arg d "$digest" --argjson s "$(stat -c %s "$file")" '{
        schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
        config: {mediaType: "application/vnd.oci.image.config.v1+json", digest: $d, size: $s},
        layers: .}' >"$dir/manifest.json"
    registry_push_manifest "$repository" "$tag" "$dir/manifest.json"
}
