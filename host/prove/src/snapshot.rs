//! All that runs change, for comparing before and after.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::Path;

use base::{Result, Timestamp};
use state::{CertificateFilter, Connector};

use crate::host::Host;

/// What lies in the tenant, in the key store, in the folder of certificates and in the records, a
/// line an object. History (journal, events, evidence, cycles) is not part of it, nor is when
/// something was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot(BTreeSet<String>);

impl Snapshot {
    /// The world as it is now.
    ///
    /// # Errors
    /// Where the world cannot be looked at.
    pub fn of(host: &Host) -> Result<Self> {
        let mut lines = Self::in_tenant(host);
        let mut keep = |kind: &str, object: &dyn Debug| lines.insert(format!("{kind} {object:?}"));
        host.ports.executor.block_on(async {
            let store = &host.store;
            for connector in store.find_connectors().await? {
                let state = store.scheduler_state(&connector.id).await?;
                keep("scheduler", &(&connector.name, &state.settings, state.is_paused()));
                keep("connector", &timeless(connector));
            }
            for certificate in store.find_certificates(&CertificateFilter::default()).await? {
                keep("certificate", &certificate);
            }
            for key in host.keystores().preferred()?.list().await? {
                keep("private key", &key);
            }
            Ok::<(), base::Diagnostic>(())
        })?;
        let folders = [
            host.store.folder().join("certificates"),
            Path::new("/etc/credwright/certificates").to_owned(),
        ];
        for folder in folders {
            for file in host.ports.disk.list(&folder).unwrap_or_default() {
                keep("file", &file);
            }
        }
        Ok(Self(lines))
    }

    fn in_tenant(host: &Host) -> BTreeSet<String> {
        let tenant = host.sandbox.show();
        let mut lines = BTreeSet::new();
        for application in tenant.applications {
            let keys: Vec<_> = application.keys.iter().map(|key| key.key_id).collect();
            let (name, id, app_id) = (application.name, application.id, application.app_id);
            lines.insert(format!("application {name} {id} {app_id} {keys:?}"));
        }
        lines.extend(tenant.principals.iter().map(|own| format!("principal {own:?}")));
        lines.extend(tenant.grants.iter().map(|own| format!("grant {own:?}")));
        lines.extend(tenant.users.iter().map(|own| format!("user {own:?}")));
        lines.extend(tenant.roles.iter().map(|own| format!("role {own:?}")));
        lines
    }

    /// What is there in one of them only: `- ` in this one, `+ ` in the other.
    pub fn difference(&self, other: &Self) -> Vec<String> {
        let gone = self.0.difference(&other.0).map(|line| format!("- {line}"));
        gone.chain(other.0.difference(&self.0).map(|line| format!("+ {line}"))).collect()
    }
}

/// A connector without the times of its changes.
fn timeless(connector: Connector) -> Connector {
    Connector {
        changed_at: Timestamp::from_seconds(0),
        activated_at: None,
        evidence_after: 0,
        ..connector
    }
}
