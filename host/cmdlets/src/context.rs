//! What a run offers its cmdlets.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use base::{Code, Diagnostic, Ports, Result, SecretText, Timestamp};
use effect::{Branch, Event, OpenCall, Permit, Removal, RemovalPermit, StepIntent};
use entra::Credential;
use futures::future::{BoxFuture, LocalBoxFuture};
use keystore::{KeyStores, Vault};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use state::{Connector, Store, Writer};

use crate::registry;

/// What a run offers its cmdlets. One per run.
pub struct Context {
    /// The ports of the world.
    pub ports: Ports,
    /// The state, for writing.
    pub writer: Arc<Writer>,
    /// The key stores of the host.
    pub keystores: KeyStores,
    /// Seals passwords.
    pub vault: Vault,
    /// Where certificates and scripts are kept.
    pub places: Places,
    /// The tenant in view.
    pub tenants: Arc<dyn Tenants>,
    /// Who is asked for passwords.
    pub passwords: Arc<dyn Passwords>,
    /// Runs sync jobs that are scripts.
    pub jobs: Arc<dyn ScriptJobs>,
    /// What belongs to the run alone, and ends with it.
    pub session: Session,
}

/// The folders that cmdlets write to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The state folder of this user.
    pub state: PathBuf,
    /// The user's certificate store.
    pub certificates: PathBuf,
    /// The machine's certificate store.
    pub machine_certificates: PathBuf,
}

/// The tenant in view.
pub struct Tenant {
    /// Its id.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// Whether it is a sandbox.
    pub sandbox: bool,
    /// The client that speaks with it.
    pub client: entra::Client,
    /// How its administrator signs in unless a script says otherwise.
    pub admin: AdminSignIn,
}

/// How an administrator signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminSignIn {
    /// As an application, with a certificate.
    Certificate {
        /// The application's client id.
        client_id: String,
        /// A PEM file with private key and certificate.
        pem: PathBuf,
    },
    /// As a user, with a password that is asked for.
    User {
        /// The user principal name.
        username: String,
    },
    /// Nothing is configured: a script must say.
    Unknown,
}

/// Opens the tenant in view, which may mean to start the sandbox: so it is done when first needed.
pub trait Tenants: Send + Sync {
    /// The tenant in view. The second time it is answered at once.
    fn open(&self) -> BoxFuture<'_, Result<Arc<Tenant>>>;
}

/// Asks for passwords: a terminal, the environment, or what is known of a sandbox.
pub trait Passwords: Send + Sync {
    /// The password of an account.
    fn password<'a>(&'a self, account: &'a str) -> BoxFuture<'a, Result<SecretText>>;
}

/// Runs a connector's sync job that is a Rhai script. The engine implements it, because only the
/// engine knows Rhai.
pub trait ScriptJobs: Send + Sync {
    /// Runs `main(p)` of the script at `path` with `parameters`. Its cmdlets may only read, and are
    /// journalled in `branch`.
    fn run<'a>(
        &'a self,
        path: &'a str,
        parameters: Value,
        branch: Branch,
    ) -> LocalBoxFuture<'a, Result<Value>>;
}

/// What belongs to one run and ends with it: its administrator's sign-in.
#[derive(Default)]
pub struct Session(Mutex<Option<Credential>>);

impl Session {
    /// Remembers the administrator that the run signed in as.
    pub fn connect(&self, administrator: Credential) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(administrator);
    }

    /// Forgets the administrator; answers whether there was one.
    pub fn disconnect(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().is_some()
    }

    /// The administrator that the run signed in as.
    ///
    /// # Errors
    /// [`Code::TenantNotConnected`].
    pub fn administrator(&self) -> Result<Credential> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.clone().ok_or_else(|| {
            Diagnostic::new(Code::TenantNotConnected, "The run is not signed in to the tenant")
                .next("Call connect_tenant() before this.")
        })
    }
}

