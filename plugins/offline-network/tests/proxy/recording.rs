//! Requests that ask for less than the whole: the whole is recorded.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, SystemTime};

use offline_network::{Digest, Outcome};

use crate::conversation::{Setting, recorded};
use crate::site::{Reply, Site, noise};

#[tokio::test(flavor = "multi_thread")]
async fn a_range_is_answered_from_the_whole_which_is_got_once() {
    let site = Site::http(|_| Reply::ok(noise(100_000)).header("ETag", "\"v1\""));
    let setting = Setting::new();
    let recorder = setting.recorder().await;
    for range in ["bytes=10-19", "bytes=-10", "bytes=99990-"] {
        let answer = setting
            .ask(
                recorder.proxy_url("web"),
                "GET",
                &site.url("/f"),
                &[("range", range)],
                &[],
            )
            .await;
        assert_eq!(answer.status, 206);
        let part = if range == "bytes=10-19" {
            10..20
        } else {
            99_990..100_000
        };
        assert_eq!(answer.bytes(), &noise(100_000)[part]);
    }
    let recorded = recorder.stop().await.unwrap();
    assert_eq!(recorded.recording.exchanges.len(), 1);
    assert_eq!(
        recorded.recording.bodies().first().unwrap().digest,
        Digest::of(&noise(100_000))
    );
    assert_eq!(site.asked().len(), 1);
    assert!(!site.asked()[0].headers.contains_key("range"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_of_unknown_length_waits_for_the_end() {
    let site = Site::http(|_| Reply::ok(noise(10_000)).chunked());
    let setting = Setting::new();
    let recorder = setting.recorder().await;
    let range = [("range", "bytes=-5")];
    let answer = setting
        .ask(
            recorder.proxy_url("web"),
            "GET",
            &site.url("/f"),
            &range,
            &[],
        )
        .await;
    assert_eq!(answer.header("content-range"), "bytes 9995-9999/10000");
    assert_eq!(answer.bytes(), &noise(10_000)[9995..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_is_answered_here_and_the_whole_is_recorded() {
    let site = Site::http(|asked| {
        assert!(!asked.headers.contains_key("if-none-match"));
        Reply::ok("whole").header("ETag", "\"v1\"")
    });
    let setting = Setting::new();
    let recorder = setting.recorder().await;
    let condition = [("if-none-match", "\"v1\"")];
    let answer = setting
        .ask(
            recorder.proxy_url("web"),
            "GET",
            &site.url("/f"),
            &condition,
            &[],
        )
        .await;
    assert_eq!(answer.status, 304);
    let recorded = recorder.stop().await.unwrap();
    assert_eq!(recorded.recording.exchanges[0].status, 200);
    assert_eq!(
        recorded.recording.bodies().first().unwrap().digest,
        Digest::of(b"whole")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_does_not_end_the_recording() {
    let slow = Reply::ok(noise(50_000)).slow(Duration::from_millis(50));
    let site = Site::http(move |_| slow.clone());
    let setting = Setting::new();
    let recorder = setting.recorder().await;
    let mut stream = TcpStream::connect(("127.0.0.1", recorder.port("web").unwrap())).unwrap();
    write!(stream, "GET {} HTTP/1.1\r\nHost: x\r\n\r\n", site.url("/f")).unwrap();
    let mut some = [0; 20];
    stream.read_exact(&mut some).unwrap();
    drop(stream);
    let recorded = recorder.stop().await.unwrap();
    assert_eq!(recorded.failures, []);
    assert_eq!(
        recorded.recording.bodies().first().unwrap().digest,
        Digest::of(&noise(50_000))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_clients_at_once_share_one_download_and_get_the_same() {
    let slow = Reply::ok(noise(400_000)).slow(Duration::from_millis(30));
    let site = Site::https(move |_| slow.clone());
    let setting = Setting::trusting(&site);
    let recorder = setting.recorder().await;
    let mut clients = Vec::new();
    for number in 0..10 {
        let client =
            setting.client(recorder.proxy_url(if number % 2 == 0 { "web" } else { "api" }));
        let url = site.url("/f");
        clients.push(tokio::spawn(async move {
            client.get(url).send().await.unwrap().bytes().await.unwrap()
        }));
    }
    for client in clients {
        assert_eq!(client.await.unwrap(), noise(400_000));
    }
    let recorded = recorder.stop().await.unwrap();
    let [exchange] = &recorded.recording.exchanges[..] else {
        panic!("{:?}", recorded.recording);
    };
    assert_eq!(exchange.targets.len(), 2);
    assert_eq!(site.asked().len(), 1);
    let replay = setting.replay(recorded.recording).await;
    let mut clients = Vec::new();
    for _ in 0..10 {
        let client = setting.client(replay.proxy_url("web"));
        let url = site.url("/f");
        clients.push(tokio::spawn(async move {
            client.get(url).send().await.unwrap().bytes().await.unwrap()
        }));
    }
    for client in clients {
        assert_eq!(client.await.unwrap(), noise(400_000));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_is_told_with_its_target_and_its_time() {
    let site = Site::http(|_| Reply::ok(noise(1000)).slow(Duration::from_millis(20)));
    let setting = Setting::new();
    let recorder = setting.recorder().await;
    let before = SystemTime::now();
    setting
        .get(recorder.proxy_url("api"), &site.url("/f"))
        .await;
    let recorded = recorder.stop().await.unwrap();
    let [request] = &recorded.requests[..] else {
        panic!("{:?}", recorded.requests);
    };
    assert_eq!(
        (request.target.as_str(), request.method.as_str()),
        ("api", "GET")
    );
    assert_eq!((request.status, request.bytes), (200, 1000));
    assert_eq!(request.outcome, Outcome::Recorded);
    let took = request
        .ended
        .unwrap()
        .duration_since(request.started)
        .unwrap();
    assert!(
        request.started >= before && took >= Duration::from_millis(100),
        "{took:?}"
    );
    assert_eq!(recorded.counts.bytes_to_clients, 1000);
    assert_eq!(recorded.counts.bytes_from_servers, 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_again_the_server_is_asked_whether_it_is_the_same() {
    let site = Site::http(|asked| {
        if asked
            .headers
            .get("if-none-match")
            .is_some_and(|t| t == "\"v1\"")
        {
            Reply::new(304, "")
        } else {
            Reply::ok("body").header("ETag", "\"v1\"")
        }
    });
    let setting = Setting::new();
    let recorder = setting.recorder().await;
    for target in ["web", "api", "web"] {
        let answer = setting
            .get(recorder.proxy_url(target), &site.url("/f"))
            .await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "body"));
    }
    let recorded = recorder.stop().await.unwrap();
    assert_eq!(recorded.counts.bytes_from_servers, 4);
    assert_eq!(recorded.recording.exchanges[0].targets.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_fetched_that_no_client_asked_for() {
    let site = Site::http(|asked| match asked.path.as_str() {
        "/there" => Reply::ok("x").header("Content-Type", &asked.headers["accept"]),
        _ => Reply::new(500, "no"),
    });
    let setting = Setting::new();
    let recorder = setting.recorder().await;
    let there = recorder
        .fetch("web", "GET", &site.url("/there"), Some("a/b"))
        .await;
    assert_eq!(there.unwrap(), 200);
    let not = recorder.fetch("web", "GET", &site.url("/not"), None).await;
    assert_eq!(not.unwrap_err().url, site.url("/not"));
    let recorded = recorder.stop().await.unwrap();
    assert_eq!(recorded.recording.exchanges[0].url, site.url("/there"));
    assert_eq!(recorded.failures.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_partial_stays_behind() {
    let site = Site::http(|_| Reply::ok(noise(5000)).cut(3000));
    let setting = Setting::new();
    recorded(&setting, &site.url("/f"), &[]).await;
    assert_eq!(std::fs::read_dir(setting.blobs()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_proxy_is_asked_where_there_is_one() {
    let (plain, tls) = (
        Site::http(|_| Reply::ok("plain")),
        Site::https(|_| Reply::ok("over TLS")),
    );
    let outer = Setting::trusting(&tls);
    let company = outer.recorder().await;
    let mut inner = Setting::new();
    let ca = inner.folder.path().join("company.pem");
    std::fs::write(&ca, outer.authority.certificate_pem()).unwrap();
    inner.upstream.ca_file = Some(ca);
    let place = company.proxy_url("web").unwrap();
    inner.upstream = inner.upstream.clone().with_proxies(|name| match name {
        "http_proxy" => Some(place.trim_start_matches("http://").to_owned()),
        "HTTPS_PROXY" => Some(place.clone()),
        _ => None,
    });
    let recorder = inner.recorder().await;
    for site in [&plain, &tls] {
        let answer = inner.get(recorder.proxy_url("web"), &site.url("/f")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(company.requests().len(), 2);
    let recorded = recorder.stop().await.unwrap();
    assert_eq!(recorded.failures, []);
    assert_eq!(recorded.recording.exchanges.len(), 2);
    inner.upstream.no_proxy = Some("127.0.0.1".to_owned());
    let recorder = inner.recorder().await;
    inner.get(recorder.proxy_url("web"), &plain.url("/f")).await;
    assert_eq!(company.requests().len(), 2);
}
