//! Connectors: what signs in to a tenant, and how.

use std::fmt;

use base::{Code, Diagnostic, Result, Timestamp, suggest};
use serde::{Deserialize, Serialize};

use crate::query::Query;
use crate::store::Store;

mod changes;
mod record;

use record::read;

words! {
    /// What a connector signs in as.
    pub enum IdentityType {
        /// A user account, by password.
        ServiceAccount = "ServiceAccount",
        /// An application, by certificate.
        Application = "Application",
    }

    /// Who looks after application and certificate.
    pub enum Mode {
        /// This host after both.
        Managed = "managed",
        /// This host after the application, an admin after the certificate.
        Byoc = "byoc",
        /// An admin after both.
        Byoa = "byoa",
    }

    /// How client assertions are signed; a probe of the key decides.
    pub enum Algorithm {
        /// RSASSA-PSS with SHA-256.
        Ps256 = "PS256",
        /// RSASSA-PKCS1-v1_5 with SHA-256.
        Rs256 = "RS256",
    }
}

/// A text that only the key store can open, such as a password. It is never shown and never leaves
/// with a serialised record.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SealedText(pub String);

impl fmt::Debug for SealedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedText")
    }
}

/// A user account that a connector signs in with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAccount {
    /// Its user principal name.
    pub upn: String,
    /// Its object id, where it is known.
    pub object_id: Option<String>,
    /// Its password. Not part of the serialised form.
    #[serde(skip)]
    pub password: Option<SealedText>,
}

/// An application that a connector signs in as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// Its client id.
    pub app_id: String,
    /// The object id of the application.
    pub object_id: String,
    /// The object id of its service principal.
    pub principal_id: String,
    /// Its name in the tenant.
    pub display_name: String,
    /// The key credential that the connector signs in with.
    pub key_id: String,
}

/// What a sync cycle does after the token was had.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncJob {
    /// Nothing: it only proves that tokens are to be had (`token-only`).
    #[default]
    Builtin,
    /// A Rhai script.
    Script {
        /// Its path.
        path: String,
    },
    /// A program, without a shell.
    Command {
        /// Program and arguments.
        words: Vec<String>,
    },
}

impl SyncJob {
    /// The job as sync runs and evidence name it: `token-only`, or the script or command.
    pub fn label(&self) -> String {
        match self {
            Self::Builtin => "token-only".to_owned(),
            Self::Script { path } => path.clone(),
            Self::Command { words } => words.join(" "),
        }
    }
}

/// A connector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connector {
    /// Its id, made by this host.
    pub id: String,
    /// Its name, unique in this state.
    pub name: String,
    /// The tenant, for good.
    pub tenant_id: String,
    /// The tenant's name, for people.
    pub tenant_name: String,
    /// Whether that tenant is the sandbox.
    pub sandbox: bool,
    /// What it signs in as now.
    pub identity_type: IdentityType,
    /// The account; kept while it signs in as an application, for the way back.
    pub service_account: Option<ServiceAccount>,
    /// The public client for signing in by password; the default one where there is none.
    pub client_id: Option<String>,
    /// Who looks after application and certificate.
    pub mode: Option<Mode>,
    /// The application; kept while it signs in as a service account again.
    pub application: Option<Application>,
    /// SHA-256 of the certificate that it signs in with, upper hex.
    pub certificate_sha256: Option<String>,
    /// The private key of that certificate.
    pub key_uri: Option<String>,
    /// How its assertions are signed.
    pub algorithm: Option<Algorithm>,
    /// What a sync cycle does.
    pub sync_job: SyncJob,
    /// The account of this machine that the sync job runs as.
    pub run_as: Option<String>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When anything of it was changed last.
    pub changed_at: Timestamp,
    /// When the credential that it uses now became the active one.
    pub activated_at: Option<Timestamp>,
    /// Evidence counts only where its sequence is greater: since then nothing of what the connector
    /// signs in with was changed. Clocks may jump, this does not.
    pub evidence_after: i64,
}

