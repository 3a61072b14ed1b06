# Engines: start, stop, and running commands beside them.

engine_name() {
    [[ ${1:-} != 20-containerd* ]] || die "engine 20 has no containerd image store: 20-overlay2${1#20-containerd}"
    [[ ${1:-} =~ ^(20|26|28)-(overlay2|containerd)-(connected|airgapped)(-[a-z0-9]{1,16})?$ ]] ||
        die "an engine is named <20|26|28>-<overlay2|containerd>-<connected|airgapped>[-suffix], not '${1:-}'"
}

# The process of a running engine, and only if it really is that engine: a pid
# file outlives a crash, and its number may belong to somebody else by now.
engine_pid() {
    local file=$LAB_DIR/engines/$1/dockerd.pid pid
    { read -r pid || [ -n "$pid" ]; } 2>/dev/null <"$file" || return 1
    grep -qzxF -- "$file" "/proc/$pid/cmdline" 2>/dev/null || return 1
    echo "$pid"
}

# Every process of an engine is in a cgroup below this name: its daemons in "daemon", what
# "lab run" starts in "beside", its containers and build steps in others, which it makes itself
# (cgroup-parent). Leaves, because version 2 has no processes beside groups with controllers.
engine_cgroup() { echo "${LAB_DIR##*/}/$1"; }

# One hierarchy is enough to know them by: that of version 2, alone or beside those of version 1,
# else one of these.
engine_hierarchy() {
    local dir
    for dir in /sys/fs/cgroup{,/unified,/systemd,/pids,/freezer,/devices}; do
        if [ -e "$dir/cgroup.procs" ]; then echo "$dir" && return; fi
    done
    die "no cgroup hierarchy is mounted below /sys/fs/cgroup"
}

# This process, and all that it starts from now on, belongs to an engine.
engine_join() {
    local group
    group=$(engine_hierarchy)/$(engine_cgroup "$1")/$2
    mkdir -p "$group"
    echo "$BASHPID" >"$group/cgroup.procs"
}

engine_config() {
    local release store link slot=$2
    IFS=- read -r release store link _ <<<"$1"
    jq -n --arg parent "/$(engine_cgroup "$1")" '{
        group: "root", "cgroup-parent": $parent,
        "exec-opts": ["native.cgroupdriver=cgroupfs"], features: {}}' |
        if [ "$store" = containerd ]; then
            jq '.features["containerd-snapshotter"] = true'
        else
            jq '.features["containerd-snapshotter"] = false | .["storage-driver"] = "overlay2"'
        fi |
        if [ "$link" = connected ]; then
            # Two daemons in one network namespace undo each other's rules, so
            # the rules are the lab's and the daemons make none.
            jq --arg bridge "$NETWORK_PREFIX$slot" --argjson mtu "$(network_mtu)" \
                --arg pool "10.$((200 + slot)).128.0/17" \
                --arg mirror "http://127.0.0.1:$LAB_REGISTRY_PORT" '. + {
                bridge: $bridge, iptables: false, ip6tables: false, mtu: $mtu,
                "default-address-pools": [{base: $pool, size: 24}],
                "default-network-opts": {bridge: {"com.docker.network.driver.mtu": "\($mtu)"}},
                "registry-mirrors": [$mirror]}'
        else
            cat
        fi |
        # Engine 20 does not start on an option that is younger than itself.
        if [ "$release" = 20 ]; then jq 'del(.["default-network-opts"])'; else cat; fi |
        if [ "${LAB_NO_GC:-1}" = 1 ]; then jq '.builder = {gc: {enabled: false}}'; else cat; fi |
        if [ -n "${LAB_DAEMON:-}" ]; then jq --argjson more "$LAB_DAEMON" '. * $more'; else cat; fi
}

engine_start() {
    local name=$1 dir=$LAB_DIR/engines/$1 slot enter=()
    if engine_pid "$name" >/dev/null; then
        engine_answers "$name" || die "$name is running but does not answer; log: $dir/dockerd.log"
        return 0
    fi
    mkdir -p "$dir"/{home,data}
    engine_sweep "$name"
    slot=$(network_slot "$name")
    if [[ $name == *-airgapped* ]]; then
        network_isolate "$slot"
        # Not "ip netns exec": it remounts /sys, and the cgroup mounts are lost.
        enter=(nsenter "--net=/run/netns/$NETWORK_PREFIX$slot")
    else
        network_connect "$slot"
    fi
    engine_config "$name" "$slot" >"$dir/daemon.json"
    local child resolv
    resolv=$(network_resolv_conf)
    (
        engine_join "$name" daemon
        exec setsid "${enter[@]}" unshare --mount bash "$LAB_SOURCE/lib/engine_init.sh" \
            "${name%%-*}" "$dir" "$resolv"
    ) >"$dir/dockerd.log" 2>&1 </dev/null 9>&- &
    child=$!
    if ! engine_wait "$name" "$child"; then
        tail -n 25 "$dir/dockerd.log" >&2
        engine_kill "$name"
        die "$name did not start; log: $dir/dockerd.log"
    fi
    if [[ $name == *-airgapped* ]]; then engine_assert_airgapped "$name"; fi
}

engine_answers() { engine_ask "$1" docker version >/dev/null 2>&1; }

