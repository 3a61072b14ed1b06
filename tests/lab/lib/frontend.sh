# A real "# syntax=docker/dockerfile:1" image, from Debian's packaged BuildKit.

FRONTEND_PACKAGES=(golang-go golang-github-docker-docker-dev
    golang-github-docker-buildx-dev golang-github-mitchellh-hashstructure-dev)

# Built in a throw-away copy of the root of engine 28: the packaged source of
# that release and its compiler belong together.
frontend_build() {
    local upper=$LAB_DIR/images/frontend-build
    # shellcheck disable=SC2016
    roots_in "$LAB_DIR/roots/28" "$upper" bash -euc '
        # Most of what is pulled in are the SDKs of clouds, of no use here.
        printf "path-exclude=/usr/share/gocode/src/github.com/%s/*\n" aws Azure \
            >/etc/dpkg/dpkg.cfg.d/frontend
        apt-get update
        apt-get install -y --no-install-recommends "$@"
        # The source imports the /v2 path that the package does not provide.
        mkdir -p /tmp/go/src/github.com/mitchellh/hashstructure /tmp/frontend/bin
        ln -s /usr/share/gocode/src/github.com/mitchellh/hashstructure /tmp/go/src/github.com/mitchellh/hashstructure/v2
        export GO111MODULE=off CGO_ENABLED=0 GOPATH=/tmp/go:/usr/share/gocode GOFLAGS=-p=2
        go build -ldflags "-s -w" -o /tmp/frontend/bin/dockerfile-frontend \
            github.com/moby/buildkit/frontend/dockerfile/cmd/dockerfile-frontend
    ' frontend "${FRONTEND_PACKAGES[@]}"
    images_layer frontend "$upper/tmp/frontend"
}

# Without the "caps" label, BuildKit refuses named contexts with this frontend.
frontend_push() {
    local tag
    for tag in 1 1.7; do
        images_push docker/dockerfile "$tag" '{"Entrypoint": ["/bin/dockerfile-frontend"], "Labels": {
            "moby.buildkit.frontend.network.none": "true",
            "moby.buildkit.frontend.caps":
                "moby.buildkit.frontend.inputs,moby.buildkit.frontend.subrequests,moby.buildkit.frontend.contexts"}}' frontend
    done
}
