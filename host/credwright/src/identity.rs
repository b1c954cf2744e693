//! How a connector signs in, as tables and documents show it.

use base::Result;
use serde::Serialize;
use serde_json::Value;
use state::{Certificate, Connector, IdentityType, SchedulerState, Store};

use crate::show::table::{Form, table};

/// How a connector signs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// The connector's name.
    pub connector: String,
    /// The name of its tenant.
    pub tenant_name: String,
    /// The id of its tenant.
    pub tenant_id: String,
    /// Whether that is a sandbox.
    pub sandbox: bool,
    /// `ServiceAccount` or `Application`.
    pub identity_type: IdentityType,
    /// The user principal name that it signs in with, or did before.
    pub service_account: Option<String>,
    /// The application's name.
    pub application_name: Option<String>,
    /// The application's client id.
    pub app_id: Option<String>,
    /// SHA-256 of the certificate that it signs in with.
    pub certificate_sha256: Option<String>,
    /// SHA-1 of that certificate.
    pub thumbprint: Option<String>,
    /// What keeps the private key.
    pub key_provider: Option<String>,
    /// When the certificate ceases to be valid.
    pub not_after: Option<String>,
    /// What the scheduler does.
    pub scheduler: String,
}

impl Identity {
    /// Every connector of the state, by name.
    ///
    /// # Errors
    /// As the database says.
    pub async fn all(store: &Store) -> Result<Vec<Self>> {
        let mut all = Vec::new();
        for connector in store.find_connectors().await? {
            let certificate = match &connector.certificate_sha256 {
                Some(sha256) => store.find_certificate(sha256).await?,
                None => None,
            };
            let scheduler = store.scheduler_state(&connector.id).await?;
            all.push(Self::of(connector, certificate, &scheduler));
        }
        Ok(all)
    }

    fn of(
        connector: Connector,
        certificate: Option<Certificate>,
        scheduler: &SchedulerState,
    ) -> Self {
        // After a way back the application is still recorded, but nothing signs in with it.
        let application =
            connector.application.filter(|_| connector.identity_type == IdentityType::Application);
        Self {
            connector: connector.name,
            tenant_name: connector.tenant_name,
            tenant_id: connector.tenant_id,
            sandbox: connector.sandbox,
            identity_type: connector.identity_type,
            service_account: connector.service_account.map(|account| account.upn),
            application_name: application.as_ref().map(|app| app.display_name.clone()),
            app_id: application.map(|app| app.app_id),
            certificate_sha256: connector.certificate_sha256,
            thumbprint: certificate.as_ref().map(|certificate| certificate.thumbprint.clone()),
            key_provider: certificate.as_ref().map(|certificate| certificate.provider.clone()),
            not_after: certificate.map(|certificate| certificate.not_after.to_string()),
            scheduler: scheduler_words(scheduler),
        }
    }

    /// What signs in: the account, or the application with its client id.
    fn signs_in_as(&self) -> String {
        match (&self.application_name, &self.app_id, &self.service_account) {
            (Some(name), Some(app_id), _) => format!("{name} ({app_id})"),
            (_, _, Some(account)) => account.clone(),
            _ => String::new(),
        }
    }
}

fn scheduler_words(scheduler: &SchedulerState) -> String {
    if scheduler.settings.scheduler_suspended {
        return "suspended".to_owned();
    }
    if let Some(lease) = scheduler.leases.first() {
        return format!("paused: {}", lease.reason);
    }
    if scheduler.settings.sync_cycle_enabled { "runs".to_owned() } else { "disabled".to_owned() }
}

/// Connectors as a table.
pub fn listed(identities: &[Identity], form: Form) -> String {
    let headings = ["connector", "tenant", "identity", "signs in as", "expires", "scheduler"];
    let rows = identities.iter().map(|identity| {
        let kind = if identity.sandbox { " (sandbox)" } else { "" };
        vec![
            identity.connector.clone(),
            format!("{}{kind}", identity.tenant_name),
            identity.identity_type.to_string(),
            identity.signs_in_as(),
            identity.not_after.clone().unwrap_or_default(),
            identity.scheduler.clone(),
        ]
    });
    table(&headings, rows, form)
}

