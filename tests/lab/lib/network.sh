# Networks of the engines: a bridge with masquerading for a connected one, a
# network namespace with nothing but loopback for an air-gapped one.
#
# Everything made here carries the prefix below and the number of its engine.

NETWORK_PREFIX=dolab

network_resolv_conf() {
    # A stub resolver on loopback cannot be reached from a container.
    if grep -q '^nameserver 127\.' /etc/resolv.conf && [ -e /run/systemd/resolve/resolv.conf ]; then
        echo /run/systemd/resolve/resolv.conf
    else
        echo /etc/resolv.conf
    fi
}

network_mtu() {
    local device
    device=$(ip -4 route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)
    cat "/sys/class/net/${device:-lo}/mtu"
}

# Each engine keeps a number of its own for its bridge and its 10.x.0.0/16.
network_slot() {
    local file=$LAB_DIR/engines/$1/slot slot=1
    [ -e "$file" ] || with_lock slots network_slot_new "$file"
    cat "$file"
}

network_slot_new() {
    local slot
    for slot in {1..50}; do
        grep -qsx "$slot" "$LAB_DIR"/engines/*/slot && continue
        [ ! -e "/sys/class/net/$NETWORK_PREFIX$slot" ] && [ ! -e "/run/netns/$NETWORK_PREFIX$slot" ] || continue
        [ -z "$(ip -4 route show root "$(network_subnet "$slot")")" ] || continue
        echo "$slot" >"$1"
        return
    done
    die "all 50 networks are taken; wipe an engine first"
}

network_subnet() { echo "10.$((200 + $1)).0.0/16"; }

# The rules name the subnet and not the bridge: Compose makes further bridges,
# and their addresses come from the same /16.
network_rules() {
    local action=$1 subnet
    subnet=$(network_subnet "$2")
    local tag=(-m comment --comment "$NETWORK_PREFIX$2")
    iptables -w -t nat "$action" POSTROUTING -s "$subnet" ! -d "$subnet" "${tag[@]}" -j MASQUERADE
    iptables -w "$action" FORWARD -s "$subnet" "${tag[@]}" -j ACCEPT
    iptables -w "$action" FORWARD -d "$subnet" "${tag[@]}" -j ACCEPT
}

network_connect() {
    local slot=$1 bridge=$NETWORK_PREFIX$1
    network_disconnect "$slot"
    # With an address of its own: without one a bridge takes that of a port, and
    # changes it when that container ends, under the feet of those that go on.
    ip link add "$bridge" address "$(printf '02:42:0a:%02x:00:01' $((200 + slot)))" type bridge
    ip addr add "10.$((200 + slot)).0.1/24" dev "$bridge"
    ip link set "$bridge" mtu "$(network_mtu)" up
    network_rules -A "$slot"
    if [ "$(cat /proc/sys/net/ipv4/ip_forward)" = 0 ]; then
        touch "$LAB_DIR/ip_forward_was_off"
        echo 1 >/proc/sys/net/ipv4/ip_forward
    fi
}

# Bridges that Compose made have names of the engine's choosing; they are known
# by their address.
network_disconnect() {
    local slot=$1 bridge
    while network_rules -D "$slot" 2>/dev/null; do :; done
    for bridge in $(ip -4 -o addr show | awk -v p="10.$((200 + slot))." 'index($4, p) == 1 { print $2 }'); do
        ip link del "$bridge" 2>/dev/null || true
    done
    ip link del "$NETWORK_PREFIX$slot" 2>/dev/null || true
}

network_isolate() {
    local name=$NETWORK_PREFIX$1
    network_rejoin "$1"
    ip netns add "$name"
    ip -n "$name" link set lo up
}

network_rejoin() { ip netns del "$NETWORK_PREFIX$1" 2>/dev/null || true; }

# The engines' networks go with the engines; this is what they share.
network_restore() {
    if [ -e "$LAB_DIR/ip_forward_was_off" ]; then
        echo 0 >/proc/sys/net/ipv4/ip_forward
        rm "$LAB_DIR/ip_forward_was_off"
    fi
}
