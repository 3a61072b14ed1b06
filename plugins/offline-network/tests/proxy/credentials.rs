//! No credential is written down: looked for byte by byte in all that a recording is.

use std::path::Path;

use offline_network::{Cause, Scrub};

use crate::conversation::Setting;
use crate::site::{Asked, Reply, Site};

/// Every value that must not be found, each of its own kind.
const HIDDEN: &[&str] = &[
    "hidden-authorization",
    "hidden-cookie",
    "hidden-query-token",
    "hidden-signature",
    "hidden-user",
    "hidden-password",
    "hidden-set-cookie",
    "hidden-realm",
    "hidden-access-token",
    "hidden/secret in path",
    "hidden-post-body",
    "hidden-x-token",
];

fn handler(asked: &Asked) -> Reply {
    match asked.path.split('?').next().unwrap() {
        "/redirect" => Reply::new(302, "").header(
            "Location",
            "http://hidden-user:hidden-password@127.0.0.1:1/x?sig=hidden-signature&se=1",
        ),
        "/login" => Reply::new(401, "").header("WWW-Authenticate", "Bearer realm=\"hidden-realm\""),
        "/token" => Reply::ok(r#"{"access_token":"hidden-access-token","n":1}"#)
            .header("Content-Type", "application/json"),
        "/echo" => Reply::ok(format!("you are {}", asked.headers["x-me"])),
        _ => Reply::ok("content")
            .header("Set-Cookie", "id=hidden-set-cookie")
            .header("X-Token", "hidden-x-token")
            .header("X-Echo", "hidden/secret in path")
            .header("Link", "</next?token=hidden-query-token>; rel=next")
            .header("Content-Location", &asked.path),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_hidden_is_found_in_what_was_recorded() {
    let site = Site::https(handler);
    let mut setting = Setting::trusting(&site);
    setting.scrub = Scrub {
        secrets: vec![
            b"hidden/secret in path\n".to_vec(),
            b"hidden-value-of-a-secret".to_vec(),
        ],
    };
    let recorder = setting.recorder().await;
    let headers = [
        ("authorization", "Bearer hidden-authorization"),
        ("cookie", "id=hidden-cookie"),
        ("x-me", "hidden-value-of-a-secret"),
        ("accept", "text/plain;note=hidden-value-of-a-secret"),
    ];
    let paths = [
        "/plain",
        "/query?v=1&access_token=hidden-query-token&X-Amz-Signature=hidden-signature",
        "/bot-hidden%2fsecret%20in%20path/x?q=hidden%2Fsecret%20in+path&r=hidden%2Fsecret%20in%20path",
        "/redirect",
        "/login",
        "/token",
    ];
    for path in paths {
        let answer = setting
            .ask(
                recorder.proxy_url("web"),
                "GET",
                &site.url(path),
                &headers,
                &[],
            )
            .await;
        assert!(answer.status < 500);
    }
    // The tool itself gets what it needs to log in.
    let token = setting
        .get(recorder.proxy_url("web"), &site.url("/token"))
        .await;
    assert!(token.text().contains("hidden-access-token"));
    let user = site
        .url("/user")
        .replace("://", "://hidden-user:hidden-password@");
    setting
        .ask(recorder.proxy_url("web"), "GET", &user, &[], &[])
        .await;
    setting
        .ask(
            recorder.proxy_url("web"),
            "POST",
            &site.url("/post"),
            &[],
            b"hidden-post-body",
        )
        .await;
    let echo = setting
        .ask(
            recorder.proxy_url("web"),
            "GET",
            &site.url("/echo"),
            &headers,
            &[],
        )
        .await;
    assert!(echo.text().contains("hidden-value-of-a-secret"));
    // The server did get the credentials.
    assert!(site.asked().iter().any(|a| {
        a.headers
            .get("authorization")
            .is_some_and(|v| v.contains("hidden-authorization"))
    }));
    let recorded = recorder.stop().await.unwrap();
    assert!(
        recorded.recording.exchanges.len() >= 8,
        "{:#?}",
        recorded.recording
    );
    let [failure] = &recorded.failures[..] else {
        panic!("{:?}", recorded.failures);
    };
    assert_eq!(
        (failure.cause, failure.url.as_str()),
        (Cause::Secret, site.url("/echo").as_str())
    );
    let index = recorded.recording.to_json().unwrap();
    std::fs::write(setting.blobs().join("index"), &index).unwrap();
    std::fs::write(
        setting.blobs().join("requests"),
        format!("{:?}", recorded.requests),
    )
    .unwrap();
    std::fs::write(
        setting.blobs().join("failures"),
        format!("{:?}", recorded.failures),
    )
    .unwrap();
    let mut hidden = HIDDEN.to_vec();
    hidden.extend(["hidden-value-of-a-secret", "hidden%2", "hidden"]);
    for value in hidden {
        not_in(&setting.blobs(), value.as_bytes());
    }
    // And all of it is found again, by tools that know the secrets or do not.
    let replay = setting.replay(recorded.recording).await;
    for path in &paths[..3] {
        let answer = setting
            .ask(
                replay.proxy_url("web"),
                "GET",
                &site.url(path),
                &headers,
                &[],
            )
            .await;
        assert_eq!(answer.text(), "content", "{path}");
    }
    let token = setting
        .get(replay.proxy_url("web"), &site.url("/token"))
        .await;
    assert_eq!(token.text(), r#"{"access_token":"SCRUBBED","n":1}"#);
}

fn not_in(folder: &Path, value: &[u8]) {
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let found = bytes.windows(value.len()).any(|w| w == value);
        let text = String::from_utf8_lossy(value);
        assert!(
            !found,
            "{text} is in {}: {}",
            path.display(),
            String::from_utf8_lossy(&bytes)
        );
        files += 1;
    }
    assert!(files > 4);
}
