//! A guest of the sandbox that another process serves. Once that process is gone the guest serves
//! the sandbox itself, at the same address: the sandbox of a state lasts longer than any process.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base::{Ports, Result};
use bytes::Bytes;
use entra::{FaultKind, HttpTransport, Transport, TransportError};
use futures::future::BoxFuture;
use http::{Request, Response};
use tenant::{Opened, Sandbox, Served};

/// The sandbox that this process serves, if it does.
pub type Hosted = Arc<Mutex<Option<Served>>>;

/// Carries requests to the owner of the sandbox, and becomes the owner where there is none left.
pub struct GuestTransport {
    /// Carries the requests.
    pub inner: HttpTransport,
    /// The machine.
    pub ports: Ports,
    /// The data folder of the sandbox.
    pub folder: PathBuf,
    /// Where the owner serves it.
    pub address: SocketAddr,
    /// Where the sandbox is kept once this process owns it.
    pub hosted: Hosted,
    /// Held while the sandbox is taken over.
    pub taking_over: tokio::sync::Mutex<()>,
}

impl GuestTransport {
    /// Whether the sandbox is served by this process, from now on or already.
    async fn take_over(&self) -> Result<bool> {
        let _one = self.taking_over.lock().await;
        if self.hosted.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return Ok(true);
        }
        let Opened::Owner(sandbox) = open(&self.ports, self.folder.clone()).await? else {
            return Ok(false);
        };
        let served = sandbox.serve(self.address).await?;
        *self.hosted.lock().unwrap_or_else(PoisonError::into_inner) = Some(served);
        Ok(true)
    }
}

impl Transport for GuestTransport {
    fn send(
        &self,
        request: Request<Bytes>,
        limit: Duration,
    ) -> BoxFuture<'_, std::result::Result<Response<Bytes>, TransportError>> {
        Box::pin(async move {
            let answer = self.inner.send(request.clone(), limit).await;
            let Err(TransportError::NotSent(fault)) = &answer else { return answer };
            if fault.kind != FaultKind::Refused {
                return answer;
            }
            match self.take_over().await {
                Ok(true) => self.inner.send(request, limit).await,
                Ok(false) => answer,
                Err(error) => {
                    tracing::warn!(%error, "the sandbox was not taken over");
                    answer
                }
            }
        })
    }
}

/// Opens the sandbox in a folder, off the runtime's threads: a fresh one makes keys, which takes a
/// while.
///
/// # Errors
/// As [`Sandbox::open`].
pub async fn open(ports: &Ports, folder: PathBuf) -> Result<Opened> {
    let ports = ports.clone();
    let opened = tokio::task::spawn_blocking(move || Sandbox::open(&ports, &folder)).await;
    opened.map_err(|error| {
        base::Diagnostic::new(base::Code::Internal, "The sandbox tenant could not be opened")
            .source(&error)
    })?
}
