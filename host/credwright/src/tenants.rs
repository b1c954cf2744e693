//! The tenant in view: the embedded sandbox, a served sandbox, or the tenant of a profile. It is
//! opened when a cmdlet first needs it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use base::{Code, Diagnostic, Ports, Result, SecretText};
use cmdlets::context::{AdminSignIn, Tenant, Tenants};
use entra::{Authority, Client, ClientParts, HttpTransport, Transport, Trust};
use futures::future::BoxFuture;
use tenant::{Description, Opened, Sandbox, Served};
use tokio::sync::OnceCell;

use crate::accounts::Accounts;
use crate::answer::TenantName;
use crate::cli::Options;
use crate::configuration::{Configuration, Profile};
use crate::guest::{self, GuestTransport, Hosted};
use crate::places::Places;
use crate::remembered::Remembered;

/// The profile name that stands for the embedded sandbox where real profiles are configured.
pub const SANDBOX: &str = "sandbox";
/// How long another process may take to describe the sandbox that it has just opened.
const READY_LIMIT: Duration = Duration::from_secs(10);
/// How often its description is looked for.
const READY_LOOK: Duration = Duration::from_millis(50);
/// The cloud of profiles that name none.
const CLOUD: &str = "global";

/// Which tenant is in view.
#[derive(Clone, Debug)]
pub enum Choice {
    /// The sandbox in this data folder.
    Embedded(PathBuf),
    /// The sandbox that this file describes.
    Described(PathBuf),
    /// The tenant of a profile.
    Profile(String, Profile),
}

impl Choice {
    /// Decides by the command line, then by the configuration. Once a profile is configured there
    /// is no sandbox unless it is named.
    ///
    /// # Errors
    /// [`Code::ConfigurationInvalid`] for an unknown profile, or where none is named.
    pub fn of(options: &Options, configuration: &Configuration, places: &Places) -> Result<Self> {
        if let Some(file) = &options.tenant {
            return Ok(Self::Described(file.clone()));
        }
        let named = options.profile.as_ref().or(configuration.default_profile.as_ref());
        match named.map(String::as_str) {
            Some(SANDBOX) => Ok(Self::Embedded(places.sandbox.clone())),
            Some(name) => Ok(Self::Profile(name.to_owned(), configuration.profile(name)?.clone())),
            None if configuration.profiles.is_empty() => Ok(Self::Embedded(places.sandbox.clone())),
            None => {
                let names: Vec<&str> = configuration.profiles.keys().map(String::as_str).collect();
                Err(Diagnostic::new(
                    Code::ConfigurationInvalid,
                    "It is not said which tenant is meant",
                )
                .meaning("Profiles are configured, so the sandbox is not used without being named.")
                .next(format!("Name one: --profile {} (or {SANDBOX})", names.join(" | "))))
            }
        }
    }
}

impl Choice {
    /// The tenant as far as it is known without opening it, from what is remembered in `state`.
    ///
    /// # Errors
    /// A description that cannot be read.
    pub fn name(&self, ports: &Ports, state: &Path) -> Result<TenantName> {
        let remembered = Remembered::read(ports, state);
        let unknown = |id: &str, name: &str, sandbox| TenantName {
            id: id.to_owned(),
            name: name.to_owned(),
            sandbox,
        };
        match self {
            Self::Embedded(_) => {
                Ok(remembered.embedded.unwrap_or_else(|| unknown("", SANDBOX, true)))
            }
            Self::Described(file) => {
                let description = read_description(ports, file)?;
                let id = description.tenant_id.to_string();
                Ok(TenantName { id, name: name_of(&description), sandbox: true })
            }
            Self::Profile(name, profile) => {
                let known = remembered.profiles.get(name).cloned();
                Ok(known.unwrap_or_else(|| unknown(&profile.tenant, &profile.tenant, false)))
            }
        }
    }
}

/// The tenant in view of this process.
pub struct View {
    ports: Ports,
    choice: Choice,
    state: PathBuf,
    accounts: Arc<Accounts>,
    opened: OnceCell<Arc<Tenant>>,
    served: Hosted,
}

impl View {
    /// The view of `choice`, whose knowledge is kept in the folder `state`. Nothing is opened yet.
    pub fn new(ports: &Ports, choice: Choice, state: &Path, accounts: Arc<Accounts>) -> Self {
        if let Choice::Profile(_, Profile { admin: Some(admin), .. }) = &choice {
            accounts.administrator(admin.username.as_deref());
        }
        Self {
            ports: ports.clone(),
            choice,
            state: state.to_owned(),
            accounts,
            opened: OnceCell::new(),
            served: Hosted::default(),
        }
    }

    /// Whether the tenant is a sandbox.
    pub fn is_sandbox(&self) -> bool {
        !matches!(self.choice, Choice::Profile(..))
    }