engine_wait() {
    local _
    for _ in {1..300}; do
        kill -0 "$2" 2>/dev/null || return 1
        [ -S "$LAB_DIR/engines/$1/docker.sock" ] && engine_pid "$1" >/dev/null &&
            curl -sf -o /dev/null --unix-socket "$LAB_DIR/engines/$1/docker.sock" http://engine/_ping &&
            engine_answers "$1" && return 0
        sleep 0.1
    done
    return 1
}

# Without this, a test of "no network needed" would prove nothing.
engine_assert_airgapped() {
    local name=$1 url=http://127.0.0.1:$LAB_REGISTRY_PORT/v2/
    if engine_ask "$name" curl -s -o /dev/null --max-time 3 "$url"; then
        engine_kill "$name"
        die "$name is not air-gapped: it reaches the registry of the machine"
    fi
    if engine_ask "$name" timeout 60 docker pull -q debian:never-loaded >/dev/null 2>"$LAB_DIR/engines/$name/pull.log"; then
        engine_kill "$name"
        die "$name is not air-gapped: a pull worked"
    fi
    grep -qiE 'unreachable|lookup|dial|no such host' "$LAB_DIR/engines/$name/pull.log" ||
        die "$name: the pull failed for another reason: $(cat "$LAB_DIR/engines/$name/pull.log")"
}

engine_stop() {
    local name=$1 pid _
    if pid=$(engine_pid "$name"); then
        kill -TERM "$pid"
        for _ in {1..300}; do
            engine_pid "$name" >/dev/null || break
            sleep 0.1
        done
    fi
    engine_kill "$name"
}

engine_kill() {
    local pid
    if pid=$(engine_pid "$1"); then kill -KILL "$pid" 2>/dev/null || true; fi
    engine_sweep "$1"
}

# Ends what a daemon leaves running: containerd, shims, containers, and commands beside it. All
# are known by their cgroup, and by nothing that has a number: the kernel gives that of an ended
# namespace to the next one, a build step of another engine for example.
engine_sweep() {
    local name=$1 dir=$LAB_DIR/engines/$1 pids _
    [ -d "$dir" ] || return 0
    for _ in {1..50}; do
        pids=$(engine_leftovers "$name")
        [ -n "$pids" ] || break
        # shellcheck disable=SC2086
        kill -KILL $pids 2>/dev/null || true
        sleep 0.1
    done
    find /sys/fs/cgroup -depth -type d \( -path "*/$(engine_cgroup "$name")" \
        -o -path "*/$(engine_cgroup "$name")/*" \) -exec rmdir {} + 2>/dev/null || true
    rm -f "$dir/dockerd.pid" "$dir/docker.sock"
    if [ -e "$dir/slot" ]; then
        network_disconnect "$(cat "$dir/slot")"
        network_rejoin "$(cat "$dir/slot")"
    fi
}

engine_leftovers() {
    find /sys/fs/cgroup -path "*/$(engine_cgroup "$1")/*" -name cgroup.procs -exec cat {} + 2>/dev/null |
        sort -u || true
}

# Of what is thrown away, nothing needs to be stopped in good order.
engine_wipe() {
    engine_kill "$1"
    discard "$LAB_DIR/engines/$1"
}

# Sets ENGINE_ENTER to the command line that runs "$@" beside the engine.
engine_enter() {
    local name=$1 cwd=$2 pid dir=$LAB_DIR/engines/$1
    shift 2
    pid=$(engine_pid "$name") || die "$name is not running (start it with: lab start $name)"
    ENGINE_ENTER=(nsenter --target "$pid" --mount --net --
        env -C "${cwd:-$dir/home}" -u DOCKER_CONFIG -u DOCKER_CONTEXT -u XDG_CONFIG_HOME
        "HOME=$dir/home" "DOCKER_HOST=unix://$dir/docker.sock"
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@")
}

# For the lab's own questions to an engine.
engine_ask() {
    local name=$1 ENGINE_ENTER
    shift
    engine_enter "$name" '' "$@"
    "${ENGINE_ENTER[@]}" </dev/null 9>&-
}

engine_run() {
    local name=${1:-} cwd=''
    engine_name "$name"
    shift
    while [ $# -gt 0 ]; do
        case $1 in
            --cwd) cwd=$2 && shift 2 ;;
            --cwd=*) cwd=${1#--cwd=} && shift ;;
            --) shift && break ;;
            *) break ;;
        esac
    done
    [ $# -gt 0 ] || die "lab run $name: no command"
    engine_enter "$name" "$cwd" "$@"
    engine_join "$name" beside
    # exec, and no pid namespace: a signal sent to this process reaches the
    # command itself, so that a test can kill it in the middle.
    exec "${ENGINE_ENTER[@]}"
}

engines_list() { find "$LAB_DIR/engines" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' 2>/dev/null | sort; }

engines_stop_all() {
    local name
    for name in $(engines_list); do
        with_lock "engine-$name" engine_stop "$name" &
    done
    wait
    find /sys/fs/cgroup -depth -type d -name "${LAB_DIR##*/}" -exec rmdir {} + 2>/dev/null || true
}

engines_status() {
    local name
    for name in $(engines_list); do
        if engine_pid "$name" >/dev/null; then echo "$name running"; else echo "$name stopped"; fi
    done
}
