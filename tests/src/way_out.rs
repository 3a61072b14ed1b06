use crate::{Engine, say};

/// Fails the test unless no packet can have left a site, and none did: its own network
/// has nothing but loopback and the bridges of its engine, and has passed nothing on
/// from one of them to anywhere.
///
/// What was tried is told: a step that begins before its build goes through the proxy
/// may ask for its server, and is told at once that there is no way.
pub fn no_way_out(site: &Engine) {
    let read = |file: &str| site.run("cat").arg(file).quietly().succeeds().stdout;
    let devices = read("/proc/net/dev");
    let mut names = devices.lines().skip(2).filter_map(|l| l.split(':').next());
    let outside = names.find(|name| {
        let name = name.trim();
        let bridge = name == "docker0" || name.starts_with("br-");
        !(name == "lo" || bridge || name.starts_with("veth"))
    });
    assert_eq!(outside, None, "{devices}");
    let (ip, more) = (read("/proc/net/snmp"), read("/proc/net/netstat"));
    assert_eq!(counter(&ip, "Ip:", "ForwDatagrams"), 0, "{ip}");
    say(format!(
        "      no packet left; tried: {} from the machine, {} from containers",
        counter(&ip, "Ip:", "OutNoRoutes"),
        counter(&more, "IpExt:", "InNoRoutes")
    ));
}

/// A counter by its name: one line has the names, the next one the numbers.
fn counter(text: &str, group: &str, name: &str) -> u64 {
    let mut lines = text.lines().filter(|l| l.starts_with(group));
    let (names, numbers) = (lines.next().unwrap(), lines.next().unwrap());
    let at = names.split_whitespace().position(|n| n == name);
    let number = numbers.split_whitespace().nth(at.expect("the counter"));
    number.unwrap().parse().unwrap()
}