    /// Whether the tenant is the sandbox of this state.
    pub fn is_embedded(&self) -> bool {
        matches!(self.choice, Choice::Embedded(_))
    }

    /// The tenant as far as it is known without opening it; its id may be unknown at first.
    ///
    /// # Errors
    /// A description that cannot be read.
    pub fn name(&self) -> Result<TenantName> {
        match self.opened.get() {
            Some(tenant) => Ok(named(tenant)),
            None => self.choice.name(&self.ports, &self.state),
        }
    }

    /// The sandbox itself, where this process owns it.
    pub fn sandbox(&self) -> Option<Sandbox> {
        self.served().as_ref().map(|served| served.sandbox().clone())
    }

    /// Lets go of a sandbox that this process serves.
    pub async fn close(&self) {
        let served = self.served().take();
        if let Some(served) = served
            && let Err(error) = served.shutdown().await
        {
            // What it left behind describes nothing any more; the next owner takes it away.
            tracing::warn!(%error, "the sandbox was not closed in order");
        }
    }

    fn served(&self) -> std::sync::MutexGuard<'_, Option<Served>> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn start(&self) -> Result<Arc<Tenant>> {
        let tenant = match &self.choice {
            Choice::Embedded(folder) => self.embedded(folder).await?,
            Choice::Described(file) => {
                let description = read_description(&self.ports, file)?;
                self.described(&description, name_of(&description), |inner| Arc::new(inner))?
            }
            Choice::Profile(_, profile) => self.real(profile).await?,
        };
        let known = named(&tenant);
        Remembered::update(&self.ports, &self.state, |remembered| match &self.choice {
            Choice::Embedded(_) => remembered.embedded = Some(known),
            Choice::Described(_) => {}
            Choice::Profile(name, _) => {
                remembered.profiles.insert(name.clone(), known);
            }
        });
        Ok(Arc::new(tenant))
    }

    /// Opens the embedded sandbox and serves it, or finds the process that does so already.
    async fn embedded(&self, folder: &Path) -> Result<Tenant> {
        match guest::open(&self.ports, folder.to_owned()).await? {
            Opened::Owner(sandbox) => {
                let served = sandbox.serve(([127, 0, 0, 1], 0).into()).await?;
                let description = served.describe();
                *self.served() = Some(served);
                self.described(&description, sandbox.show().name, |inner| Arc::new(inner))
            }
            Opened::Served(file) => {
                let description = self.awaited(&file).await?;
                let address = description.authority.trim_start_matches("https://").parse();
                let name = name_of(&description);
                self.described(&description, name, |inner| match address {
                    Ok(address) => Arc::new(GuestTransport {
                        inner,
                        ports: self.ports.clone(),
                        folder: folder.to_owned(),
                        address,
                        hosted: self.served.clone(),
                        taking_over: tokio::sync::Mutex::default(),
                    }),
                    Err(_) => Arc::new(inner),
                })
            }
        }
    }

    /// The description by another process, once it is there.
    async fn awaited(&self, file: &Path) -> Result<Description> {
        let clock = &self.ports.clock;
        let look = async {
            while self.ports.disk.status(file).is_err() {
                clock.sleep(READY_LOOK).await;
            }
        };
        match base::clock::timeout(&**clock, READY_LIMIT, look).await {
            Ok(()) => read_description(&self.ports, file),
            Err(_) => Err(Diagnostic::new(
                Code::TenantSandbox,
                "Another process has the sandbox tenant, but does not say where it is served",
            )
            .repeat(base::Repeat::Later)
            .next("Wait until that process ends, then run the command again.")),
        }
    }

    fn described(
        &self,
        description: &Description,
        name: String,
        carried: impl FnOnce(HttpTransport) -> Arc<dyn Transport>,
    ) -> Result<Tenant> {
        let ca_file = &description.ca_file;
        let authorities = self.ports.disk.read(ca_file).map_err(|error| {
            let shown = ca_file.display();
            Diagnostic::new(
                Code::ConfigurationInvalid,
                format!("The CA file {shown} cannot be read"),
            )
            .cause(error)
        })?;
        let transport = HttpTransport::new(&*self.ports.process, &Trust::Only(authorities))?;
        let id = description.tenant_id.to_string();
        let authority = Authority::new(&description.authority, &description.graph, &id)?;
        let parts = ClientParts::new(&self.ports, carried(transport), authority);
        let (admin, legacy) = (&description.admin, &description.legacy_account);
        self.accounts.administrator(Some(&admin.username));
        self.accounts.know(&admin.username, SecretText::new(admin.password.as_str()));
        self.accounts.know(&legacy.username, SecretText::new(legacy.password.as_str()));
        self.accounts.legacy(&legacy.username);
        Ok(Tenant {
            id,
            name,
            sandbox: true,
            client: Client::new(parts),
            admin: AdminSignIn::Certificate {
                client_id: admin.client_id.to_string(),
                pem: admin.certificate_pem.clone(),
            },
        })
    }

    async fn real(&self, profile: &Profile) -> Result<Tenant> {
        let authority = match (&profile.authority, &profile.graph) {
            (Some(authority), Some(graph)) => Authority::new(authority, graph, &profile.tenant)?,
            _ => Authority::in_cloud(profile.cloud.as_deref().unwrap_or(CLOUD), &profile.tenant)?,
        };
        let trust = match &profile.ca_file {
            None => Trust::Platform,
            Some(file) => Trust::PlatformAnd(self.ports.disk.read(file).map_err(|error| {
                let shown = file.display();
                Diagnostic::new(
                    Code::ConfigurationInvalid,
                    format!("The CA file {shown} cannot be read"),
                )
                .cause(error)
            })?),
        };
        let transport = HttpTransport::new(&*self.ports.process, &trust)?;
        let client = Client::new(ClientParts::new(&self.ports, Arc::new(transport), authority));
        let id = client.quiet().discover().await?.tenant_id.to_string();
        let admin = match &profile.admin {
            None => AdminSignIn::Unknown,
            Some(admin) => match (&admin.client_id, &admin.certificate_pem, &admin.username) {
                (Some(client_id), Some(pem), _) => {
                    AdminSignIn::Certificate { client_id: client_id.clone(), pem: pem.clone() }
                }
                (_, _, Some(username)) => AdminSignIn::User { username: username.clone() },
                _ => AdminSignIn::Unknown,
            },
        };
        Ok(Tenant { id, name: profile.tenant.clone(), sandbox: false, client, admin })
    }
}

