//! What makes tools go through the proxy and trust its authority.
//!
//! Variables that a tool takes for a mistake are not here: yarn 2 and later refuse
//! any `YARN_...` that is none of their settings, so `YARN_HTTPS_CA_FILE_PATH`,
//! which yarn 2 calls `YARN_CA_FILE_PATH`, would break one or the other. Node.js
//! itself reads `NODE_EXTRA_CA_CERTS`, whatever yarn is used.
//!
//! No file of the system's trust is covered by a mount: what updates it within the
//! same step would fail (fact 40). So tools that go by nothing but these files
//! (dnf and yum, whose librepo is given no authority by a variable; Java on other
//! virtual machines than `HotSpot`) do not trust the authority.

use super::secrets::Content;

/// The authority within a RUN step. Directly under `/`, which exists in every
/// image, and whose stubs of mount points BuildKit removes (fact 40).
pub(super) const AUTHORITY: &str = "/.docker-offline-ca.pem";
/// The authority as a Java key store.
pub(super) const JAVA_STORE: &str = "/.docker-offline-ca.jks";
const WGETRC: &str = "/.docker-offline-wgetrc";
const APT_CONF: &str = "/.docker-offline-apt.conf";
const JAVA_OPTIONS: &str = "/.docker-offline-java";

/// How the variables come to a RUN step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variables {
    /// By `ARG` lines before the first rewritten step of a stage. Any frontend
    /// can do that; the lines are in the image's history, and a build argument of
    /// the same name wins over them.
    Arguments,
    /// By secrets with `env=`, which leave nothing anywhere and win over ARG and
    /// ENV (fact 39). Frontends from Dockerfile 1.10 on.
    Secrets,
}

impl Variables {
    /// The better way that a build's frontend certainly knows.
    ///
    /// `engine` is the engine's version; `syntax` is the image that `# syntax`
    /// names. Dockerfile 1.10 came with BuildKit 0.16, which Engine 28 has
    /// throughout; `docker/dockerfile:1` can be any.
    pub fn known_to(engine: &str, syntax: Option<&str>) -> Self {
        let new = match syntax {
            None => numbers(engine).0 >= 28,
            Some(image) => {
                let name = image.split('@').next().unwrap_or(image);
                let (repository, tag) = name.rsplit_once(':').unwrap_or((name, ""));
                repository.ends_with("docker/dockerfile") && numbers(tag) >= (1, 10)
            }
        };
        if new { Self::Secrets } else { Self::Arguments }
    }
}

/// The first two numbers of a version.
fn numbers(version: &str) -> (u32, u32) {
    let mut parts = version
        .split(|c: char| !c.is_ascii_digit())
        .map(|n| n.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

/// A file that is mounted into the rewritten steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct TrustFile {
    /// The secret's id.
    pub(super) id: &'static str,
    /// Where it is mounted.
    pub(super) target: &'static str,
    /// Its mode, in octal.
    pub(super) mode: &'static str,
    /// What is in it.
    pub(super) content: Content,
}

/// A variable of the rewritten steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Variable {
    pub(super) name: &'static str,
    /// What it is in a step whose variables come by secrets.
    pub(super) content: Content,
    /// What it is as an ARG, which is in the keys: always the same. `None` where
    /// there is no such value.
    pub(super) argument: Option<&'static str>,
}

/// The files.
pub(super) const FILES: &[TrustFile] = &[
    file("docker-offline-ca", AUTHORITY, Content::Authority),
    file("docker-offline-ca-java", JAVA_STORE, Content::JavaStore),
    file("docker-offline-wgetrc", WGETRC, Content::Wgetrc),
    file("docker-offline-apt", APT_CONF, Content::AptConf),
    file("docker-offline-java", JAVA_OPTIONS, Content::JavaOptions),
];

