//! One client's connection: what it may ask of a forward proxy.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use url::{Host, Url};

use super::body::{AnswerBody, Content};
use super::tunnel;
use crate::Authority;
use crate::headers;
use crate::log::{Log, Outcome};
use crate::scrub::Scrubber;

/// A request that can be answered.
pub(crate) struct Ask {
    pub(crate) target: Arc<str>,
    pub(crate) method: Method,
    /// Without a fragment.
    pub(crate) url: Url,
    /// As it is written down.
    pub(crate) written: String,
    /// End-to-end headers.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Incoming,
}

/// What it is answered.
pub(crate) struct Answered {
    pub(crate) response: Response<()>,
    pub(crate) content: Content,
    pub(crate) outcome: Outcome,
}

/// Who answers: the recorder or the replay.
pub(crate) trait Answer: Send + Sync + 'static {
    fn answer(self: Arc<Self>, ask: Ask) -> impl Future<Output = Answered> + Send;
    /// Something came that is not an HTTP request; `place` is `host:port`.
    fn not_http(&self, target: &str, place: &str, why: &str);
    fn log(&self) -> &Arc<Log>;
    fn scrubber(&self) -> &Scrubber;
}

pub(crate) struct Shared<A> {
    pub(crate) answer: Arc<A>,
    pub(crate) authority: Arc<Authority>,
    /// Where the proxy itself listens.
    pub(crate) own: Vec<SocketAddr>,
    pub(crate) ended: watch::Receiver<()>,
}

/// Protocols in which the server speaks first, so that nothing would come to look at.
const NEVER_HTTP: &[(u16, &str)] = &[
    (21, "FTP"),
    (22, "ssh"),
    (25, "SMTP"),
    (110, "POP3"),
    (143, "IMAP"),
    (587, "SMTP"),
    (3306, "MySQL"),
];

/// An answer in words.
pub(crate) fn words(status: StatusCode, text: &str, outcome: Outcome) -> Answered {
    let mut response = Response::new(());
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    Answered {
        response,
        content: Content::Bytes(Bytes::from(format!("docker-offline: {text}\n"))),
        outcome,
    }
}

/// Serves a connection to a target's port until it ends.
pub(crate) async fn serve_client<A: Answer>(
    stream: TcpStream,
    shared: Arc<Shared<A>>,
    target: Arc<str>,
) {
    let service = service_fn(move |request| {
        let shared = shared.clone();
        let target = target.clone();
        async move { Ok::<_, Infallible>(outer(request, shared, target).await) }
    });
    // Not with `pipeline_flush`: hyper then copies every body once more, and its
    // buffer grows with the body.
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // A client that goes away in the middle is no matter of ours.
    let _ = connection.with_upgrades().await;
}

