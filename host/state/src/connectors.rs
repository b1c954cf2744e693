//! Connectors: what signs in to a tenant, and how.

use std::fmt;

use base::{Code, Diagnostic, Result, Timestamp, suggest};
use effect::Permit;
use serde::{Deserialize, Serialize};

use crate::database::Transaction;
use crate::query::{Query, Row};
use crate::store::Store;
use crate::writer::Writer;

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
    /// When the credential that it uses now became the active one. Evidence must be newer.
    pub activated_at: Option<Timestamp>,
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

impl Writer {
    /// Adds a connector, with default scheduler settings.
    ///
    /// # Errors
    /// `ConnectorExists` where the name or id is taken, `UsageCommand` for an impossible name.
    pub async fn add_connector(&self, _permit: Permit<'_>, new: NewConnector) -> Result<Connector> {
        let now = self.now();
        let connector = Connector {
            id: new.id,
            name: new.name,
            tenant_id: new.tenant_id,
            tenant_name: new.tenant_name,
            sandbox: new.sandbox,
            identity_type: IdentityType::ServiceAccount,
            service_account: new.service_account,
            client_id: new.client_id,
            mode: None,
            application: None,
            certificate_sha256: None,
            key_uri: None,
            algorithm: None,
            sync_job: new.sync_job,
            run_as: new.run_as,
            created_at: now,
            changed_at: now,
            activated_at: None,
        };
        check_name(&connector.name)?;
        let mut change = self.begin().await?;
        let result = async {
            if !change.insert(written(Query::new(INSERT), &connector)?).await? {
                return Err(exists(&connector.name));
            }
            change.execute(crate::scheduler::defaults(&connector.id)).await?;
            Ok(connector)
        }
        .await;
        self.finish(change, result).await
    }

    /// Changes a connector and answers it as it is then.
    ///
    /// # Errors
    /// `ConnectorUnknown`, `ConnectorExists` where the new name is taken.
    pub async fn set_connector(
        &self,
        _permit: Permit<'_>,
        id: &str,
        wanted: ConnectorChange,
    ) -> Result<Connector> {
        if let Some(name) = &wanted.name {
            check_name(name)?;
        }
        self.update(id, |connector| apply(connector, wanted)).await
    }

    /// Points a connector at an application: from now on it signs in with that certificate. Its
    /// service account stays known, for the way back. The certificate's record becomes `active`,
    /// the one before it `retired`, all in one.
    ///
    /// # Errors
    /// `ConnectorUnknown`.
    pub async fn link_application(
        &self,
        _permit: Permit<'_>,
        id: &str,
        link: Link,
    ) -> Result<Connector> {
        let now = self.now();
        self.update(id, |connector| {
            connector.identity_type = IdentityType::Application;
            connector.mode = Some(link.mode);
            connector.application = Some(link.application);
            connector.certificate_sha256 = Some(link.certificate_sha256);
            connector.key_uri = Some(link.key_uri);
            connector.algorithm = Some(link.algorithm);
            connector.activated_at = Some(now);
        })
        .await
    }

    /// Points a connector back at a service account. The application stays known.
    ///
    /// # Errors
    /// `ConnectorUnknown`.
    pub async fn link_service_account(
        &self,
        _permit: Permit<'_>,
        id: &str,
        account: ServiceAccount,
    ) -> Result<Connector> {
        let now = self.now();
        self.update(id, |connector| {
            connector.identity_type = IdentityType::ServiceAccount;
            connector.service_account = Some(account);
            connector.activated_at = Some(now);
        })
        .await
    }

    /// Forgets a connector, its scheduler settings and its leases. Certificates, events, evidence
    /// and sync runs stay; nothing in the tenant is touched. Forgetting an unknown one is no error.
    ///
    /// # Errors
    /// As the database says.
    pub async fn remove_connector(&self, _permit: Permit<'_>, id: &str) -> Result<()> {
        let mut change = self.begin().await?;
        let query = Query::new("DELETE FROM connectors WHERE id = $1").bind(id);
        let result = change.execute(query).await.map(drop);
        self.finish(change, result).await
    }

    async fn update(&self, id: &str, edit: impl FnOnce(&mut Connector)) -> Result<Connector> {
        let mut change = self.begin().await?;
        let result = async {
            let mut connector = of_id(&mut change, id).await?;
            let before = connector.certificate_sha256.clone();
            edit(&mut connector);
            connector.changed_at = self.now();
            if !change.insert(written(Query::new(UPDATE), &connector)?).await? {
                return Err(exists(&connector.name));
            }
            if connector.certificate_sha256 != before {
                crate::certificates::activate(&mut change, &connector).await?;
            }
            Ok(connector)
        }
        .await;
        self.finish(change, result).await
    }
}

async fn of_id(change: &mut Transaction<'_>, id: &str) -> Result<Connector> {
    let query = Query::new("SELECT * FROM connectors WHERE id = $1").bind(id);
    match change.row(query).await? {
        Some(row) => read(&row),
        None => Err(unknown(id, &[])),
    }
}