impl Connector {
    /// What it signs in with, as far as a change of it makes evidence worthless.
    fn credential(&self) -> impl PartialEq + use<> {
        let signs = self.identity_type == IdentityType::Application;
        let account = self.service_account.clone().filter(|_| !signs);
        let password = account.as_ref().and_then(|account| account.password.clone());
        let certificate = (self.certificate_sha256.clone(), self.key_uri.clone());
        (
            self.identity_type,
            (account, password, self.client_id.clone().filter(|_| !signs)),
            signs.then(|| (self.application.clone(), certificate)),
        )
    }
}

/// A connector to add. It signs in as a service account until an application is linked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewConnector {
    /// Its id, chosen beforehand so that it can be looked for; see [`Store::new_id`].
    pub id: String,
    /// Its name: 1 to 64 characters, no control characters.
    pub name: String,
    /// The tenant.
    pub tenant_id: String,
    /// The tenant's name.
    pub tenant_name: String,
    /// Whether the tenant is the sandbox.
    pub sandbox: bool,
    /// The account that it signs in with.
    pub service_account: Option<ServiceAccount>,
    /// The public client for signing in by password.
    pub client_id: Option<String>,
    /// What a sync cycle does.
    pub sync_job: SyncJob,
    /// The account of this machine that the sync job runs as.
    pub run_as: Option<String>,
}

/// What of a connector is to be changed; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectorChange {
    /// Another name.
    pub name: Option<String>,
    /// Another name of the tenant, for people.
    pub tenant_name: Option<String>,
    /// Another account, or the same with another password.
    pub service_account: Option<Option<ServiceAccount>>,
    /// Another public client.
    pub client_id: Option<Option<String>>,
    /// Another sync job.
    pub sync_job: Option<SyncJob>,
    /// Another account to run it as.
    pub run_as: Option<Option<String>>,
    /// Another algorithm.
    pub algorithm: Option<Option<Algorithm>>,
}

/// What a connector signs in with once it is linked to an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Who looks after application and certificate.
    pub mode: Mode,
    /// The application.
    pub application: Application,
    /// SHA-256 of the certificate, upper hex.
    pub certificate_sha256: String,
    /// Its private key.
    pub key_uri: String,
    /// How assertions are signed.
    pub algorithm: Algorithm,
}

impl Store {
    /// A new id for a connector, certificate or anything else that is chosen before it is made.
    pub fn new_id(&self) -> String {
        self.0.ports.random.uuid().to_string()
    }

    /// All connectors, by name.
    ///
    /// # Errors
    /// As the database says.
    pub async fn find_connectors(&self) -> Result<Vec<Connector>> {
        let rows = self.rows(Query::new("SELECT * FROM connectors")).await?;
        let mut found = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
        found.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(found)
    }

    /// The connector called `name`.
    ///
    /// # Errors
    /// `ConnectorUnknown`, with the near miss where there is one.
    pub async fn get_connector(&self, name: &str) -> Result<Connector> {
        let query = Query::new("SELECT * FROM connectors WHERE name = $1").bind(name);
        if let Some(row) = self.row(query).await? {
            return read(&row);
        }
        let known = self.find_connectors().await?;
        Err(unknown(name, &known))
    }

    /// The connector of that id, if there is one.
    ///
    /// # Errors
    /// As the database says.
    pub async fn find_connector(&self, id: &str) -> Result<Option<Connector>> {
        let query = Query::new("SELECT * FROM connectors WHERE id = $1").bind(id);
        self.row(query).await?.as_ref().map(read).transpose()
    }
}

fn unknown(name: &str, known: &[Connector]) -> Diagnostic {
    let names = known.iter().map(|connector| connector.name.as_str());
    let near = suggest::did_you_mean(name, names.clone());
    let next = if known.is_empty() {
        "There is no connector yet: add one with add_connector.".to_owned()
    } else {
        let names: Vec<_> = names.map(|name| format!("'{name}'")).collect();
        format!("Name one of {} (credwright connectors lists them).", names.join(", "))
    };
    Diagnostic::new(Code::ConnectorUnknown, format!("There is no connector '{name}'{near}"))
        .next(next)
}
