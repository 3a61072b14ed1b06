//! Requests are matched by what they mean.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use offline_network::{Outcome, Replay};

use crate::conversation::{Setting, raw, recorded};
use crate::site::{Asked, Reply, Site, noise};

/// Method, path, headers and body.
pub(crate) type Wanted<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a [u8]);

/// Records these requests and replays them.
pub(crate) async fn both(
    handler: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    requests: &[Wanted<'_>],
) -> (Setting, Replay, Site) {
    let site = Site::https(handler);
    let setting = Setting::trusting(&site);
    let recorder = setting.recorder().await;
    for (method, path, headers, body) in requests {
        let proxy = recorder.proxy_url("web");
        setting
            .ask(proxy, method, &site.url(path), headers, body)
            .await;
    }
    let recorded = recorder.stop().await.unwrap();
    assert_eq!(recorded.failures, []);
    let replay = setting.replay(recorded.recording).await;
    (setting, replay, site)
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_get_answers_head_range_and_conditions() {
    let handler = |_: &Asked| {
        Reply::ok(noise(1000))
            .header("ETag", "\"v1\"")
            .header("Content-Type", "a/b")
    };
    let (setting, replay, site) = both(handler, &[("GET", "/f", &[], b"")]).await;
    let asked = site.asked().len();
    let ask = async |method, headers| {
        let proxy = replay.proxy_url("web");
        setting
            .ask(proxy, method, &site.url("/f"), headers, &[])
            .await
    };
    let get = ask("GET", &[]).await;
    assert_eq!((get.status, get.header("content-type")), (200, "a/b"));
    assert_eq!(get.bytes(), noise(1000));
    let head = ask("HEAD", &[]).await;
    assert_eq!((head.status, head.header("content-length")), (200, "1000"));
    let part = ask("GET", &[("range", "bytes=1-3")]).await;
    assert_eq!((part.status, part.bytes()), (206, &noise(1000)[1..4]));
    let same = ask("GET", &[("if-none-match", "\"v1\"")]).await;
    assert_eq!((same.status, same.header("etag")), (304, "\"v1\""));
    assert_eq!(replay.misses(), []);
    assert!(
        replay
            .requests()
            .iter()
            .all(|r| r.outcome == Outcome::Replayed)
    );
    assert_eq!(site.asked().len(), asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_alone_answers_heads_and_no_get() {
    let handler = |_: &Asked| Reply::ok(noise(1000));
    let (setting, replay, site) = both(handler, &[("HEAD", "/f", &[], b"")]).await;
    let url = site.url("/f");
    let head = setting
        .ask(replay.proxy_url("web"), "HEAD", &url, &[], &[])
        .await;
    assert_eq!((head.status, head.header("content-length")), (200, "1000"));
    let get = setting.get(replay.proxy_url("web"), &url).await;
    assert_eq!(get.status, 404);
    assert_eq!(replay.misses()[0].method, "GET");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_recorded_is_told_at_once_and_collected() {
    let handler = |_: &Asked| Reply::new(404, "gone");
    let (setting, replay, site) = both(handler, &[("GET", "/gone", &[], b"")]).await;
    let gone = setting
        .get(replay.proxy_url("web"), &site.url("/gone"))
        .await;
    assert_eq!((gone.status, gone.text().as_str()), (404, "gone"));
    assert_eq!(gone.header("x-docker-offline"), "");
    assert!(
        tokio::time::timeout(Duration::from_millis(50), replay.missed(0))
            .await
            .is_err()
    );
    let url = site.url("/never?token=geheim");
    let missed = setting.get(replay.proxy_url("api"), &url).await;
    assert_eq!(missed.status, 404);
    assert_eq!(missed.header("x-docker-offline"), "not-recorded");
    assert!(missed.header("content-type").starts_with("text/plain"));
    let written = site.url("/never?token=SCRUBBED");
    assert!(missed.text().contains(&written), "{}", missed.text());
    tokio::time::timeout(Duration::from_secs(1), replay.missed(0))
        .await
        .unwrap();
    setting.get(replay.proxy_url("api"), &url).await;
    let [miss] = &replay.misses()[..] else {
        panic!("{:?}", replay.misses());
    };
    assert_eq!((miss.target.as_str(), miss.times), ("api", 2));
    assert_eq!(
        (miss.url.as_str(), miss.method.as_str()),
        (written.as_str(), "GET")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_a_signed_address_is_followed_with_any_signature() {
    let handler = |asked: &Asked| match asked.path.as_str() {
        "/file" => {
            Reply::new(302, "").header("Location", "/store?v=1&X-Amz-Signature=aaa&X-Amz-Date=1")
        }
        _ => Reply::ok("content"),
    };
    let asked: &[Wanted<'_>] = &[
        ("GET", "/file", &[], b""),
        (
            "GET",
            "/store?v=1&X-Amz-Signature=aaa&X-Amz-Date=1",
            &[],
            b"",
        ),
    ];
    let (setting, replay, site) = both(handler, asked).await;
    let moved = setting
        .get(replay.proxy_url("web"), &site.url("/file"))
        .await;
    assert_eq!(moved.status, 302);
    let to = moved.header("location").to_owned();
    assert!(!to.contains("aaa"), "{to}");
    assert_eq!(
        setting.get(replay.proxy_url("web"), &to).await.text(),
        "content"
    );
    let signed_anew = site.url("/store?X-Amz-Date=2&X-Amz-Signature=bbb&v=1");
    assert_eq!(
        setting
            .get(replay.proxy_url("web"), &signed_anew)
            .await
            .text(),
        "content"
    );
    assert_eq!(
        setting
            .get(replay.proxy_url("web"), &site.url("/store?v=2"))
            .await
            .status,
        404
    );
}

const PIP: &str = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01";
const NPM: &str = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*";

fn negotiating(asked: &Asked) -> Reply {
    let accept = asked.headers.get("accept").map_or("*/*", String::as_str);
    let kinds = [
        "application/vnd.pypi.simple.v1+json",
        "application/vnd.npm.install-v1+json",
        "application/json",
        "text/html",
    ];
    let kind = kinds
        .into_iter()
        .find(|k| accept.starts_with(k))
        .unwrap_or("text/html");
    Reply::ok(kind)
        .header("Content-Type", kind)
        .header("Vary", "Accept")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_that_the_tool_accepts_is_given() {
    let asked: &[Wanted<'_>] = &[
        ("GET", "/simple/x/", &[("accept", "text/html")], b""),
        ("GET", "/simple/x/", &[("accept", PIP)], b""),
        ("GET", "/left-pad", &[("accept", "application/json")], b""),
        ("GET", "/left-pad", &[("accept", NPM)], b""),
        ("GET", "/only-json", &[("accept", PIP)], b""),
    ];
    let (setting, replay, site) = both(negotiating, asked).await;
    let get = async |path, accept| {
        let proxy = replay.proxy_url("web");
        let answer = setting
            .ask(proxy, "GET", &site.url(path), &[("accept", accept)], &[])
            .await;
        if answer.status == 200 {
            answer.text()
        } else {
            answer.status.to_string()
        }
    };
    assert_eq!(
        get("/simple/x/", PIP).await,
        "application/vnd.pypi.simple.v1+json"
    );
    assert_eq!(get("/simple/x/", "text/html").await, "text/html");
    // Another version of pip asks in other words.
    let newer = "application/vnd.pypi.simple.v1+json, text/html; q=0.5";
    assert_eq!(
        get("/simple/x/", newer).await,
        "application/vnd.pypi.simple.v1+json"
    );
    assert_eq!(
        get("/left-pad", NPM).await,
        "application/vnd.npm.install-v1+json"
    );
    assert_eq!(
        get("/left-pad", "application/json").await,
        "application/json"
    );
    assert_eq!(
        get("/only-json", "*/*").await,
        "application/vnd.pypi.simple.v1+json"
    );
    assert_eq!(get("/only-json", "text/html").await, "404");
    assert!(
        replay.misses()[0].why.contains("accept"),
        "{:?}",
        replay.misses()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coding_is_undone_for_those_who_do_not_take_it_and_only_then() {
    let plain = noise(10_000);
    let zstd = zstd::encode_all(&plain[..], 1).unwrap();
    let coded = gzip(&plain);
    let handler = move |asked: &Asked| match asked.path.as_str() {
        "/zstd" => Reply::ok(zstd.clone()).header("Content-Encoding", "zstd"),
        "/unasked.tar.gz" => Reply::ok(coded.clone()).header("Content-Encoding", "x-gzip"),
        _ => Reply::ok(coded.clone())
            .header("Content-Encoding", "gzip")
            .chunked(),
    };
    let asked: &[Wanted<'_>] = &[
        ("GET", "/gzip", &[("accept-encoding", "gzip, br")], b""),
        ("GET", "/zstd", &[("accept-encoding", "zstd")], b""),
        ("GET", "/unasked.tar.gz", &[], b""),
    ];
    let (setting, replay, site) = both(handler, asked).await;
    // What could not be undone later is not asked for.
    assert_eq!(site.asked()[0].headers["accept-encoding"], "gzip");
    let get = async |path, headers| {
        let proxy = replay.proxy_url("web");
        setting
            .ask(proxy, "GET", &site.url(path), headers, &[])
            .await
    };
    let as_it_was = get("/gzip", &[("accept-encoding", "gzip")]).await;
    assert_eq!(as_it_was.header("content-encoding"), "gzip");
    assert_eq!(as_it_was.bytes(), gzip(&noise(10_000)));
    for path in ["/gzip", "/zstd"] {
        let undone = get(path, &[]).await;
        assert_eq!(undone.header("content-encoding"), "");
        assert_eq!(undone.bytes(), noise(10_000));
    }
    let unasked = get("/unasked.tar.gz", &[]).await;
    assert_eq!(unasked.bytes(), gzip(&noise(10_000)));
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_are_told_apart_by_what_they_send() {
    let handler = |asked: &Asked| Reply::ok(asked.body.clone());
    let asked: &[Wanted<'_>] = &[("POST", "/q", &[], b"one"), ("POST", "/q", &[], b"two")];
    let (setting, replay, site) = both(handler, asked).await;
    let post = async |body| {
        let proxy = replay.proxy_url("web");
        setting.ask(proxy, "POST", &site.url("/q"), &[], body).await
    };
    assert_eq!(post(b"two").await.text(), "two");
    assert_eq!(post(b"one").await.text(), "one");
    assert_eq!(post(b"three").await.status, 404);
    assert_eq!(replay.misses().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_the_same_target_comes_first() {
    let site = Site::http(|asked| Reply::ok(asked.headers["x-who"].clone()));
    let setting = Setting::new();
    let recorder = setting.recorder().await;
    for who in ["web", "api"] {
        let headers = [("x-who", who)];
        setting
            .ask(
                recorder.proxy_url(who),
                "GET",
                &site.url("/f"),
                &headers,
                &[],
            )
            .await;
    }
    let headers = [("x-who", "only web")];
    setting
        .ask(
            recorder.proxy_url("web"),
            "GET",
            &site.url("/g"),
            &headers,
            &[],
        )
        .await;
    let replay = setting
        .replay(recorder.stop().await.unwrap().recording)
        .await;
    for who in ["web", "api"] {
        assert_eq!(
            setting
                .get(replay.proxy_url(who), &site.url("/f"))
                .await
                .text(),
            who
        );
        assert_eq!(
            setting
                .get(replay.proxy_url(who), &site.url("/g"))
                .await
                .text(),
            "only web"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_is_given_where_a_login_was_needed() {
    let handler = |asked: &Asked| {
        if asked.headers.contains_key("authorization") {
            Reply::ok("private")
        } else {
            Reply::new(401, "who?").header("WWW-Authenticate", "Basic realm=\"x\"")
        }
    };
    let asked: &[Wanted<'_>] = &[
        ("GET", "/f", &[], b""),
        ("GET", "/f", &[("authorization", "Basic eA==")], b""),
        ("GET", "/f", &[], b""),
    ];
    let (setting, replay, site) = both(handler, asked).await;
    assert_eq!(
        setting
            .get(replay.proxy_url("web"), &site.url("/f"))
            .await
            .text(),
        "private"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_gone_or_changed_in_size_is_a_miss() {
    let site = Site::http(|_| Reply::ok("content"));
    let setting = Setting::new();
    let recording = recorded(&setting, &site.url("/f"), &[]).await.recording;
    let blob = setting
        .blobs()
        .join(recording.bodies().first().unwrap().digest.hex());
    let replay = setting.replay(recording).await;
    std::fs::write(&blob, "content and more").unwrap();
    assert_eq!(
        setting
            .get(replay.proxy_url("web"), &site.url("/f"))
            .await
            .status,
        404
    );
    std::fs::remove_file(&blob).unwrap();
    assert_eq!(
        setting
            .get(replay.proxy_url("web"), &site.url("/f"))
            .await
            .status,
        404
    );
    assert!(replay.misses()[0].why.contains("damaged or missing"));
}

#[tokio::test(flavor = "multi_thread")]
async fn https_asked_for_without_a_tunnel_and_http_within_one_are_answered() {
    let site = Site::https(|_| Reply::ok("over TLS"));
    let plain = Site::http(|_| Reply::ok("plain"));
    let setting = Setting::trusting(&site);
    let recorder = setting.recorder().await;
    let port = recorder.port("web").unwrap();
    let absolute = format!(
        "GET {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        site.url("/f")
    );
    assert!(raw(port, absolute.as_bytes()).ends_with("over TLS"));
    let tunnel = format!(
        "CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n\r\nGET /f HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        plain.address
    );
    assert!(raw(port, tunnel.as_bytes()).ends_with("plain"));
    let replay = setting
        .replay(recorder.stop().await.unwrap().recording)
        .await;
    let port = replay.port("web").unwrap();
    assert!(raw(port, absolute.as_bytes()).ends_with("over TLS"));
    assert!(raw(port, tunnel.as_bytes()).ends_with("plain"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_sent_in_chunks_is_the_same_body() {
    let site = Site::http(|asked| Reply::ok(asked.body.clone()));
    let setting = Setting::new();
    let recorder = setting.recorder().await;
    let url = site.url("/q");
    setting
        .ask(recorder.proxy_url("web"), "POST", &url, &[], b"one and two")
        .await;
    let replay = setting
        .replay(recorder.stop().await.unwrap().recording)
        .await;
    let head = format!("POST {url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
    let chunks = "Transfer-Encoding: chunked\r\n\r\n4\r\none \r\n7\r\nand two\r\n0\r\n\r\n";
    let answer = raw(
        replay.port("web").unwrap(),
        format!("{head}{chunks}").as_bytes(),
    );
    assert!(answer.ends_with("one and two"), "{answer}");
    // An old client gets no chunks, and the end of the connection as the end.
    let old = format!("POST {url} HTTP/1.0\r\nContent-Length: 11\r\n\r\none and two");
    let answer = raw(replay.port("web").unwrap(), old.as_bytes());
    assert!(
        answer.starts_with("HTTP/1.0 200") && answer.ends_with("one and two"),
        "{answer}"
    );
}