fn apply(connector: &mut Connector, wanted: ConnectorChange) {
    fn set<T>(field: &mut T, wanted: Option<T>) {
        if let Some(value) = wanted {
            *field = value;
        }
    }
    set(&mut connector.name, wanted.name);
    set(&mut connector.tenant_name, wanted.tenant_name);
    set(&mut connector.service_account, wanted.service_account);
    set(&mut connector.client_id, wanted.client_id);
    set(&mut connector.sync_job, wanted.sync_job);
    set(&mut connector.run_as, wanted.run_as);
    set(&mut connector.algorithm, wanted.algorithm);
}

fn check_name(name: &str) -> Result<()> {
    let length = name.chars().count();
    if (1..=64).contains(&length) && !name.chars().any(char::is_control) && name.trim() == name {
        return Ok(());
    }
    Err(Diagnostic::new(
        Code::UsageCommand,
        format!("'{}' cannot be a connector's name", name.escape_debug()),
    )
    .next("Use 1 to 64 characters, no control characters, and no blanks at either end."))
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

fn exists(name: &str) -> Diagnostic {
    Diagnostic::new(Code::ConnectorExists, format!("There is a connector '{name}' already"))
        .next("Choose another name, or change the existing one with set_connector.")
}

const INSERT: &str = "INSERT INTO connectors (id, name, tenant_id, tenant_name, sandbox, \
    identity_type, account_upn, account_object_id, account_password, client_id, mode, app_id, \
    app_object_id, app_principal_id, app_display_name, app_key_id, certificate_sha256, key_uri, \
    algorithm, sync_job, run_as, created_at, changed_at, activated_at) VALUES ($1, $2, $3, $4, \
    $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)";

const UPDATE: &str = "UPDATE connectors SET name = $2, tenant_id = $3, tenant_name = $4, \
    sandbox = $5, identity_type = $6, account_upn = $7, account_object_id = $8, \
    account_password = $9, client_id = $10, mode = $11, app_id = $12, app_object_id = $13, \
    app_principal_id = $14, app_display_name = $15, app_key_id = $16, certificate_sha256 = $17, \
    key_uri = $18, algorithm = $19, sync_job = $20, run_as = $21, created_at = $22, \
    changed_at = $23, activated_at = $24 WHERE id = $1";

/// Binds a connector to [`INSERT`] or [`UPDATE`].
fn written(query: Query, connector: &Connector) -> Result<Query> {
    let account = connector.service_account.as_ref();
    let password = account.and_then(|account| account.password.as_ref());
    let application = connector.application.as_ref();
    Ok(query
        .bind(&connector.id)
        .bind(&connector.name)
        .bind(&connector.tenant_id)
        .bind(&connector.tenant_name)
        .bind(connector.sandbox)
        .bind(connector.identity_type.as_str())
        .bind(account.map(|account| account.upn.as_str()))
        .bind(account.and_then(|account| account.object_id.as_deref()))
        .bind(password.map(|password| password.0.as_str()))
        .bind(connector.client_id.as_deref())
        .bind(connector.mode.map(Mode::as_str))
        .bind(application.map(|application| application.app_id.as_str()))
        .bind(application.map(|application| application.object_id.as_str()))
        .bind(application.map(|application| application.principal_id.as_str()))
        .bind(application.map(|application| application.display_name.as_str()))
        .bind(application.map(|application| application.key_id.as_str()))
        .bind(connector.certificate_sha256.as_deref())
        .bind(connector.key_uri.as_deref())
        .bind(connector.algorithm.map(Algorithm::as_str))
        .bind_json(&connector.sync_job)?
        .bind(connector.run_as.as_deref())
        .bind(connector.created_at)
        .bind(connector.changed_at)
        .bind(connector.activated_at))
}

fn read(row: &Row) -> Result<Connector> {
    let service_account = match row.optional_text("account_upn")? {
        None => None,
        Some(upn) => Some(ServiceAccount {
            upn,
            object_id: row.optional_text("account_object_id")?,
            password: row.optional_text("account_password")?.map(SealedText),
        }),
    };
    let application = match row.optional_text("app_id")? {
        None => None,
        Some(app_id) => Some(Application {
            app_id,
            object_id: row.text("app_object_id")?,
            principal_id: row.text("app_principal_id")?,
            display_name: row.text("app_display_name")?,
            key_id: row.text("app_key_id")?,
        }),
    };
    Ok(Connector {
        id: row.text("id")?,
        name: row.text("name")?,
        tenant_id: row.text("tenant_id")?,
        tenant_name: row.text("tenant_name")?,
        sandbox: row.flag("sandbox")?,
        identity_type: row.word("identity_type")?,
        service_account,
        client_id: row.optional_text("client_id")?,
        mode: row.optional_word("mode")?,
        application,
        certificate_sha256: row.optional_text("certificate_sha256")?,
        key_uri: row.optional_text("key_uri")?,
        algorithm: row.optional_word("algorithm")?,
        sync_job: row.json("sync_job")?,
        run_as: row.optional_text("run_as")?,
        created_at: row.time("created_at")?,
        changed_at: row.time("changed_at")?,
        activated_at: row.optional_time("activated_at")?,
    })
}