/// What a run made of the connectors that it touched, as a table; none where it touched none.
pub fn compared(before: &[Identity], after: &[Identity], form: Form) -> Option<String> {
    let mut rows = Vec::new();
    for (old, new) in changed(before, after) {
        let mut name = old.or(new).map(|identity| identity.connector.clone()).unwrap_or_default();
        for (what, member) in MEMBERS {
            let of = |identity: Option<&Identity>| identity.map_or("-".to_owned(), member);
            // The name stands in the first row of its connector alone.
            rows.push(vec![std::mem::take(&mut name), (*what).to_owned(), of(old), of(new)]);
        }
    }
    (!rows.is_empty()).then(|| table(&["connector", "", "before", "after"], rows, form))
}

/// Something of an identity, in words.
type Member = fn(&Identity) -> String;

/// What a before-and-after table compares.
const MEMBERS: &[(&str, Member)] = &[
    ("identity type", |identity| identity.identity_type.to_string()),
    ("signs in as", Identity::signs_in_as),
    ("certificate SHA-256", |identity| identity.certificate_sha256.clone().unwrap_or_default()),
    ("key provider", |identity| identity.key_provider.clone().unwrap_or_default()),
    ("expires", |identity| identity.not_after.clone().unwrap_or_default()),
    ("scheduler", |identity| identity.scheduler.clone()),
];

/// The connectors that are not what they were, by name.
pub fn changed<'a>(
    before: &'a [Identity],
    after: &'a [Identity],
) -> Vec<(Option<&'a Identity>, Option<&'a Identity>)> {
    let find = |all: &'a [Identity], name: &str| all.iter().find(|one| one.connector == name);
    let gone = before.iter().filter(|old| find(after, &old.connector).is_none());
    let stay = after.iter().map(|new| (find(before, &new.connector), Some(new)));
    gone.map(|old| (Some(old), None)).chain(stay).filter(|(old, new)| old != new).collect()
}

/// Identities as they stand in documents.
pub fn document(identities: &[Identity]) -> Value {
    serde_json::to_value(identities).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(name: &str) -> Identity {
        Identity {
            connector: name.to_owned(),
            tenant_name: "Contoso".to_owned(),
            tenant_id: "t".to_owned(),
            sandbox: true,
            identity_type: IdentityType::ServiceAccount,
            service_account: Some("sync@contoso.com".to_owned()),
            application_name: None,
            app_id: None,
            certificate_sha256: None,
            thumbprint: None,
            key_provider: None,
            not_after: None,
            scheduler: "runs".to_owned(),
        }
    }

    #[test]
    fn only_what_changed_is_compared() {
        let form = Form { width: Some(100), drawn: false };
        let before = [identity("a"), identity("b")];
        assert_eq!(compared(&before, &before, form), None);
        let moved = Identity {
            identity_type: IdentityType::Application,
            application_name: Some("App".to_owned()),
            app_id: Some("1".to_owned()),
            certificate_sha256: Some("AB".to_owned()),
            key_provider: Some("software".to_owned()),
            not_after: Some("2027-02-21T00:00:00Z".to_owned()),
            ..identity("b")
        };
        let text = compared(&before, &[identity("a"), moved], form).unwrap();
        insta::assert_snapshot!(text, @r"
        +-----------+---------------------+------------------+----------------------+
        | connector |                     | before           | after                |
        +===========================================================================+
        | b         | identity type       | ServiceAccount   | Application          |
        |           | signs in as         | sync@contoso.com | App (1)              |
        |           | certificate SHA-256 |                  | AB                   |
        |           | key provider        |                  | software             |
        |           | expires             |                  | 2027-02-21T00:00:00Z |
        |           | scheduler           | runs             | runs                 |
        +-----------+---------------------+------------------+----------------------+
        ");
    }
}
