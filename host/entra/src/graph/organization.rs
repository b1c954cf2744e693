//! The tenant's organization.

use base::{Code, Diagnostic, Result};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Graph;

/// The organization that a tenant belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Organization {
    /// The tenant's id.
    pub id: Uuid,
    /// Its name.
    #[serde(default)]
    pub display_name: Option<String>,
    /// Its domains.
    #[serde(default)]
    pub verified_domains: Vec<VerifiedDomain>,
    /// Whether directory synchronization is switched on.
    #[serde(default)]
    pub on_premises_sync_enabled: Option<bool>,
}

/// A domain of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifiedDomain {
    /// Its name.
    pub name: String,
    /// Whether new users get it.
    #[serde(default)]
    pub is_default: bool,
    /// Whether it is the first one, `….onmicrosoft.com`.
    #[serde(default)]
    pub is_initial: bool,
}

impl Organization {
    /// The first domain, `….onmicrosoft.com`.
    pub fn initial_domain(&self) -> Option<&str> {
        self.verified_domains.iter().find(|d| d.is_initial).map(|d| d.name.as_str())
    }
}

impl Graph<'_> {
    /// The tenant's organization.
    ///
    /// # Errors
    /// `graph.*`, `sign_in.*`, `remote.*`.
    pub async fn organization(&self) -> Result<Organization> {
        let what = "read the organization";
        let found: Vec<Organization> = self.all(what, self.url("organization", &[])).await?;
        found.into_iter().next().ok_or_else(|| {
            Diagnostic::new(Code::RemoteGarbage, "Could not read the organization: there is none")
        })
    }
}
