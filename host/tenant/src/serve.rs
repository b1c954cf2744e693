//! Serving a tenant over TLS.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use base::clock::timeout;
use base::{Code, Diagnostic};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::certificates::failed;
use crate::faults::Lost;
use crate::sandbox::Sandbox;

/// How long requests that are running may take to end when the server stops.
const GRACE: Duration = Duration::from_secs(2);

/// Where a served tenant is and how to sign in to it: what `--describe` writes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// `https://127.0.0.1:PORT`
    pub authority: String,
    /// Tenant id.
    pub tenant_id: Uuid,
    /// Display name of the tenant.
    #[serde(default)]
    pub name: String,
    /// `https://127.0.0.1:PORT/v1.0`
    pub graph: String,
    /// The certificate authority of its TLS certificate, PEM.
    pub ca_file: PathBuf,
    /// The administrator.
    pub admin: Administrator,
    /// The legacy synchronization account.
    pub legacy_account: Account,
}

/// How the administrator signs in: as an application, or as a user.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Administrator {
    /// Client id of the administrator application.
    pub client_id: Uuid,
    /// A file with its private key and certificate in PEM.
    pub certificate_pem: PathBuf,
    /// User principal name of the administrator.
    pub username: String,
    /// The administrator's password.
    pub password: String,
}

/// A user account.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// User principal name.
    pub username: String,
    /// Its password.
    pub password: String,
}

impl std::fmt::Debug for Description {
    /// Without the passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Description")
            .field("authority", &self.authority)
            .field("tenant_id", &self.tenant_id)
            .finish_non_exhaustive()
    }
}

/// A tenant that is being served. Dropping it stops the server at once; [`Served::shutdown`] lets
/// running requests end.
pub struct Served {
    sandbox: Sandbox,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    server: JoinSet<()>,
}

impl Sandbox {
    /// Serves this tenant over TLS, with HTTP/1.1. Needs a data folder, for the certificates, and a
    /// tokio runtime. Port 0 takes a free one.
    ///
    /// # Errors
    /// A port in use, or a folder that cannot be written.
    pub async fn serve(&self, address: SocketAddr) -> base::Result<Served> {
        let shared = &self.shared;
        let folder = shared.folder.as_ref().ok_or_else(|| {
            let text = "only a sandbox tenant with a data folder can be served";
            Diagnostic::new(Code::TenantSandbox, text)
        })?;
        let acceptor = acceptor(&folder.server_pem(&shared.ports)?)?;
        let listener =
            TcpListener::bind(address).await.map_err(|error| not_bound(address, &error))?;
        let address = listener.local_addr().map_err(|error| not_bound(address, &error))?;
        let (stop, stopped) = watch::channel(false);
        let mut server = JoinSet::new();
        server.spawn(accept(listener, acceptor, self.router(), stopped));
        let served = Served { sandbox: self.clone(), address, stop, server };
        folder.describe(&served.description_bytes()?)?;
        Ok(served)
    }
}

fn not_bound(address: SocketAddr, error: &io::Error) -> Diagnostic {
    let text = match error.kind() {
        io::ErrorKind::AddrInUse => format!("port {} is in use", address.port()),
        _ => format!("the sandbox tenant cannot listen on {address}"),
    };
    Diagnostic::new(Code::TenantSandbox, text)
        .cause(error)
        .next("Name another port, or port 0 for a free one: --listen 127.0.0.1:0")
}

fn acceptor(pem: &str) -> base::Result<TlsAcceptor> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| failed("read its TLS certificate", &error))?;
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes())
        .map_err(|error| failed("read its TLS key", &error))?;
    // The provider is named: a default of the whole process is not ours to set.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| failed("set up TLS", &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    router: Router,
    mut stopped: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(
                        stream,
                        acceptor.clone(),
                        router.clone(),
                        stopped.clone(),
                    ));
                }
                Err(error) => {
                    // Out of file descriptors, or a client that left: the next one may do better.
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::task::yield_now().await;
                }
            },
            Some(_) = connections.join_next() => {}
            _ = stopped.changed() => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    router: Router,
    mut stopped: watch::Receiver<bool>,
) {
    let handshake = tokio::select! {
        handshake = acceptor.accept(stream) => handshake,
        _ = stopped.changed() => return,
    };
    let stream = match handshake {
        Ok(stream) => stream,
        Err(error) => {
            tracing::debug!(%error, "a TLS handshake failed");
            return;
        }
    };
    let service = hyper::service::service_fn(move |request| answer(router.clone(), request));
    let serving =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        _ = stopped.changed() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// One request. A lost answer is an error here, which closes the connection without one.
async fn answer(
    router: Router,
    request: hyper::Request<Incoming>,
) -> Result<axum::response::Response, io::Error> {
    let answered: Result<_, Infallible> = router.oneshot(request.map(Body::new)).await;
    match answered {
        Ok(response) if response.extensions().get::<Lost>().is_some() => {
            Err(io::Error::new(io::ErrorKind::ConnectionReset, "the answer is lost"))
        }
        Ok(response) => Ok(response),
        Err(never) => match never {},
    }
}

impl Served {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The tenant itself.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Where it is and how to sign in.
    pub fn describe(&self) -> Description {
        let ip = match self.address.ip() {
            ip if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            ip => ip,
        };
        let authority = format!("https://{}", SocketAddr::new(ip, self.address.port()));
        let sign_ins = self.sandbox.sign_ins();
        let folder = self.sandbox.shared.folder.as_ref();
        Description {
            graph: format!("{authority}/v1.0"),
            authority,
            tenant_id: sign_ins.tenant_id,
            name: self.sandbox.show().name,
            ca_file: folder.map(|folder| folder.authority_file()).unwrap_or_default(),
            admin: Administrator {
                client_id: sign_ins.client_id,
                certificate_pem: folder.map(|f| f.administrator_file()).unwrap_or_default(),
                username: sign_ins.username,
                password: sign_ins.password.expose().to_owned(),
            },
            legacy_account: Account {
                username: sign_ins.legacy_username,
                password: sign_ins.legacy_password.expose().to_owned(),
            },
        }
    }

    fn description_bytes(&self) -> base::Result<Vec<u8>> {
        let mut content = serde_json::to_vec_pretty(&self.describe())
            .map_err(|error| failed("describe itself", &error))?;
        content.push(b'\n');
        Ok(content)
    }

    /// Writes the description to a file of the caller's choice, at once and readable by this user
    /// only. The data folder has one of its own already.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn write_description(&self, file: &Path) -> base::Result<()> {
        let disk = &self.sandbox.shared.ports.disk;
        disk.write_atomic(file, &self.description_bytes()?, 0o600).map_err(|error| {
            let text = format!("the description {} could not be written", file.display());
            Diagnostic::new(Code::DiskFailed, text).cause(error)
        })
    }

    /// Stops accepting, lets running requests end, and takes the description back. Who has not
    /// sent a whole request after a while is not waited for any longer.
    ///
    /// # Errors
    /// Where the description cannot be deleted.
    pub async fn shutdown(mut self) -> base::Result<()> {
        let _ = self.stop.send(true);
        let clock = &*self.sandbox.shared.ports.clock;
        let ended = async { while self.server.join_next().await.is_some() {} };
        let _ = timeout(clock, GRACE, ended).await;
        self.server.shutdown().await;
        match &self.sandbox.shared.folder {
            Some(folder) => folder.undescribe(),
            None => Ok(()),
        }
    }
}
