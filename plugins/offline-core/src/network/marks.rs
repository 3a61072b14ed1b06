use super::trust::VARIABLES;
use super::{Proxy, proxy_arguments};

/// A variable that only the steps of a recording or of a replay have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl Mark {
    /// All that a text holds, as a step is given it.
    pub fn read(text: &str) -> Vec<Self> {
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        pairs
            .map(|(name, value)| Self {
                name: name.to_owned(),
                value: value.to_owned(),
            })
            .collect()
    }

    /// Whether its value alone tells that it is ours: it has the proxy's address, or a
    /// path of ours.
    pub fn is_telling(&self) -> bool {
        self.value.contains("/.docker-offline-") || self.value.starts_with("http://")
    }
}

/// Every variable of the steps that go through a proxy, a line each. Where variables
/// come by ARG some have another value.
pub(super) fn of(proxy: &Proxy) -> String {
    let arguments = proxy_arguments(proxy.address, proxy.loopback).into_iter();
    let mut lines: Vec<String> = arguments
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    for variable in VARIABLES {
        let given = String::from_utf8_lossy(&variable.content.bytes(proxy)).into_owned();
        lines.push(format!("{}={given}", variable.name));
        let argument = variable.argument.filter(|value| *value != given);
        lines.extend(argument.map(|value| format!("{}={value}", variable.name)));
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Loopback;

    #[test]
    fn every_variable_and_both_of_its_values() {
        let proxy = Proxy {
            address: "172.17.0.1:3128".parse().unwrap(),
            authority_pem: "PEM".into(),
            replays: true,
            loopback: Loopback::Step,
        };
        let marks = Mark::read(&of(&proxy));
        let values = |name: &str| -> Vec<String> {
            let own = marks.iter().filter(|m| m.name == name);
            own.map(|m| m.value.clone()).collect()
        };
        assert_eq!(values("https_proxy"), ["http://172.17.0.1:3128"]);
        assert_eq!(values("PIP_CERT"), ["/.docker-offline-ca.pem"]);
        assert_eq!(values("_JAVA_OPTIONS").len(), 2);
        let untelling: Vec<&str> = marks
            .iter()
            .filter(|m| !m.is_telling())
            .map(|m| m.name.as_str())
            .collect();
        assert_eq!(untelling, ["NO_PROXY", "no_proxy", "NODE_USE_ENV_PROXY"]);
    }
}
