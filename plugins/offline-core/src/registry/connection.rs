use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use oci_client::client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::secrets::RegistryAuth;
use oci_client::{Reference, RegistryOperation};
use reqwest::header::{ACCEPT, AUTHORIZATION, RANGE, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode};

use super::credentials;
use super::endpoint::Endpoint;
use super::retry::{Failed, may_pass};
use super::{Error, RegistryOptions};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// Longest wait for the next byte.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// What no proxy is for, as in Go's `ProxyFromEnvironment`.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";
const USER_AGENT: &str = concat!("docker-offline/", env!("CARGO_PKG_VERSION"));

/// The clients for one endpoint.
///
/// oci-client finds out how the registry wants to be authorised and gets the
/// tokens. Manifests and blobs are asked for with plain requests beside it: its
/// errors do not carry `Retry-After`, and its blob streams hide whether a
/// `Range` was honoured where it was asked for.
pub(super) struct Connection {
    pub(super) endpoint: Endpoint,
    http: reqwest::Client,
    oci: oci_client::Client,
    auth: RegistryAuth,
    /// `Authorization` by repository.
    tokens: Mutex<HashMap<String, Option<String>>>,
}

/// What to ask an endpoint for.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    pub(super) repository: &'a str,
    pub(super) kind: &'static str,
    pub(super) object: &'a str,
    pub(super) accept: Option<&'a str>,
    /// First byte wanted; 0 asks for all.
    pub(super) from: u64,
}

impl Connection {
    pub(super) fn new(endpoint: Endpoint, options: &RegistryOptions) -> Result<Self, Error> {
        let setup = |message: String| Error::Setup { message };
        let authorities = options.ca_file.as_deref().map(read_authorities);
        let authorities = authorities.transpose()?.unwrap_or_default();
        let proxy = options.proxy.as_deref();
        let http = client(proxy, &authorities)?
            .tls_danger_accept_invalid_certs(endpoint.insecure)
            .build()
            .map_err(|e| setup(chain(&e)))?;
        let oci = oci_client::Client::try_from(ClientConfig {
            protocol: if endpoint.scheme == "http" {
                ClientProtocol::Http
            } else {
                ClientProtocol::Https
            },
            accept_invalid_certificates: endpoint.insecure,
            connect_timeout: Some(CONNECT_TIMEOUT),
            read_timeout: Some(STALL_TIMEOUT),
            user_agent: USER_AGENT,
            extra_root_certificates: certificates(&authorities),
            http_proxy: proxy.map(str::to_owned),
            https_proxy: proxy.map(str::to_owned),
            no_proxy: proxy.map(|_| LOOPBACK.to_owned()),
            ..ClientConfig::default()
        })
        .map_err(|e| setup(e.to_string()))?;
        let auth = credentials::find(options.config_dir.as_deref(), &endpoint);
        Ok(Self {
            endpoint,
            http,
            oci,
            auth,
            tokens: Mutex::default(),
        })
    }

    /// Sends one request; an answer other than success becomes a [`Failed`].
    pub(super) async fn send(&self, ask: &Ask<'_>) -> Result<Response, Failed> {
        let (authorization, cached) = self.authorization(ask.repository).await?;
        let response = self.request(ask, authorization).await?;
        // A token that has run out is asked for anew, once.
        let response = if response.status() == StatusCode::UNAUTHORIZED && cached {
            self.forget(ask.repository);
            let (authorization, _) = self.authorization(ask.repository).await?;
            self.request(ask, authorization).await?
        } else {
            response
        };
        match response.status() {
            status if status.is_success() => Ok(response),
            StatusCode::RANGE_NOT_SATISFIABLE => Ok(response),
            StatusCode::NOT_FOUND => Err(Failed::NotFound),
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                let words = registry_words(response).await;
                Err(Failed::Denied(format!(
                    "{status}{words}; it does not exist or needs a login"
                )))
            }
            status if may_pass(status) => {
                let after = retry_after(&response);
                Err(Failed::Passing {
                    cause: format!("{status}{}", registry_words(response).await),
                    after,
                })
            }
            status => {
                let words = registry_words(response).await;
                Err(Failed::Denied(format!("{status}{words}")))
            }
        }
    }

    async fn request(
        &self,
        ask: &Ask<'_>,
        authorization: Option<String>,
    ) -> Result<Response, Failed> {
        let url = self.endpoint.url(ask.repository, ask.kind, ask.object);
        let mut request = self.http.request(ask.method.clone(), url);
        if let Some(accept) = ask.accept {
            request = request.header(ACCEPT, accept);
        }
        if ask.from > 0 {
            request = request.header(RANGE, format!("bytes={}-", ask.from));
        }
        request = match (authorization, &self.auth) {
            (Some(token), _) => request.header(AUTHORIZATION, format!("Bearer {token}")),
            (None, RegistryAuth::Basic(user, password)) => request.basic_auth(user, Some(password)),
            _ => request,
        };
        request.send().await.map_err(|e| Failed::passing(chain(&e)))
    }

    /// The bearer token for a repository, and whether it is an earlier one.
    async fn authorization(&self, repository: &str) -> Result<(Option<String>, bool), Failed> {
        if let Ok(tokens) = self.tokens.lock()
            && let Some(token) = tokens.get(repository)
        {
            return Ok((token.clone(), true));
        }
        let reference = Reference::with_tag(
            self.endpoint.host.clone(),
            repository.to_owned(),
            "latest".into(),
        );
        let token = self
            .oci
            .auth(&reference, &self.auth, RegistryOperation::Pull)
            .await
            .map_err(|error| match error {
                // oci-client gives the body of the token server's answer only; a
                // refusal is a JSON error, an outage is a page or nothing.
                OciDistributionError::AuthenticationFailure(body) if refuses(&body) => {
                    Failed::Denied(brief(&body))
                }
                OciDistributionError::AuthenticationFailure(body) => {
                    Failed::passing(format!("the token server answers {:?}", brief(&body)))
                }
                other => Failed::passing(chain(&other)),
            })?;
        if let Ok(mut tokens) = self.tokens.lock() {
            tokens.insert(repository.to_owned(), token.clone());
        }
        Ok((token, false))
    }

    fn forget(&self, repository: &str) {
        if let Ok(mut tokens) = self.tokens.lock() {
            tokens.remove(repository);
        }
    }
}