impl Context {
    /// Establishes again what the recorded calls of a resumed run established in a process that is
    /// gone: its sign-in, its leases. Where that fails the run stops, to be taken up again.
    ///
    /// # Errors
    /// What the cmdlets answer, latched.
    pub(crate) async fn establish_standing(&self, open: &OpenCall<'_>) -> Result<()> {
        open.gate()
            .establish_standing(async |standing| {
                let established = match registry::find(&standing.cmdlet) {
                    Some(cmdlet) => cmdlet.establish(self, open, &standing).await,
                    None => Ok(()),
                };
                established.map_err(|error| {
                    let cmdlet = &standing.cmdlet;
                    open.gate().suspend(error.cause(format!(
                        "the run cannot go on before {cmdlet} has established again what it did"
                    )))
                })
            })
            .await
    }

    /// The state, for reading.
    pub fn store(&self) -> &Store {
        self.writer.store()
    }
}

/// One call of a cmdlet, inside the gate.
pub struct Call<'a> {
    /// What the run offers.
    pub context: &'a Context,
    /// The open call.
    pub open: &'a OpenCall<'a>,
    /// The branch of the script that it works for.
    pub branch: &'a str,
}

impl Call<'_> {
    /// The world's wall clock.
    pub fn now(&self) -> Timestamp {
        self.context.ports.clock.now()
    }

    /// The state, for reading.
    pub fn store(&self) -> &Store {
        self.context.store()
    }

    /// The state, for writing.
    pub fn writer(&self) -> &Writer {
        &self.context.writer
    }

    /// Shows something to whoever watches the run.
    pub fn observe(&self, event: &Event<'_>) {
        self.open.gate().observer().observe(event);
    }

    /// Makes one external change. See [`OpenCall::step`].
    ///
    /// # Errors
    /// As [`OpenCall::step`].
    pub async fn step<T, L, A>(&self, intent: StepIntent, look: L, act: A) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        L: AsyncFn() -> Result<Option<T>>,
        A: AsyncFn(Permit<'_>) -> Result<T>,
    {
        self.open.step(intent, look, act).await
    }

    /// As [`Call::step`], where it may be so already. See [`OpenCall::ensure`].
    ///
    /// # Errors
    /// As [`OpenCall::ensure`].
    pub async fn ensure<T, F, L, A>(
        &self,
        intent: StepIntent,
        find: F,
        look: L,
        act: A,
    ) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        F: AsyncFn() -> Result<Option<T>>,
        L: AsyncFn() -> Result<Option<T>>,
        A: AsyncFn(Permit<'_>) -> Result<T>,
    {
        self.open.ensure(intent, find, look, act).await
    }

    /// Removes something that a credential may depend on. See [`OpenCall::remove`].
    ///
    /// # Errors
    /// As [`OpenCall::remove`].
    pub async fn remove<L, A>(
        &self,
        intent: StepIntent,
        removal: &Removal,
        look: L,
        act: A,
    ) -> Result<()>
    where
        L: AsyncFn() -> Result<Option<()>>,
        A: AsyncFn(RemovalPermit<'_>) -> Result<()>,
    {
        self.open.remove(intent, removal, look, act).await
    }

    /// Chooses an id beforehand. See [`OpenCall::chosen`].
    ///
    /// # Errors
    /// As [`OpenCall::chosen`].
    pub async fn new_id(&self, name: &str) -> Result<String> {
        self.open.chosen(name, async || Ok(self.store().new_id())).await
    }

    /// The connector called `name`.
    ///
    /// # Errors
    /// [`Code::ConnectorUnknown`] with the near miss.
    pub async fn connector(&self, name: &str) -> Result<Connector> {
        self.store().get_connector(name).await
    }

    /// The connector called `name`, and the tenant in view, which is its own.
    ///
    /// # Errors
    /// [`Code::ConnectorTenant`] where the connector belongs to another tenant.
    pub async fn connector_in_view(&self, name: &str) -> Result<(Connector, Arc<Tenant>)> {
        let connector = self.connector(name).await?;
        let tenant = self.context.tenants.open().await?;
        if connector.tenant_id == tenant.id {
            return Ok((connector, tenant));
        }
        let (own, seen) = (&connector.tenant_name, &tenant.name);
        let other = format!("The connector '{name}' belongs to the tenant {own}, not to {seen}");
        Err(Diagnostic::new(Code::ConnectorTenant, other)
            .meaning(
                "A connector never changes its tenant, so that no script can mix two of them up.",
            )
            .next(
                "Choose the connector's own tenant with --profile, or with --tenant for a sandbox.",
            ))
    }
}
