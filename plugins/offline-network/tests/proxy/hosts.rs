//! Hosts that a target knows by addresses of its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use offline_network::{Hosts, Outcome};

use crate::conversation::Setting;
use crate::site::{Reply, Site};

fn known_as(host: &str, address: IpAddr) -> Hosts {
    Hosts::from([(host.to_owned(), vec![address])])
}

#[tokio::test(flavor = "multi_thread")]
async fn one_name_is_another_host_for_each_target() {
    let one = Site::http(|_| Reply::ok("one"));
    let other_address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
    let port = one.address.port();
    let other = Site::http_at(SocketAddr::new(other_address, port), |_| Reply::ok("other"));
    let mut setting = Setting::new();
    setting.upstream.hosts = [
        ("web", known_as("wheels.intranet", one.address.ip())),
        ("api", known_as("wheels.intranet", other.address.ip())),
    ]
    .map(|(target, hosts)| (target.to_owned(), hosts))
    .into();
    let url = format!("http://Wheels.Intranet:{port}/f");
    let recorder = setting.recorder().await;
    for (target, said) in [("web", "one"), ("api", "other"), ("web", "one")] {
        let answer = setting.get(recorder.proxy_url(target), &url).await;
        assert_eq!(answer.text(), said, "{target}");
    }
    let fetched = recorder.fetch("api", "GET", &url, None).await;
    assert_eq!(fetched, Ok(200));
    let recorded = recorder.stop().await.unwrap();
    assert!(recorded.failures.is_empty(), "{:?}", recorded.failures);
    let replay = setting.replay(recorded.recording).await;
    for (target, said) in [("web", "one"), ("api", "other")] {
        let answer = setting.get(replay.proxy_url(target), &url).await;
        assert_eq!(answer.text(), said, "{target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_of_one_target_is_none_of_another() {
    let site = Site::http(|_| Reply::ok("one"));
    let mut setting = Setting::new();
    setting.upstream.attempts = 1;
    let hosts = known_as("wheels.invalid", site.address.ip());
    setting.upstream.hosts = [("web".to_owned(), hosts)].into();
    let url = format!("http://wheels.invalid:{}/f", site.address.port());
    let recorder = setting.recorder().await;
    let own = setting.get(recorder.proxy_url("web"), &url).await;
    assert_eq!(own.text(), "one");
    let foreign = setting.get(recorder.proxy_url("api"), &url).await;
    assert_eq!(foreign.status, 502);
    // What one has got does not hide what the other has not.
    let recorded = recorder.stop().await.unwrap();
    let failed: Vec<&str> = recorded
        .failures
        .iter()
        .map(|f| f.target.as_str())
        .collect();
    assert_eq!(failed, ["api"]);
    let outcomes = recorded.requests.iter().map(|r| r.outcome);
    let outcomes: Vec<Outcome> = outcomes.collect();
    assert_eq!(outcomes, [Outcome::Recorded, Outcome::Failed]);
}
