# What the machine itself must have, and where its Debian packages come from.

# command:package
PACKAGES_NEEDED=(
    mmdebstrap:mmdebstrap ip:iproute2 iptables:iptables curl:curl jq:jq
    nsenter:util-linux mount:mount zstd:zstd gzip:gzip tar:tar mkfs.ext4:e2fsprogs
)

packages_ensure() {
    local pair missing=()
    for pair in "${PACKAGES_NEEDED[@]}"; do
        command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing ${missing[*]}"
    packages_quietly apt-get update
    packages_quietly env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "${missing[@]}"
}

# Runs a command with its talk in a log, and shows the end of it on failure.
packages_quietly() {
    local log=$LAB_DIR/log/packages.log
    "$@" >"$log" 2>&1 9>&- && return
    tail -n 20 "$log" >&2
    die "failed: $* (log: $log)"
}

# The Debian archive this machine is set up to use. Roots and images come from
# the same place, so a mirror behind a proxy or on a stick works as well.
packages_debian_uri() {
    local format='$(REPO_URI) $(ORIGIN) $(COMPONENT) $(CODENAME)' uri
    uri=$(packages_indexes "$format" | head -n 1)
    if [ -z "$uri" ]; then
        packages_quietly apt-get update
        uri=$(packages_indexes "$format" | head -n 1)
    fi
    [ -n "$uri" ] || die "no Debian archive in the machine's apt configuration"
    echo "$uri"
}

# Only the plain suite: "-security" and "-updates" hold no whole release.
packages_indexes() {
    apt-get indextargets --format "$1" 'Created-By: Packages' |
        awk '$2 == "Debian" && $3 == "main" && $4 !~ /-/ { print $1 }'
}
