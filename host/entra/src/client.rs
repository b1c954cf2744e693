//! The client of one tenant, and its sessions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::{Ports, Random, Timestamp};

use crate::cloud::Authority;
use crate::credential::Credential;
use crate::discovery::Discovery;
use crate::graph::Graph;
use crate::retry::RetryPolicy;
use crate::sign_in::CachedToken;
use crate::skew::{ServerClock, Skew};
use crate::token::Scope;
use crate::transport::Transport;
use crate::wait::{Progress, WaitPolicy, WaitProgress, quiet};

/// What a client is made of.
#[derive(Clone)]
pub struct ClientParts {
    /// Clock and randomness.
    pub ports: Ports,
    /// The way to the tenant.
    pub transport: Arc<dyn Transport>,
    /// Where the tenant lives.
    pub authority: Authority,
    /// Patience with a tenant that does not answer.
    pub retry: RetryPolicy,
    /// Patience with replication.
    pub wait: WaitPolicy,
    /// How long one request may take. What does not fit into a lease must not be started.
    pub request_limit: Duration,
}

impl ClientParts {
    /// The usual policies: see [`RetryPolicy`] and [`WaitPolicy`]; 30 s for a request.
    pub fn new(ports: &Ports, transport: Arc<dyn Transport>, authority: Authority) -> Self {
        Self {
            ports: ports.clone(),
            transport,
            authority,
            retry: RetryPolicy::default(),
            wait: WaitPolicy::default(),
            request_limit: Duration::from_secs(30),
        }
    }
}

/// The client of one tenant: it remembers tokens (in memory only), what the tenant said of itself,
/// and how far this host's clock is off. Cheap to clone; clones share what they remember.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    parts: ClientParts,
    server_clock: ServerClock,
    discovery: Mutex<Option<Discovery>>,
    tokens: Mutex<HashMap<TokenKey, CachedToken>>,
}

/// A credential's digest, and what the token is for.
pub(crate) type TokenKey = ([u8; 32], Scope);

impl Client {
    /// A client that has not spoken to the tenant yet.
    pub fn new(parts: ClientParts) -> Self {
        Self(Arc::new(Inner {
            parts,
            server_clock: ServerClock::default(),
            discovery: Mutex::default(),
            tokens: Mutex::default(),
        }))
    }

    /// Where the tenant lives.
    pub fn authority(&self) -> &Authority {
        &self.0.parts.authority
    }

    /// How far this host's clock is off, as the last answer told; none before the first answer.
    pub fn skew(&self) -> Option<Skew> {
        self.0.server_clock.skew()
    }

    /// The tenant's time, as far as is known: for assertions and the life of certificates.
    pub fn now(&self) -> Timestamp {
        self.0.server_clock.correct(self.0.parts.ports.clock.now())
    }

    /// Lends the client out together with somebody who is shown what is waited for.
    pub fn session<'a>(&'a self, progress: &'a Progress<'a>) -> Session<'a> {
        Session { client: self, progress, wait: self.0.parts.wait }
    }

    /// Lends the client out without showing anything.
    pub fn quiet(&self) -> Session<'_> {
        self.session(&quiet)
    }

    /// Forgets every token.
    pub fn forget_tokens(&self) {
        self.tokens().clear();
    }

    pub(crate) fn tokens(&self) -> MutexGuard<'_, HashMap<TokenKey, CachedToken>> {
        self.0.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn discovery(&self) -> MutexGuard<'_, Option<Discovery>> {
        self.0.discovery.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client, lent out: what signs in, calls and waits.
#[derive(Clone, Copy)]
pub struct Session<'a> {
    client: &'a Client,
    progress: &'a Progress<'a>,
    wait: WaitPolicy,
}

impl<'a> Session<'a> {
    /// The client.
    pub fn client(&self) -> &'a Client {
        self.client
    }

    /// The same session with another patience for replication.
    #[must_use]
    pub fn with_wait(self, wait: WaitPolicy) -> Self {
        Self { wait, ..self }
    }

    /// The patience for replication.
    pub fn wait_policy(&self) -> WaitPolicy {
        self.wait
    }

    /// Microsoft Graph as `credential` sees it. A token is fetched with the first call.
    pub fn graph(self, credential: &'a Credential) -> Graph<'a> {
        Graph { session: self, credential }
    }

    pub(crate) fn retry_policy(&self) -> RetryPolicy {
        self.client.0.parts.retry
    }

    pub(crate) fn request_limit(&self) -> Duration {
        self.client.0.parts.request_limit
    }

    pub(crate) fn transport(&self) -> &'a dyn Transport {
        &*self.client.0.parts.transport
    }

    pub(crate) fn random(&self) -> &'a (dyn Random + 'static) {
        &*self.client.0.parts.ports.random
    }

    pub(crate) fn server_clock(&self) -> &'a ServerClock {
        &self.client.0.server_clock
    }

    /// The tenant's time, as far as is known.
    pub(crate) fn now(&self) -> Timestamp {
        self.client.now()
    }

    /// This host's time.
    pub(crate) fn local_now(&self) -> Timestamp {
        self.client.0.parts.ports.clock.now()
    }

    /// Milliseconds on the clock that nobody can set.
    pub(crate) fn boot_millis(&self) -> i64 {
        self.client.0.parts.ports.clock.boot_time().millis
    }

    pub(crate) fn millis_since(&self, began: i64) -> Duration {
        Duration::from_millis(u64::try_from(self.boot_millis() - began).unwrap_or(0))
    }

    pub(crate) async fn sleep(&self, span: Duration) {
        self.client.0.parts.ports.clock.sleep(span).await;
    }

    pub(crate) fn show(&self, progress: &WaitProgress<'_>) {
        (self.progress)(progress);
    }
}
