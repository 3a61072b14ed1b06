//! Real tools, where they are installed: what they fetched while recording, they
//! fetch again from the replay.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use offline_network::{Recorder, Replay};

use crate::conversation::Setting;
use crate::site::{Asked, Reply, Site, noise};

fn installed(tool: &str) -> bool {
    let output = Command::new(tool).arg("--version").output();
    let found = output.is_ok_and(|o| o.status.success());
    if !found {
        eprintln!("{tool} is not installed; its part was not tried");
    }
    found
}

/// Runs a shell script as a step of a build would: with the proxy and the
/// certificate in its environment, in an empty folder.
async fn step(setting: &Setting, proxy: Option<String>, script: String) -> Output {
    let folder = tempfile::TempDir::new().unwrap();
    let ca = setting.folder.path().join("ca.pem");
    std::fs::write(&ca, setting.authority.certificate_pem()).unwrap();
    let store = setting.folder.path().join("ca.p12");
    std::fs::write(&store, setting.authority.trust_store().unwrap()).unwrap();
    let proxy = proxy.unwrap();
    let place = proxy.trim_start_matches("http://").to_owned();
    let (host, port) = place.split_once(':').unwrap();
    let java = format!(
        "-Djavax.net.ssl.trustStore={} -Dhttp.proxyHost={host} -Dhttp.proxyPort={port} -Dhttps.proxyHost={host} -Dhttps.proxyPort={port} -Dhttp.nonProxyHosts=",
        store.display()
    );
    let mut command = Command::new("sh");
    command.args(["-euc", &script]).current_dir(folder.path());
    command
        .env("HOME", folder.path())
        .env("GIT_CONFIG_NOSYSTEM", "1");
    command
        .env_remove("PIP_FIND_LINKS")
        .env_remove("NO_PROXY")
        .env("no_proxy", "");
    for name in ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"] {
        command.env(name, &proxy);
    }
    for name in [
        "SSL_CERT_FILE",
        "CURL_CA_BUNDLE",
        "PIP_CERT",
        "REQUESTS_CA_BUNDLE",
        "GIT_SSL_CAINFO",
        "NODE_EXTRA_CA_CERTS",
        "npm_config_cafile",
    ] {
        command.env(name, &ca);
    }
    command.env("WGET_CA", &ca).env("JAVA_TOOL_OPTIONS", java);
    tokio::task::spawn_blocking(move || {
        let output = command.output().unwrap();
        drop(folder);
        output
    })
    .await
    .unwrap()
}

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