impl Tenants for View {
    fn open(&self) -> BoxFuture<'_, Result<Arc<Tenant>>> {
        Box::pin(async { self.opened.get_or_try_init(|| self.start()).await.cloned() })
    }
}

/// A tenant as output names it.
fn named(tenant: &Tenant) -> TenantName {
    TenantName { id: tenant.id.clone(), name: tenant.name.clone(), sandbox: tenant.sandbox }
}

fn name_of(description: &Description) -> String {
    if description.name.is_empty() {
        description.authority.trim_start_matches("https://").to_owned()
    } else {
        description.name.clone()
    }
}

/// The description of a served tenant in a file.
///
/// # Errors
/// [`Code::ConfigurationInvalid`].
pub fn read_description(ports: &Ports, file: &Path) -> Result<Description> {
    let invalid = |what: &str| {
        let shown = file.display();
        Diagnostic::new(Code::ConfigurationInvalid, format!("The description {shown} {what}"))
            .next(format!("Have it written: credwright tenant serve --describe {shown}"))
    };
    let content = ports.disk.read(file).map_err(|error| invalid("cannot be read").cause(error))?;
    serde_json::from_slice(&content)
        .map_err(|error| invalid("does not describe a served tenant").source(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn configuration(text: &str) -> Configuration {
        let tenant = |name: &str| {
            let profile: Profile = toml::from_str(&format!("tenant = '{name}'")).unwrap();
            (name.to_owned(), profile)
        };
        let profiles = text.split_whitespace().map(tenant).collect();
        Configuration { profiles, ..Configuration::default() }
    }

    fn choice(options: &Options, configuration: &Configuration) -> Result<Choice> {
        let world = base::virtual_world::VirtualWorld::new(1, base::Timestamp::default()).unwrap();
        let places = Places::find(Some(Path::new("/h")), &world.ports(), &str::to_owned).unwrap();
        Choice::of(options, configuration, &places)
    }

    #[test]
    fn the_sandbox_is_implicit_only_without_profiles() {
        let plain = Options::default();
        assert!(matches!(choice(&plain, &configuration("")), Ok(Choice::Embedded(_))));
        let error = choice(&plain, &configuration("contoso")).unwrap_err();
        assert_eq!(error.next.as_deref(), Some("Name one: --profile contoso (or sandbox)"));

        let named = |name: &str| Options { profile: Some(name.to_owned()), ..Options::default() };
        let one = configuration("contoso");
        assert!(matches!(choice(&named("sandbox"), &one), Ok(Choice::Embedded(_))));
        assert!(
            matches!(choice(&named("contoso"), &one), Ok(Choice::Profile(name, _)) if name == "contoso")
        );
        choice(&named("contso"), &one).unwrap_err();

        let by_default = Configuration { default_profile: Some("contoso".to_owned()), ..one };
        assert!(matches!(choice(&plain, &by_default), Ok(Choice::Profile(..))));
    }
}
