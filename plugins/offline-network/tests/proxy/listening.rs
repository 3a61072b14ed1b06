//! Where the proxy listens, and what it is no proxy for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use offline_network::{Authority, Error, Listen, Recording, Replay, Scrub};

use crate::conversation::{Setting, listen, raw};

async fn replay(listen: &Listen) -> Result<Replay, Error> {
    let authority = Arc::new(Authority::new().unwrap());
    let recordings = vec![Recording::default()];
    Replay::start(
        listen,
        authority,
        recordings,
        &Scrub::default(),
        "/nowhere".into(),
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_target_has_a_port_and_fixed_ports_follow_each_other() {
    let any = replay(&listen()).await.unwrap();
    assert_ne!(any.port("web"), any.port("api"));
    assert_eq!(any.port("other"), None);
    let free = any.port("web").unwrap();
    any.stop().await;
    // The system gives ports in no order, so the next one is most likely free.
    let mut fixed = listen();
    fixed.port = Some(free);
    if let Ok(fixed) = replay(&fixed).await {
        assert_eq!(fixed.port("web"), Some(free));
        assert_eq!(fixed.port("api"), Some(free + 1));
        assert_eq!(
            fixed.proxy_url("web").unwrap(),
            format!("http://127.0.0.1:{free}")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_and_an_address_elsewhere_are_told_apart() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut busy = listen();
    busy.port = Some(taken.local_addr().unwrap().port());
    let error = replay(&busy).await.unwrap_err();
    assert!(matches!(error, Error::PortInUse { .. }), "{error:?}");
    let mut elsewhere = listen();
    elsewhere.address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let error = replay(&elsewhere).await.unwrap_err();
    assert!(matches!(error, Error::AddressNotHere { .. }), "{error:?}");
    let mut past = listen();
    past.port = Some(65535);
    let error = replay(&past).await.unwrap_err();
    assert!(
        matches!(error, Error::PortRange { .. } | Error::PortInUse { .. }),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ipv6_is_listened_on_and_written_in_brackets() {
    let mut six = listen();
    six.address = IpAddr::V6(Ipv6Addr::LOCALHOST);
    let replay = match replay(&six).await {
        Ok(replay) => replay,
        // A machine without IPv6 has no such address.
        Err(Error::AddressNotHere { .. } | Error::Listen { .. }) => return,
        Err(error) => panic!("{error}"),
    };
    let url = replay.proxy_url("web").unwrap();
    assert_eq!(url, format!("http://[::1]:{}", replay.port("web").unwrap()));
    let setting = Setting::new();
    let answer = setting.get(Some(url), "http://h.example/x").await;
    assert_eq!(answer.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_for_the_proxy_itself_are_refused() {
    let replay = replay(&listen()).await.unwrap();
    let port = replay.port("web").unwrap();
    let origin = raw(
        port,
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );
    assert!(origin.starts_with("HTTP/1.1 400"), "{origin}");
    for place in [format!("127.0.0.1:{port}"), format!("localhost:{port}")] {
        let own = format!("GET http://{place}/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert!(raw(port, own.as_bytes()).starts_with("HTTP/1.1 508"));
        let own = format!("CONNECT {place} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert!(raw(port, own.as_bytes()).starts_with("HTTP/1.1 508"));
    }
    let ftp = raw(
        port,
        b"GET ftp://h/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    );
    assert!(ftp.starts_with("HTTP/1.1 501"), "{ftp}");
    assert_eq!(replay.misses(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_for_something_else_is_refused_with_words_and_listed() {
    let replay = replay(&listen()).await.unwrap();
    let port = replay.port("web").unwrap();
    let ssh = raw(
        port,
        b"CONNECT git.example:22 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );
    assert!(
        ssh.starts_with("HTTP/1.1 403") && ssh.contains("ssh"),
        "{ssh}"
    );
    let other = raw(
        port,
        b"CONNECT db.example:5432 HTTP/1.1\r\nHost: x\r\n\r\n\x00\x00\x00\x08",
    );
    assert!(other.contains("neither TLS nor HTTP"), "{other}");
    let missed = replay.misses();
    let places: Vec<_> = missed
        .iter()
        .map(|m| (m.method.as_str(), m.url.as_str()))
        .collect();
    assert_eq!(
        places,
        [
            ("CONNECT", "git.example:22"),
            ("CONNECT", "db.example:5432")
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_does_not_trust_the_authority_is_named() {
    let replay = replay(&listen()).await.unwrap();
    let stranger = Setting::new();
    let client = stranger.client(replay.proxy_url("web"));
    client.get("https://h.example/x").send().await.unwrap_err();
    tokio::time::timeout(Duration::from_secs(2), replay.missed(0))
        .await
        .unwrap();
    let miss = &replay.misses()[0];
    assert_eq!(miss.url, "h.example:443");
    assert!(
        miss.why.contains("does not accept the certificate"),
        "{miss:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_closes_the_ports_and_the_connections() {
    let replay = replay(&listen()).await.unwrap();
    let port = replay.port("web").unwrap();
    let mut idle = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    idle.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    replay.stop().await;
    let closed = std::io::Read::read(&mut idle, &mut [0; 1]);
    assert!(matches!(closed, Ok(0)) || closed.is_err());
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_was_kept_serves_again() {
    let first = Authority::new().unwrap();
    let kept = Authority::from_pem(first.certificate_pem(), &first.key_pem()).unwrap();
    let authority = Arc::new(kept);
    let scrub = Scrub::default();
    let replay = Replay::start(&listen(), authority, vec![], &scrub, "/nowhere".into())
        .await
        .unwrap();
    let mut setting = Setting::new();
    setting.authority = Arc::new(first);
    for url in ["https://h.example/x", "https://127.0.0.1:9/x"] {
        assert_eq!(setting.get(replay.proxy_url("web"), url).await.status, 404);
    }
}