/// The variables, each with who reads it and where that is said.
#[rustfmt::skip]
pub(super) const VARIABLES: &[Variable] = &[
    // OpenSSL's default verify paths (`X509_get_default_cert_file_env`): Python's ssl, Ruby and gem, PHP streams, perl,
    // .NET on Linux; Go (`crypto/x509/root_unix.go`); rustls-native-certs: uv, rustup, deno's; httpx, aiohttp; curl (man).
    authority("SSL_CERT_FILE"),
    // curl, the tool (`--cacert` in its manual); R's curl package; requests, as its second choice.
    authority("CURL_CA_BUNDLE"),
    // requests (`Session.merge_environment_settings`), and so poetry, conda, huggingface_hub before 1.0, twine.
    authority("REQUESTS_CA_BUNDLE"),
    // pip ("User Guide", environment variables: PIP_<OPTION> for `--cert`).
    authority("PIP_CERT"),
    // conda (`ssl_verify` of its configuration, which may be a file).
    authority("CONDA_SSL_VERIFY"),
    // git (`http.sslCAInfo` in git-config).
    authority("GIT_SSL_CAINFO"),
    // Node.js ("Command-line API"): npm, yarn of all versions, pnpm, corepack, node-gyp, bun.
    authority("NODE_EXTRA_CA_CERTS"),
    // npm and pnpm (`cafile` in npm's "config").
    authority("npm_config_cafile"),
    // cargo (`http.cainfo` in "The Cargo Book", environment variables).
    authority("CARGO_HTTP_CAINFO"),
    // deno ("Environment variables").
    authority("DENO_CERT"),
    // composer (`COMPOSER_CAFILE` in "Command-line interface").
    authority("COMPOSER_CAFILE"),
    // bundler (`ssl_ca_cert` in bundle-config).
    authority("BUNDLE_SSL_CA_CERT"),
    // LWP::UserAgent, and HTTP::Tiny by SSL_CERT_FILE.
    authority("PERL_LWP_SSL_CA_FILE"),
    // hex ("mix hex.config").
    authority("HEX_CACERTS_PATH"),
    // AWS CLI and SDKs ("Environment variables to configure the AWS CLI").
    authority("AWS_CA_BUNDLE"),
    // Google Cloud CLI (`core/custom_ca_certs_file`).
    authority("CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE"),
    // gRPC ("gRPC environment variables").
    authority("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"),
    // httplib2 (`certs.py`).
    authority("HTTPLIB2_CA_CERTS"),
    // nix (`nix.conf`, ssl-cert-file).
    authority("NIX_SSL_CERT_FILE"),
    // Julia (`NetworkOptions.ca_roots`).
    authority("JULIA_SSL_CA_ROOTS_PATH"),
    // apk's and FreeBSD's libfetch (`fetch_ssl_setup_peer_verification`).
    authority("SSL_CA_CERT_FILE"),
    // wget, with GnuTLS and with OpenSSL: neither reads SSL_CERT_FILE in all builds ("Wgetrc Location", `ca_certificate`).
    constant("WGETRC", WGETRC),
    // wget2 ("Wget2's startup file").
    constant("WGET2RC", WGETRC),
    // apt (apt.conf(5): read before the files of /etc/apt; `Acquire::https::CaInfo` in apt-transport-https(1)).
    constant("APT_CONFIG", APT_CONF),
    // Node.js's own http and fetch use a proxy only when told to ("Command-line API", from 22.21 and 24.5 on).
    constant("NODE_USE_ENV_PROXY", "1"),
    // Gradle, Maven, sbt and all else on a HotSpot JVM; none reads HTTPS_PROXY. This one is read after the command line
    // and beside JAVA_TOOL_OPTIONS, which projects set themselves (`Arguments::parse` of HotSpot's arguments.cpp, which
    // expands a VMOptionsFile there from JDK 9 on; JDK 8 leaves it out, and so has no proxy where ARGs are used).
    Variable {
        name: "_JAVA_OPTIONS",
        content: Content::JavaOptions,
        argument: Some("-XX:+IgnoreUnrecognizedVMOptions -XX:VMOptionsFile=/.docker-offline-java"),
    },
    // yarn 2 and later, which read HTTP_PROXY only from a setting (`httpProxy`); yarn 1 reads both. Not as ARG: the value
    // would have to hold the port, and yarn 1 does not expand `${HTTPS_PROXY}`.
    Variable { name: "YARN_HTTP_PROXY", content: Content::ProxyUrl, argument: None },
    Variable { name: "YARN_HTTPS_PROXY", content: Content::ProxyUrl, argument: None },
];

const fn file(id: &'static str, target: &'static str, content: Content) -> TrustFile {
    TrustFile {
        id,
        target,
        mode: "0444",
        content,
    }
}

const fn authority(name: &'static str) -> Variable {
    constant(name, AUTHORITY)
}

const fn constant(name: &'static str, value: &'static str) -> Variable {
    Variable {
        name,
        content: Content::Constant(value),
        argument: Some(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_way_that_is_certain() {
        for (engine, syntax, expected) in [
            ("28.5.2+dfsg4", None, Variables::Secrets),
            ("26.1.5", None, Variables::Arguments),
            ("28.5.2", Some("docker/dockerfile:1"), Variables::Arguments),
            (
                "28.5.2",
                Some("docker/dockerfile:1.7"),
                Variables::Arguments,
            ),
            ("26.1.5", Some("docker/dockerfile:1.10"), Variables::Secrets),
            (
                "26.1.5",
                Some("docker.io/docker/dockerfile:1.14.1@sha256:00"),
                Variables::Secrets,
            ),
            ("28.0.0", Some("reg.example:5000/x"), Variables::Arguments),
        ] {
            assert_eq!(Variables::known_to(engine, syntax), expected, "{syntax:?}");
        }
    }

    #[test]
    fn names_are_unique_and_need_no_quotes_but_for_spaces() {
        let mut names: Vec<&str> = VARIABLES.iter().map(|v| v.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
        for value in VARIABLES.iter().filter_map(|v| v.argument) {
            assert!(!value.contains(['"', '$', '\\', '`', '\'']), "{value}");
        }
    }
}
