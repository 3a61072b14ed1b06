//! The short forms of `ports` and `volumes` made long (compose-go, `types/`
//! `ParsePortConfig` and `format/volume.go`).

use serde_json::json;

use super::super::resolved::text_of;
use super::{Map, Tree};

/// Makes what a service asks of its host long.
pub(super) fn long_run_forms(service: &mut Map) {
    if let Some(Tree::Array(list)) = service.get_mut("ports") {
        *list = list.drain(..).flat_map(ports).collect();
    }
    if let Some(Tree::Array(list)) = service.get_mut("volumes") {
        *list = list.drain(..).map(volume).collect();
    }
}

/// `[ADDRESS:][PUBLISHED:]TARGET[/PROTOCOL]`; equal ranges go side by side.
fn ports(entry: Tree) -> Vec<Tree> {
    let Some(text) = text_of(&entry) else {
        return vec![entry];
    };
    let (text, protocol) = text.rsplit_once('/').unwrap_or((&text, "tcp"));
    let (rest, target) = text.rsplit_once(':').unwrap_or(("", text));
    let (address, published) = rest.rsplit_once(':').unwrap_or(("", rest));
    let address = address.trim_start_matches('[').trim_end_matches(']');
    let long = |target: &str, published: &str| {
        let mut port = json!({"target": target, "protocol": protocol});
        for (key, value) in [("published", published), ("host_ip", address)] {
            if !value.is_empty() {
                port[key] = value.into();
            }
        }
        port
    };
    let (Some(targets), Some(outside)) = (range(target), range(published)) else {
        return vec![long(target, published)];
    };
    if targets.clone().count() != outside.clone().count() {
        return vec![long(target, published)];
    }
    let pairs = targets.zip(outside);
    pairs
        .map(|(inside, outside)| long(&inside.to_string(), &outside.to_string()))
        .collect()
}

fn range(text: &str) -> Option<std::ops::RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

/// `SOURCE:TARGET[:OPTIONS]`; a source that looks like a path is a bind mount.
fn volume(entry: Tree) -> Tree {
    let Some(text) = entry.as_str() else {
        return entry;
    };
    let mut parts = text.split(':');
    let (first, second) = (parts.next().unwrap_or_default(), parts.next());
    match second {
        Some(target) if first.starts_with(['.', '/', '~']) => {
            json!({"type": "bind", "source": first, "target": target})
        }
        Some(target) => json!({"type": "volume", "source": first, "target": target}),
        None => json!({"type": "volume", "target": first}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long(service: Tree) -> Map {
        let Tree::Object(mut service) = service else {
            unreachable!("an object is given")
        };
        long_run_forms(&mut service);
        service
    }

    #[test]
    fn short_ports_are_made_long() {
        let given = json!({"ports": [80, "8080:80", "127.0.0.1:53:53/udp", "[::1]:1-2:3-4"]});
        let expected = json!([
            {"target": "80", "protocol": "tcp"},
            {"target": "80", "published": "8080", "protocol": "tcp"},
            {"target": "53", "published": "53", "protocol": "udp", "host_ip": "127.0.0.1"},
            {"target": "3", "published": "1", "protocol": "tcp", "host_ip": "::1"},
            {"target": "4", "published": "2", "protocol": "tcp", "host_ip": "::1"},
        ]);
        assert_eq!(long(given)["ports"], expected);
    }

    #[test]
    fn short_volumes_are_made_long() {
        let given = json!({"volumes": ["./x:/x:ro", "data:/d", "/cache", {"type": "tmpfs"}]});
        let expected = json!([
            {"type": "bind", "source": "./x", "target": "/x"},
            {"type": "volume", "source": "data", "target": "/d"},
            {"type": "volume", "target": "/cache"},
            {"type": "tmpfs"},
        ]);
        assert_eq!(long(given)["volumes"], expected);
    }
}
