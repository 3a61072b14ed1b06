use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// The way out of a machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// Whether packets for anywhere have a route.
    pub has_default_route: bool,
    /// Name servers.
    pub name_servers: Vec<String>,
    /// Gateways or name servers that the kernel has asked for and that have not
    /// answered.
    pub silent: Vec<String>,
    /// Addresses and ports that something tries to connect to, and that have not
    /// answered for a second or more.
    pub unanswered: Vec<String>,
}

impl Network {
    /// Reads what the kernel knows, from the files of `/proc` and `/etc`.
    pub(super) fn read(text: &impl Fn(&str) -> String) -> Self {
        Self {
            unanswered: unanswered(&text("proc/net/tcp")),
            ..network(
                &text("proc/net/route"),
                &text("proc/net/arp"),
                &resolvers(text),
            )
        }
    }
}

/// systemd-resolved stands in front of the real name servers.
fn resolvers(text: &impl Fn(&str) -> String) -> Vec<String> {
    let of = |file: &str| -> Vec<String> {
        let text = text(file);
        let lines = text
            .lines()
            .filter_map(|l| l.trim().strip_prefix("nameserver"));
        lines.map(|l| l.trim().to_owned()).collect()
    };
    let direct = of("etc/resolv.conf");
    if direct.iter().any(|server| server == "127.0.0.53") {
        let behind = of("run/systemd/resolve/resolv.conf");
        if !behind.is_empty() {
            return behind;
        }
    }
    direct
}

/// Of a route that says "nothing there" (`RTF_REJECT`, linux/route.h): what
/// asks for it fails at once.
const REJECT: u32 = 0x200;

fn network(routes: &str, neighbours: &str, name_servers: &[String]) -> Network {
    // Destination, Gateway and Flags in columns 2 to 4, in hex and host order.
    let gateways: Vec<String> = routes
        .lines()
        .skip(1)
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            (*words.get(1)? == "00000000").then_some(())?;
            let flags = u32::from_str_radix(words.get(3)?, 16).ok()?;
            (flags & REJECT == 0).then_some(())?;
            let gateway = u32::from_str_radix(words.get(2)?, 16).ok()?;
            Some(Ipv4Addr::from(gateway.swap_bytes()).to_string())
        })
        .collect();
    // Flags 0x0: asked for, and nobody has answered.
    let unanswered: BTreeSet<&str> = neighbours
        .lines()
        .skip(1)
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            (*words.get(2)? == "0x0").then(|| words.first().copied())?
        })
        .collect();
    let mut silent: Vec<String> = gateways
        .iter()
        .chain(name_servers)
        .filter(|address| unanswered.contains(address.as_str()))
        .cloned()
        .collect();
    silent.dedup();
    Network {
        has_default_route: !gateways.is_empty(),
        name_servers: name_servers.to_vec(),
        silent,
        unanswered: Vec::new(),
    }
}

/// `/proc/net/tcp`: remote address in the third column, state in the fourth, and how
/// often something was sent again in the seventh; 02 is a connection that is asked
/// for (`SYN_SENT`), and is asked for again after a second.
fn unanswered(table: &str) -> Vec<String> {
    let mut found: Vec<String> = table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (address, port) = words.get(2)?.rsplit_once(':')?;
            let again = u32::from_str_radix(words.get(6)?, 16).ok()?;
            (*words.get(3)? == "02" && again > 0).then_some(())?;
            let address = u32::from_str_radix(address, 16).ok()?;
            let address = Ipv4Addr::from(address.swap_bytes());
            Some(format!("{address}:{}", u16::from_str_radix(port, 16).ok()?))
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_that_rejects_is_no_way_out() {
        let head = "Iface\tDestination\tGateway\tFlags\n";
        let rejects = format!("{head}*\t00000000\t00000000\t0200\n");
        assert!(!network(&rejects, "", &[]).has_default_route);
        let leads = format!("{head}eth0\t00000000\t0100000A\t0003\n");
        assert!(network(&leads, "", &[]).has_default_route);
    }

    #[test]
    fn a_connection_that_was_asked_for_twice_is_unanswered() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt uid\n\
            0: 0200FE0A:A1B2 010200C0:01BB 02 00000001:00000000 01:00000123 00000002 0\n\
            1: 0200FE0A:A1B3 020200C0:01BB 02 00000001:00000000 01:00000123 00000000 0\n\
            2: 0200FE0A:A1B4 030200C0:01BB 01 00000000:00000000 00:00000000 00000003 0\n";
        assert_eq!(unanswered(table), ["192.0.2.1:443"]);
    }
}