/// Serves what is within a tunnel; requests there name no host of their own.
pub(crate) async fn serve_tunnel<A: Answer, S>(
    stream: S,
    shared: Arc<Shared<A>>,
    target: Arc<str>,
    base: String,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let base: Arc<str> = base.into();
    let service = service_fn(move |request: Request<Incoming>| {
        let shared = shared.clone();
        let target = target.clone();
        let base = base.clone();
        async move {
            let path = request
                .uri()
                .path_and_query()
                .map_or("/", PathAndQuery::as_str);
            let url = Url::parse(&format!("{base}{path}")).ok();
            Ok::<_, Infallible>(inner(request, shared, target, url).await)
        }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let _ = connection.await;
}

/// A request on the port itself: absolute-form or CONNECT.
async fn outer<A: Answer>(
    request: Request<Incoming>,
    shared: Arc<Shared<A>>,
    target: Arc<str>,
) -> Response<AnswerBody> {
    if request.method() == Method::CONNECT {
        return connect(request, shared, target);
    }
    let absolute = request.uri().scheme().is_some() && request.uri().authority().is_some();
    let url = absolute
        .then(|| Url::parse(&request.uri().to_string()).ok())
        .flatten();
    inner(request, shared, target, url).await
}

async fn inner<A: Answer>(
    request: Request<Incoming>,
    shared: Arc<Shared<A>>,
    target: Arc<str>,
    url: Option<Url>,
) -> Response<AnswerBody> {
    let answer = &shared.answer;
    let method = request.method().clone();
    let Some(mut url) = url else {
        let place = written_uri(request.uri());
        let text = "this is a forward proxy: it answers requests for http:// and https:// addresses, and none for itself";
        return refuse(
            answer,
            &target,
            &method,
            place,
            StatusCode::BAD_REQUEST,
            text,
        );
    };
    let written = answer.scrubber().url(&url);
    if !matches!(url.scheme(), "http" | "https") {
        let text = format!("{written}: only http and https can be recorded and replayed");
        let status = StatusCode::NOT_IMPLEMENTED;
        return refuse(answer, &target, &method, written, status, &text);
    }
    if is_own(
        &shared.own,
        url.host().as_ref(),
        url.port_or_known_default(),
    ) {
        let text = format!("{written} is this proxy itself");
        let status = StatusCode::LOOP_DETECTED;
        return refuse(answer, &target, &method, written, status, &text);
    }
    url.set_fragment(None);
    let (parts, body) = request.into_parts();
    let mut headers = parts.headers;
    headers::end_to_end(&mut headers);
    let mut ticket = answer.log().open(&target, method.as_str(), written.clone());
    let ask = Ask {
        target,
        method,
        url,
        written,
        headers,
        body,
    };
    let answered = answer.clone().answer(ask).await;
    ticket.answered(answered.response.status().as_u16(), answered.outcome);
    let body = AnswerBody::new(answered.content, ticket);
    answered.response.map(|()| body)
}

fn connect<A: Answer>(
    request: Request<Incoming>,
    shared: Arc<Shared<A>>,
    target: Arc<str>,
) -> Response<AnswerBody> {
    let answer = &shared.answer;
    let place = written_uri(request.uri());
    let parsed = Url::parse(&format!("https://{place}")).ok();
    let host = parsed.as_ref().and_then(Url::host);
    let port = request.uri().port_u16();
    let (Some(host), Some(port)) = (host, port) else {
        let text = "CONNECT takes host:port";
        let status = StatusCode::BAD_REQUEST;
        return refuse(answer, &target, &Method::CONNECT, place, status, text);
    };
    if is_own(&shared.own, Some(&host), Some(port)) {
        let text = format!("{place} is this proxy itself");
        let status = StatusCode::LOOP_DETECTED;
        return refuse(answer, &target, &Method::CONNECT, place, status, &text);
    }
    if let Some((_, name)) = NEVER_HTTP.iter().find(|(p, _)| *p == port) {
        let why = format!("{place} is {name}; only http and https can be recorded and replayed");
        answer.not_http(&target, &place, &why);
        let status = StatusCode::FORBIDDEN;
        return refuse(answer, &target, &Method::CONNECT, place, status, &why);
    }
    let host = host.to_string();
    let mut ended = shared.ended.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = tunnel::open(request, shared, target, host, port) => (),
            _ = ended.changed() => (),
        }
    });
    let mut accepted = Response::new(AnswerBody::nothing());
    *accepted.status_mut() = StatusCode::OK;
    accepted
}

fn refuse<A: Answer>(
    answer: &Arc<A>,
    target: &str,
    method: &Method,
    written: String,
    status: StatusCode,
    text: &str,
) -> Response<AnswerBody> {
    let mut ticket = answer.log().open(target, method.as_str(), written);
    let refused = words(status, text, Outcome::Refused);
    ticket.answered(status.as_u16(), Outcome::Refused);
    let body = AnswerBody::new(refused.content, ticket);
    refused.response.map(|()| body)
}

fn is_own(own: &[SocketAddr], host: Option<&Host<&str>>, port: Option<u16>) -> bool {
    let ip: Option<IpAddr> = match host {
        Some(Host::Ipv4(ip)) => Some((*ip).into()),
        Some(Host::Ipv6(ip)) => Some((*ip).into()),
        _ => None,
    };
    let local = matches!(host, Some(Host::Domain(name)) if *name == "localhost");
    own.iter().any(|address| {
        port == Some(address.port())
            && (ip == Some(address.ip())
                || ip.is_some_and(|ip| ip.is_unspecified())
                || (address.ip().is_loopback() && local))
    })
}

/// A request's address for the log: its host and port, never its user or password.
fn written_uri(uri: &Uri) -> String {
    match uri.authority() {
        Some(authority) => {
            let text = authority.as_str();
            let place = text.rsplit_once('@').map_or(text, |(_, place)| place);
            place.to_owned()
        }
        None => uri.path().to_owned(),
    }
}