/// Connections by endpoint, made when first needed.
#[derive(Default)]
pub(super) struct Connections {
    open: Mutex<HashMap<Endpoint, Arc<Connection>>>,
}

impl Connections {
    pub(super) fn to(
        &self,
        endpoint: &Endpoint,
        options: &RegistryOptions,
    ) -> Result<Arc<Connection>, Error> {
        let mut open = self
            .open
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(connection) = open.get(endpoint) {
            return Ok(connection.clone());
        }
        let connection = Arc::new(Connection::new(endpoint.clone(), options)?);
        open.insert(endpoint.clone(), connection.clone());
        Ok(connection)
    }
}

/// How everything is asked for: through this proxy, or that of the environment, trusting
/// these authorities (PEM) beside the system's.
pub(crate) fn client(
    proxy: Option<&str>,
    authorities: &[u8],
) -> Result<reqwest::ClientBuilder, Error> {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Fails only if the program has installed one already, which serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    let setup = |e: reqwest::Error| Error::Setup { message: chain(&e) };
    let mut http = reqwest::Client::builder();
    if let Some(proxy) = proxy {
        let proxy = reqwest::Proxy::all(proxy).map_err(setup)?;
        http = http.proxy(proxy.no_proxy(reqwest::NoProxy::from_string(LOOPBACK)));
    }
    let trusted = reqwest::Certificate::from_pem_bundle(authorities).map_err(setup)?;
    Ok(http
        .tls_certs_merge(trusted)
        .user_agent(USER_AGENT)
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(STALL_TIMEOUT))
}

/// The certificates of a PEM file; it must hold one at least.
pub(crate) fn read_authorities(path: &Path) -> Result<Vec<u8>, Error> {
    let unusable = |why: String| Error::Setup {
        message: format!("{}: {why}", path.display()),
    };
    let bytes = std::fs::read(path).map_err(|e| unusable(without_errno(&e.to_string())))?;
    match reqwest::Certificate::from_pem_bundle(&bytes) {
        Ok(certificates) if !certificates.is_empty() => Ok(bytes),
        Ok(_) => Err(unusable("it holds no certificate in PEM form".into())),
        Err(error) => Err(unusable(chain(&error))),
    }
}

/// One by one, as oci-client takes them.
fn certificates(pem: &[u8]) -> Vec<Certificate> {
    const END: &str = "-----END CERTIFICATE-----";
    let text = String::from_utf8_lossy(pem);
    text.split_inclusive(END)
        .filter(|one| one.ends_with(END))
        .map(|one| Certificate {
            encoding: CertificateEncoding::Pem,
            data: format!("{one}\n").into_bytes(),
        })
        .collect()
}

fn refuses(body: &str) -> bool {
    let lower = body.to_lowercase();
    [
        "unauthorized",
        "denied",
        "incorrect",
        "forbidden",
        "invalid",
    ]
    .iter()
    .any(|word| lower.contains(word))
        && !lower.contains("<html")
}

/// How long a server asks to wait.
pub(crate) fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?;
    Duration::try_from(date.timestamp() - jiff::Timestamp::now()).ok()
}

/// The messages of an error answer (OCI distribution-spec, "Error Codes").
async fn registry_words(mut response: Response) -> String {
    #[derive(serde::Deserialize)]
    struct Envelope {
        errors: Vec<Detail>,
    }
    #[derive(serde::Deserialize)]
    struct Detail {
        #[serde(default)]
        message: String,
    }
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > 16 << 10 {
            break;
        }
    }
    let messages: Vec<String> = serde_json::from_slice::<Envelope>(&body)
        .map(|e| e.errors.into_iter().map(|d| brief(&d.message)).collect())
        .unwrap_or_default();
    if messages.is_empty() {
        String::new()
    } else {
        format!(" ({})", messages.join("; "))
    }
}

/// A foreign text, short enough to print and without control characters.
fn brief(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

/// "Connection refused (os error 111)" says it all before the number.
fn without_errno(text: &str) -> String {
    match (text.find(" (os error "), text.rfind(')')) {
        (Some(from), Some(to)) if from < to => format!("{}{}", &text[..from], &text[to + 1..]),
        _ => text.to_owned(),
    }
}

/// An error with its causes in one line: reqwest's own text names no cause.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = without_errno(&cause.to_string());
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = cause.source();
    }
    text
}