/// Runs a script while recording, and again on the replay, with other words if
/// given. Nothing may fail, be missed, or reach the server again.
async fn both_ways(site: &Site, setting: &Setting, script: &str, again: &str) -> String {
    let recorder: Recorder = setting.recorder().await;
    let first = step(setting, recorder.proxy_url("web"), script.to_owned()).await;
    assert!(first.status.success(), "{}", said(&first));
    let recorded = recorder.stop().await.unwrap();
    assert_eq!(recorded.failures, []);
    let asked = site.asked().len();
    let replay: Replay = setting.replay(recorded.recording).await;
    let second = step(setting, replay.proxy_url("web"), again.to_owned()).await;
    assert!(
        second.status.success(),
        "{}\n{:?}",
        said(&second),
        replay.misses()
    );
    assert_eq!(replay.misses(), []);
    assert_eq!(site.asked().len(), asked);
    String::from_utf8_lossy(&second.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_and_wget_with_checksum_resume_and_redirect() {
    let site = Site::https(|asked| match asked.path.as_str() {
        "/moved" => Reply::new(302, "").header("Location", "/file"),
        _ => Reply::ok(noise(50_000)).header("ETag", "\"v1\""),
    });
    let setting = Setting::trusting(&site);
    let (file, moved) = (site.url("/file"), site.url("/moved"));
    if installed("curl") {
        let script = format!(
            "curl -fsSLO {moved}; sha256sum moved; \
             head -c 1000 moved > part; curl -fsS -C - -o part {file}; cmp part moved; \
             curl -fsSI {file} > /dev/null; curl -fsS --etag-compare none --compressed {file} | sha256sum"
        );
        both_ways(&site, &setting, &script, &script).await;
    }
    if installed("wget") {
        let script = format!(
            "wget -q --ca-certificate=$WGET_CA {moved}; sha256sum moved; \
             head -c 1000 moved > file; wget -q -c --ca-certificate=$WGET_CA {file}; cmp file moved; \
             wget -q --spider --ca-certificate=$WGET_CA {file}"
        );
        both_ways(&site, &setting, &script, &script).await;
    }
}

/// `git http-backend` as a CGI program (git-http-backend(1)).
fn git_server(root: &Path) -> Site {
    let root = root.to_owned();
    Site::https(move |asked| {
        let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
        let mut backend = Command::new("git");
        backend
            .arg("http-backend")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        backend
            .env("GIT_PROJECT_ROOT", &root)
            .env("GIT_HTTP_EXPORT_ALL", "1");
        backend.env("PATH_INFO", path).env("QUERY_STRING", query);
        backend
            .env("REQUEST_METHOD", &asked.method)
            .env("REMOTE_ADDR", "127.0.0.1");
        let header = |name: &str| asked.headers.get(name).cloned().unwrap_or_default();
        backend.env("CONTENT_TYPE", header("content-type"));
        backend.env("HTTP_CONTENT_ENCODING", header("content-encoding"));
        backend.env("GIT_PROTOCOL", header("git-protocol"));
        backend.env("CONTENT_LENGTH", asked.body.len().to_string());
        let mut backend = backend.spawn().unwrap();
        std::io::Write::write_all(&mut backend.stdin.take().unwrap(), &asked.body).unwrap();
        cgi(&backend.wait_with_output().unwrap().stdout)
    })
}

fn cgi(output: &[u8]) -> Reply {
    let end = output.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let fields: Vec<_> = head.lines().filter_map(|l| l.split_once(": ")).collect();
    let status = fields.iter().find(|(n, _)| *n == "Status");
    let status = status.map_or(200, |(_, v)| v[..3].parse().unwrap());
    let reply = Reply::new(status, &output[end + 4..]).chunked();
    fields
        .iter()
        .fold(reply, |reply, (name, value)| reply.header(name, value))
}

#[tokio::test(flavor = "multi_thread")]
async fn git_clones_whole_and_shallow_by_either_protocol() {
    if !installed("git") {
        return;
    }
    let root = tempfile::TempDir::new().unwrap();
    let made = Command::new("sh")
        .current_dir(root.path())
        .env("HOME", root.path())
        .args([
            "-euc",
            "
            git init -q -b main r; cd r; git config user.email a@b; git config user.name a
            for n in 1 2 3 4 5 6 7 8 9; do seq $n 2000 > file$n; git add .; git commit -qm $n; done
            git tag v1; git checkout -qb other; seq 5 > other; git add .; git commit -qm other
            git checkout -q main; cd ..; git clone -q --bare r r.git",
        ])
        .status()
        .unwrap();
    assert!(made.success());
    let site = git_server(root.path());
    let setting = Setting::trusting(&site);
    let url = site.url("/r.git");
    let scripts = [
        format!("git clone -q {url} x; git -C x rev-parse HEAD; git -C x fsck"),
        format!("git clone -q --depth 1 --branch v1 {url} x; tail -1 x/file9"),
        format!("git -c protocol.version=0 clone -q {url} x; git -C x fsck"),
        format!("git -c protocol.version=0 clone -q --depth 1 {url} x; git -C x fsck"),
        format!(
            "git clone -q {url} x; git -C x fetch -q origin other; git -C x checkout -q FETCH_HEAD"
        ),
        format!("git ls-remote {url} | head -1"),
    ];
    for script in &scripts {
        // A tool of another version and without -q: it must be answered alike.
        let again = format!(
            "export GIT_USER_AGENT=git/2.30.1; {}",
            script.replace("clone -q", "clone")
        );
        both_ways(&site, &setting, script, &again).await;
    }
    // A client that asks for the older protocol is not given the newer one.
    let recorder = setting.recorder().await;
    step(
        &setting,
        recorder.proxy_url("web"),
        format!("git clone -q {url} x"),
    )
    .await;
    let replay = setting
        .replay(recorder.stop().await.unwrap().recording)
        .await;
    let script = format!("git -c protocol.version=0 clone -q {url} x");
    let older = step(&setting, replay.proxy_url("web"), script).await;
    assert!(!older.status.success());
    assert!(!replay.misses().is_empty());
}

/// A wheel of nothing but its metadata, made by Python itself.
fn wheel(folder: &Path) -> Vec<u8> {
    let script = "
import zipfile
with zipfile.ZipFile('demo-1.0-py3-none-any.whl', 'w') as z:
    z.writestr('demo.py', 'print(42)')
    z.writestr('demo-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: demo\\nVersion: 1.0\\n')
    z.writestr('demo-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    z.writestr('demo-1.0.dist-info/RECORD', '')
";
    let made = Command::new("python3")
        .args(["-c", script])
        .current_dir(folder)
        .status();
    assert!(made.unwrap().success());
    std::fs::read(folder.join("demo-1.0-py3-none-any.whl")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn pip_installs_from_the_json_index() {
    if !installed("pip") {
        return;
    }
    let folder = tempfile::TempDir::new().unwrap();
    let wheel = wheel(folder.path());
    let site = Site::https(move |asked: &Asked| {
        match asked.path.as_str() {
        "/simple/demo/" if asked.headers["accept"].contains("+json") => {
            Reply::ok(r#"{"meta":{"api-version":"1.0"},"name":"demo","files":[{"filename":"demo-1.0-py3-none-any.whl","url":"/f/demo-1.0-py3-none-any.whl","hashes":{}}]}"#)
                .header("Content-Type", "application/vnd.pypi.simple.v1+json")
                .header("Vary", "Accept, Accept-Encoding")
                .header("ETag", "\"index\"")
        }
        "/f/demo-1.0-py3-none-any.whl" => Reply::ok(wheel.clone()).header("ETag", "\"wheel\""),
        _ => Reply::new(404, "no"),
    }
    });
    let setting = Setting::trusting(&site);
    let script = format!(
        "pip install -q --no-deps --target lib --index-url {}/simple demo==1.0; python3 lib/demo.py",
        site.url("")
    );
    let out = both_ways(&site, &setting, &script, &script).await;
    assert_eq!(out.trim(), "42");
    // Metadata by ranges of the wheel (fast-deps), too.
    let ranges = script.replace("-q --no-deps", "-q --use-feature=fast-deps --no-cache-dir");
    both_ways(&site, &setting, &ranges, &ranges).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn npm_installs_from_a_registry() {
    if !installed("npm") {
        return;
    }
    let folder = tempfile::TempDir::new().unwrap();
    let made = Command::new("sh")
        .current_dir(folder.path())
        .args(["-euc", "mkdir package; echo '{\"name\":\"demo\",\"version\":\"1.0.0\"}' > package/package.json; echo 'console.log(42)' > package/index.js; tar -czf demo.tgz package"])
        .status();
    assert!(made.unwrap().success());
    let tarball = std::fs::read(folder.path().join("demo.tgz")).unwrap();
    let site = Site::https(move |asked: &Asked| {
        let host = &asked.headers["host"];
        match asked.path.as_str() {
            "/demo" | "/@scope%2fdemo" => {
                let name = asked.path[1..].replace("%2f", "/");
                Reply::ok(format!(r#"{{"name":"{name}","dist-tags":{{"latest":"1.0.0"}},"versions":{{"1.0.0":{{"name":"{name}","version":"1.0.0","dist":{{"tarball":"https://{host}/demo.tgz"}}}}}}}}"#))
                    .header("Content-Type", "application/vnd.npm.install-v1+json")
                    .header("Vary", "Accept")
            }
            "/demo.tgz" => Reply::ok(tarball.clone()),
            _ => Reply::new(404, "{}"),
        }
    });
    let setting = Setting::trusting(&site);
    let script = format!(
        "echo '{{}}' > package.json; npm install --silent --fetch-retries 0 --no-audit --no-fund --no-update-notifier --registry {}/ demo @scope/demo; node node_modules/demo; node node_modules/@scope/demo",
        site.url("")
    );
    let out = both_ways(&site, &setting, &script, &script).await;
    assert_eq!(out.trim(), "42\n42");
}

#[tokio::test(flavor = "multi_thread")]
async fn java_trusts_the_authority_by_its_trust_store() {
    if !installed("java") || !installed("javac") {
        return;
    }
    let site = Site::https(|_| Reply::ok("from java"));
    let setting = Setting::trusting(&site);
    let script = format!(
        "cat > Get.java <<'X'
public class Get {{
    public static void main(String[] a) throws Exception {{
        System.out.print(new String(new java.net.URL(a[0]).openStream().readAllBytes()));
    }}
}}
X
java Get.java {}",
        site.url("/f")
    );
    let out = both_ways(&site, &setting, &script, &script).await;
    assert_eq!(out, "from java");
}
