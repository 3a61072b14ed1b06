//! Servers that misbehave: the good answer is recorded, never the bad one.

use std::time::{Duration, Instant};

use offline_network::{Cause, Digest, Recorded};

use crate::conversation::{Answer, Setting};
use crate::site::{Asked, Reply, Site, noise, one_after_another};

async fn one(
    handler: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
) -> (Answer, Recorded, Site) {
    let site = Site::http(handler);
    let setting = Setting::new();
    let recorder = setting.recorder().await;
    let answer = setting
        .get(recorder.proxy_url("web"), &site.url("/file"))
        .await;
    (answer, recorder.stop().await.unwrap(), site)
}

/// That exactly this body was recorded.
fn holds(recorded: &Recorded, body: &[u8]) {
    assert_eq!(recorded.failures, []);
    let [exchange] = &recorded.recording.exchanges[..] else {
        panic!("{:?}", recorded.recording);
    };
    assert_eq!(exchange.status, 200);
    assert_eq!(exchange.body.as_ref().unwrap().digest, Digest::of(body));
}

fn failed(recorded: &Recorded, site: &Site, cause: Cause) {
    assert_eq!(recorded.recording.exchanges, []);
    let [failure] = &recorded.failures[..] else {
        panic!("{:?}", recorded.failures);
    };
    assert_eq!(failure.url, site.url("/file"));
    assert_eq!((failure.cause, failure.target.as_str()), (cause, "web"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_body_is_gone_on_with_and_the_client_does_not_notice() {
    let body = noise(300_000);
    let replies = vec![
        Reply::ok(body.clone()).cut(100_000),
        Reply::ok(body.clone()),
    ];
    let (answer, recorded, _) = one(one_after_another(replies)).await;
    assert_eq!(answer.bytes(), body);
    holds(&recorded, &body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cuts_each_answer_is_asked_for_the_rest() {
    let body = noise(200_000);
    let served = body.clone();
    let (answer, recorded, site) = one(move |asked| {
        let from = asked
            .headers
            .get("range")
            .map_or(0, |range| range[6..].trim_end_matches('-').parse().unwrap());
        let rest = served[from..].to_vec();
        let length = rest.len();
        let reply = if from == 0 {
            Reply::ok(rest)
        } else {
            assert_eq!(asked.headers["if-range"], "\"v1\"");
            let extent = format!("bytes {from}-{}/{}", served.len() - 1, served.len());
            Reply::new(206, rest).header("Content-Range", &extent)
        };
        let reply = reply.header("ETag", "\"v1\"");
        if length > 20_000 {
            reply.cut(20_000)
        } else {
            reply
        }
    })
    .await;
    assert_eq!(answer.bytes(), body);
    holds(&recorded, &body);
    assert_eq!(site.asked().len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_always_cut_fails_with_its_url() {
    let (answer, recorded, site) = one(|_: &Asked| Reply::ok(noise(5000)).cut(3000)).await;
    assert!(answer.body.is_err());
    failed(&recorded, &site, Cause::NotWhole);
    assert!(
        recorded.failures[0].words.contains("3000 of 5000"),
        "{recorded:?}"
    );
    assert_eq!(site.asked().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_without_an_end_are_a_cut_body() {
    let replies = vec![
        Reply::ok(noise(5000)).chunked().cut(3000),
        Reply::ok(noise(5000)).chunked(),
    ];
    let (answer, recorded, _) = one(one_after_another(replies)).await;
    assert_eq!(answer.bytes(), noise(5000));
    holds(&recorded, &noise(5000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_that_is_wrong_is_not_recorded() {
    let replies = vec![Reply::ok("short").announce(50), Reply::ok("right")];
    let (_, recorded, _) = one(one_after_another(replies)).await;
    holds(&recorded, b"right");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_changes_after_a_cut_is_recorded_anew_and_cut_for_the_client() {
    let replies = vec![Reply::ok(noise(9000)).cut(3000), Reply::ok(vec![7; 9000])];
    let (answer, recorded, _) = one(one_after_another(replies)).await;
    assert!(answer.body.is_err());
    holds(&recorded, &[7; 9000]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_error_is_waited_out() {
    let replies = vec![
        Reply::new(503, "later"),
        Reply::new(500, "oops"),
        Reply::ok("good"),
    ];
    let (answer, recorded, _) = one(one_after_another(replies)).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "good"));
    holds(&recorded, b"good");
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_honoured() {
    let replies = vec![
        Reply::new(429, "slow").header("Retry-After", "1"),
        Reply::ok("good"),
    ];
    let start = Instant::now();
    let (answer, recorded, _) = one(one_after_another(replies)).await;
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!(answer.status, 200);
    holds(&recorded, b"good");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_error_that_stays_is_passed_on_and_listed() {
    let (answer, recorded, site) = one(|_: &Asked| Reply::new(502, "broken")).await;
    assert_eq!((answer.status, answer.text().as_str()), (502, "broken"));
    failed(&recorded, &site, Cause::Status(502));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_server_is_waited_for_and_a_silent_one_is_not() {
    let slow = Reply::ok(noise(1000)).slow(Duration::from_millis(300));
    let (answer, recorded, _) = one(move |_: &Asked| slow.clone()).await;
    assert_eq!(answer.bytes(), noise(1000));
    holds(&recorded, &noise(1000));
    let silent = Reply::ok("x").slow(Duration::from_secs(30));
    let start = Instant::now();
    let (answer, recorded, site) = one(move |_: &Asked| silent.clone()).await;
    assert!(start.elapsed() < Duration::from_secs(12));
    assert_eq!(answer.status, 502);
    failed(&recorded, &site, Cause::Unreachable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_listed_and_the_client_is_told() {
    let setting = Setting::new();
    let recorder = setting.recorder().await;
    let answer = setting
        .get(recorder.proxy_url("web"), "http://127.0.0.1:1/x")
        .await;
    assert_eq!(answer.status, 502);
    assert!(
        answer.text().contains("http://127.0.0.1:1/x"),
        "{}",
        answer.text()
    );
    assert_eq!(recorder.failures()[0].cause, Cause::Unreachable);
    let recorded = recorder.stop().await.unwrap();
    assert_eq!(recorded.failures[0].url, "http://127.0.0.1:1/x");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_nobody_knows_is_not_asked_twice() {
    let site = Site::https(|_| Reply::ok("secret"));
    let setting = Setting::new();
    let recorder = setting.recorder().await;
    let start = Instant::now();
    let answer = setting.get(recorder.proxy_url("web"), &site.url("/")).await;
    assert_eq!(answer.status, 502);
    assert!(start.elapsed() < Duration::from_secs(2));
    let recorded = recorder.stop().await.unwrap();
    assert_eq!(recorded.failures[0].cause, Cause::Distrusted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_is_made_good_later_is_none() {
    let mut replies = vec![Reply::new(503, ""); 3];
    replies.push(Reply::ok("good"));
    let site = Site::http(one_after_another(replies));
    let setting = Setting::new();
    let recorder = setting.recorder().await;
    let proxy = || recorder.proxy_url("web");
    assert_eq!(setting.get(proxy(), &site.url("/file")).await.status, 503);
    assert_eq!(recorder.failures().len(), 1);
    assert_eq!(setting.get(proxy(), &site.url("/file")).await.status, 200);
    holds(&recorder.stop().await.unwrap(), b"good");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_is_not_sent_twice_unless_it_was_not_taken() {
    let site = Site::http(|asked| match asked.path.as_str() {
        "/taken" => Reply::new(500, "x"),
        _ => Reply::new(503, "x"),
    });
    let setting = Setting::new();
    let recorder = setting.recorder().await;
    for path in ["/taken", "/busy"] {
        let url = site.url(path);
        setting
            .ask(recorder.proxy_url("web"), "POST", &url, &[], b"data")
            .await;
    }
    let times = |path| site.asked().iter().filter(|a| a.path == path).count();
    assert_eq!((times("/taken"), times("/busy")), (1, 3));
}
