//! Adding, changing, linking and forgetting connectors.

use base::{Code, Diagnostic, Result};
use effect::Permit;

use super::record::{INSERT, UPDATE, read, written};
use super::{
    Connector, ConnectorChange, IdentityType, Link, NewConnector, ServiceAccount, unknown,
};
use crate::database::Transaction;
use crate::query::Query;
use crate::store::Store;
use crate::writer::Writer;

impl Store {
    /// Checks that a new connector may be called so.
    ///
    /// # Errors
    /// `ConnectorExists` where the name is taken, `CmdletParameter` for an impossible name.
    pub async fn check_new_name(&self, name: &str) -> Result<()> {
        check_name(name)?;
        let query = Query::new("SELECT id FROM connectors WHERE name = $1").bind(name);
        match self.row(query).await? {
            Some(_) => Err(exists(name)),
            None => Ok(()),
        }
    }
}

impl Writer {
    /// Adds a connector, with default scheduler settings.
    ///
    /// # Errors
    /// `ConnectorExists` where the name or id is taken, `CmdletParameter` for an impossible name.
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
            evidence_after: 0,
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

    /// Points a connector back at a service account. The application stays known, and the record of
    /// its certificate becomes `retired`.
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

    /// Forgets the application of a connector that signs in as a service account, because it is not
    /// there any more.
    ///
    /// # Errors
    /// `ConnectorUnknown`, `ConnectorState` where it signs in as that application.
    pub async fn forget_application(&self, _permit: Permit<'_>, id: &str) -> Result<Connector> {
        if let Some(connector) = self.store().find_connector(id).await?
            && connector.identity_type == IdentityType::Application
        {
            let name = &connector.name;
            let used = format!("The connector '{name}' signs in as its application");
            return Err(Diagnostic::new(Code::ConnectorState, used).next(format!(
                "Point it back at its account first: link_service_account(#{{ connector: \"{name}\" }})"
            )));
        }
        self.update(id, |connector| {
            connector.application = None;
            connector.mode = None;
            connector.certificate_sha256 = None;
            connector.key_uri = None;
            connector.algorithm = None;
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
            let before = (connector.identity_type, connector.certificate_sha256.clone());
            let credential = connector.credential();
            edit(&mut connector);
            connector.changed_at = self.now();
            if !change.insert(written(Query::new(UPDATE), &connector)?).await? {
                return Err(exists(&connector.name));
            }
            if (connector.identity_type, connector.certificate_sha256.clone()) != before {
                crate::certificates::activate(&mut change, &connector).await?;
            }
            if connector.credential() != credential {
                change.execute(Query::new(EVIDENCE_AFTER).bind(id)).await?;
                connector = of_id(&mut change, id).await?;
            }
            Ok(connector)
        }
        .await;
        self.finish(change, result).await
    }
}

/// From now on only newer evidence counts.
const EVIDENCE_AFTER: &str = "UPDATE connectors SET evidence_after = \
    (SELECT value FROM counters WHERE name = 'evidence') WHERE id = $1";

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
        Code::CmdletParameter,
        format!("'{}' cannot be a connector's name", name.escape_debug()),
    )
    .next("Use 1 to 64 characters, no control characters, and no blanks at either end."))
}

fn exists(name: &str) -> Diagnostic {
    Diagnostic::new(Code::ConnectorExists, format!("There is a connector '{name}' already"))
        .next("Choose another name, or change the existing one with set_connector.")
}
