//! Indexes of packages, and addresses that are others each time.

use sha1::Digest as _;

use crate::replaying::{Wanted, both, gzip};
use crate::site::{Asked, Reply};

/// An index of packages as it was recorded, less what cannot be served.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_offers_what_is_held_whatever_its_coding() {
    let link = |n: u32| {
        format!("<a href=\"../../f/demo-{n}.0-py3-none-any.whl#sha256=a{n}\">{n}</a><br/>\n")
    };
    let links = [link(1), link(2), link(3)].concat();
    let handler = move |asked: &Asked| match asked.path.as_str() {
        "/simple/demo/" => Reply::ok(gzip(links.as_bytes()))
            .header("Content-Type", "text/html")
            .header("Content-Encoding", "gzip")
            .header("ETag", "\"v1\"")
            .header("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT"),
        _ => Reply::ok(asked.path.clone()),
    };
    let zipped: &[(&str, &str)] = &[("accept-encoding", "gzip")];
    let requests: [Wanted<'_>; 2] = [
        ("GET", "/simple/demo/", zipped, b""),
        ("GET", "/f/demo-2.0-py3-none-any.whl", &[], b""),
    ];
    let (setting, replay, site) = both(handler, &requests).await;
    let ask = async |path: &str, headers: &[(&str, &str)]| {
        let proxy = replay.proxy_url("web");
        setting
            .ask(proxy, "GET", &site.url(path), headers, &[])
            .await
    };
    let expected = "<a href=\"../../f/demo-2.0-py3-none-any.whl#sha256=a2\">2</a><br/>\n";
    for headers in [zipped, &[]] {
        let page = ask("/simple/demo/", headers).await;
        assert_eq!((page.status, page.text().as_str()), (200, expected));
        assert_eq!(page.header("content-encoding"), "");
        assert_eq!(page.header("last-modified"), "");
        let length = expected.len().to_string();
        assert_eq!(page.header("content-length"), length);
        let tag = page.header("etag").to_owned();
        assert_ne!(tag, "\"v1\"");
        let again = ask("/simple/demo/", &[("if-none-match", tag.as_str())]).await;
        assert_eq!(again.status, 304);
        let older = ask("/simple/demo/", &[("if-none-match", "\"v1\"")]).await;
        assert_eq!(older.status, 200);
    }
    let [narrowed] = &replay.narrowed()[..] else {
        panic!("{:?}", replay.narrowed());
    };
    assert_eq!(
        (narrowed.package.as_str(), &narrowed.versions[..]),
        ("demo", &["2.0".to_owned()][..])
    );
    let missed = ask("/f/demo-3.0-py3-none-any.whl", &[]).await;
    assert_eq!(missed.status, 404);
    assert!(
        missed.text().contains("of demo it holds 2.0"),
        "{}",
        missed.text()
    );
}

/// The checksum that Maven asks for is that of what it was given.
#[tokio::test(flavor = "multi_thread")]
async fn metadata_of_maven_has_its_own_checksum() {
    const METADATA: &str = "<metadata><groupId>g</groupId><versioning><release>2</release><versions><version>1</version><version>2</version></versions></versioning></metadata>";
    let handler = |asked: &Asked| match asked.path.as_str() {
        "/g/a/maven-metadata.xml" => Reply::ok(METADATA),
        path => Reply::ok(path.to_owned()),
    };
    let requests: [Wanted<'_>; 3] = [
        ("GET", "/g/a/maven-metadata.xml", &[], b""),
        ("GET", "/g/a/maven-metadata.xml.sha1", &[], b""),
        ("GET", "/g/a/1/a-1.jar", &[], b""),
    ];
    let (setting, replay, site) = both(handler, &requests).await;
    let get = async |path: &str| setting.get(replay.proxy_url("web"), &site.url(path)).await;
    let metadata = get("/g/a/maven-metadata.xml").await.text();
    assert!(metadata.contains("<release>1</release>"), "{metadata}");
    let sum = get("/g/a/maven-metadata.xml.sha1").await;
    assert_eq!(
        sum.text(),
        hex::encode(sha1::Sha1::digest(metadata.as_bytes()))
    );
    assert_eq!(get("/g/a/maven-metadata.xml.md5").await.status, 404);
    assert_eq!(replay.misses(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_changes_each_time_is_answered_if_one_was_recorded() {
    let handler = |asked: &Asked| Reply::ok(asked.path.clone());
    let requests: [Wanted<'_>; 3] = [
        ("GET", "/one?t=1764230000", &[], b""),
        ("GET", "/two?ts=1764230000", &[], b""),
        ("GET", "/two?ts=1764230001", &[], b""),
    ];
    let (setting, replay, site) = both(handler, &requests).await;
    let get = async |path: &str| setting.get(replay.proxy_url("web"), &site.url(path)).await;
    assert_eq!(get("/one?t=1764239999").await.text(), "/one?t=1764230000");
    let [alike] = &replay.alike()[..] else {
        panic!("{:?}", replay.alike());
    };
    assert!(alike.recorded.ends_with("/one?t=1764230000"), "{alike:?}");
    assert_eq!(get("/two?ts=1764230001").await.text(), "/two?ts=1764230001");
    assert_eq!(get("/two?ts=1764239999").await.status, 404);
    assert_eq!(get("/one?t=1764239999&a=1").await.status, 404);
    let misses = replay.misses();
    let changing: Vec<bool> = misses.iter().map(|m| m.changing).collect();
    assert_eq!(changing, [true, false], "{misses:?}");
}
