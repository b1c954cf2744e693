//! The transport of real worlds: HTTPS by reqwest and rustls.

use std::error::Error;
use std::io;
use std::time::Duration;

use base::{Code, Diagnostic, Process, Result};
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use reqwest::{Certificate, NoProxy, Proxy};

use crate::transport::{Fault, FaultKind, Transport, TransportError};

/// The largest answer that is taken, in bytes.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;
/// How long a connection may take to come about.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// Hosts that are never reached through a proxy.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";

/// Which certificate authorities are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The platform's.
    Platform,
    /// The platform's, and those of a PEM text (a company's inspecting proxy).
    PlatformAnd(Vec<u8>),
    /// Only those of a PEM text (a sandbox tenant's own).
    Only(Vec<u8>),
}

/// HTTPS to a tenant. It follows no redirects and keeps no cookies.
#[derive(Clone, Debug)]
pub struct HttpTransport(reqwest::Client);

impl HttpTransport {
    /// Builds the client. A proxy is taken from `https_proxy` or `all_proxy` and `no_proxy` of the
    /// environment, in either case, and never used for this host itself.
    ///
    /// # Errors
    /// [`Code::ConfigurationInvalid`] for a PEM text without certificates or a proxy that is no
    /// URL; [`Code::RemoteTls`] where the platform's authorities cannot be read.
    pub fn new(process: &dyn Process, trust: &Trust) -> Result<Self> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("credwright/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_LIMIT)
            .https_only(true)
            // The proxy is set below; reqwest itself must not read the environment.
            .no_proxy();
        builder = match trust {
            Trust::Platform => builder,
            Trust::PlatformAnd(pem) => builder.tls_certs_merge(authorities(pem)?),
            Trust::Only(pem) => builder.tls_certs_only(authorities(pem)?),
        };
        if let Some(proxy) = proxy(process)? {
            builder = builder.proxy(proxy);
        }
        builder.build().map(Self).map_err(|error| {
            Diagnostic::new(Code::RemoteTls, "HTTPS cannot be used on this host")
                .next("Install the certificate authorities: apt-get install ca-certificates")
                .source(&error)
        })
    }
}

fn authorities(pem: &[u8]) -> Result<Vec<Certificate>> {
    let invalid = |what: &str| {
        Diagnostic::new(Code::ConfigurationInvalid, format!("The CA file {what}"))
            .next("Give a PEM file with 'BEGIN CERTIFICATE' in it.")
    };
    let found = Certificate::from_pem_bundle(pem)
        .map_err(|error| invalid("cannot be read").source(&error))?;
    if found.is_empty() { Err(invalid("holds no certificate")) } else { Ok(found) }
}

fn proxy(process: &dyn Process) -> Result<Option<Proxy>> {
    let variable = |name: &str| {
        let found = process.environment(name);
        found.or_else(|| process.environment(&name.to_uppercase())).filter(|text| !text.is_empty())
    };
    let Some(url) = variable("https_proxy").or_else(|| variable("all_proxy")) else {
        return Ok(None);
    };
    // The URL itself may hold a password, so it is not shown.
    let proxy = Proxy::https(url.as_str()).map_err(|_| {
        Diagnostic::new(Code::ConfigurationInvalid, "The proxy in https_proxy is no URL")
            .next("Set it like this: export https_proxy=http://proxy.example:3128")
    })?;
    let mut direct = LOOPBACK.to_owned();
    if let Some(more) = variable("no_proxy") {
        direct = format!("{direct},{more}");
    }
    Ok(Some(proxy.no_proxy(NoProxy::from_string(&direct))))
}

impl Transport for HttpTransport {
    fn send(
        &self,
        request: Request<Bytes>,
        limit: Duration,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async move {
            let mut request = reqwest::Request::try_from(request)
                .map_err(|error| TransportError::NotSent(fault(&error)))?;
            *request.timeout_mut() = Some(limit);
            let mut answer = self.0.execute(request).await.map_err(|error| {
                let sent = !(error.is_connect() || error.is_builder());
                let fault = fault(&error);
                if sent {
                    TransportError::AnswerLost(fault)
                } else {
                    TransportError::NotSent(fault)
                }
            })?;
            let body = whole_body(&mut answer).await.map_err(TransportError::AnswerLost)?;
            let mut whole = Response::new(body);
            *whole.status_mut() = answer.status();
            *whole.headers_mut() = std::mem::take(answer.headers_mut());
            Ok(whole)
        })
    }
}

async fn whole_body(answer: &mut reqwest::Response) -> Result<Bytes, Fault> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| fault(&error))? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(Fault::new(FaultKind::TooLarge));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

/// Sorts an error by what its chain of sources holds; reqwest itself says little.
fn fault(error: &reqwest::Error) -> Fault {
    let mut kind = if error.is_timeout() {
        FaultKind::TimedOut
    } else if error.is_body() || error.is_decode() {
        FaultKind::Broken
    } else {
        FaultKind::Other
    };
    let mut causes: Vec<String> = Vec::new();
    let mut next: Option<&(dyn Error + 'static)> = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if text.contains("dns error") {
            kind = FaultKind::Name;
        }
        if cause.is::<rustls::Error>() {
            kind = FaultKind::Tls;
        }
        let wrapper = cause.downcast_ref::<io::Error>();
        kind = wrapper.and_then(|error| of_io(error.kind())).unwrap_or(kind);
        // Wrappers repeat the words of what they wrap.
        if causes.last().is_none_or(|last| !last.contains(&text)) {
            causes.push(text);
        }
        // The source of an I/O error is not what it wraps, but the source of that.
        next = match wrapper.and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => cause.source(),
        };
    }
    Fault { kind, causes }
}

fn of_io(kind: io::ErrorKind) -> Option<FaultKind> {
    match kind {
        io::ErrorKind::ConnectionRefused
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable => Some(FaultKind::Refused),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => Some(FaultKind::Broken),
        io::ErrorKind::TimedOut => Some(FaultKind::TimedOut),
        _ => None,
    }
}
