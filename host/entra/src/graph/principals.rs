//! Service principals.

use std::fmt;

use base::{Code, Result};
use effect::{Permit, Removal, RemovalPermit};
use http::Method;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Graph, outgoing};
use crate::retry::Repeatable;
use crate::wait::Look;

/// A service principal: an application as it acts in this tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePrincipal {
    /// The object id.
    pub id: Uuid,
    /// The application's client id.
    pub app_id: Uuid,
    /// Its name.
    #[serde(default)]
    pub display_name: Option<String>,
    /// Whether it may sign in.
    #[serde(default)]
    pub account_enabled: Option<bool>,
    /// The application roles that it offers.
    #[serde(default)]
    pub app_roles: Vec<AppRole>,
    /// The delegated scopes that it offers.
    #[serde(default)]
    pub oauth2_permission_scopes: Vec<PermissionScope>,
}

impl ServicePrincipal {
    /// The application role with this value, where it is offered and enabled.
    pub fn app_role(&self, value: &str) -> Option<&AppRole> {
        self.app_roles
            .iter()
            .find(|role| role.value.as_deref() == Some(value) && role.is_enabled.unwrap_or(true))
    }
}

/// An application role that a resource offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppRole {
    /// Its id.
    pub id: Uuid,
    /// Its name in tokens.
    #[serde(default)]
    pub value: Option<String>,
    /// Whether it can be granted.
    #[serde(default)]
    pub is_enabled: Option<bool>,
}

/// A delegated scope that a resource offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PermissionScope {
    /// Its id.
    pub id: Uuid,
    /// Its name in tokens.
    #[serde(default)]
    pub value: Option<String>,
}

/// Names a service principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrincipalRef {
    /// By object id.
    Id(Uuid),
    /// By its application's client id.
    AppId(Uuid),
}

impl PrincipalRef {
    fn path(self) -> String {
        match self {
            PrincipalRef::Id(id) => format!("servicePrincipals/{id}"),
            PrincipalRef::AppId(app_id) => format!("servicePrincipals(appId='{app_id}')"),
        }
    }
}

impl fmt::Display for PrincipalRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PrincipalRef::Id(id) => write!(f, "the service principal {id}"),
            PrincipalRef::AppId(id) => write!(f, "the service principal of the application {id}"),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewPrincipal {
    app_id: Uuid,
}

const SELECT: (&str, &str) =
    ("$select", "id,appId,displayName,accountEnabled,appRoles,oauth2PermissionScopes");

impl Graph<'_> {
    /// A service principal.
    ///
    /// # Errors
    /// `graph.not_found` where it is not there, or not yet; else `graph.*`, `sign_in.*`, `remote.*`.
    pub async fn principal(&self, principal: PrincipalRef) -> Result<ServicePrincipal> {
        self.get(&format!("read {principal}"), self.url(&principal.path(), &[SELECT])).await
    }

    /// A service principal, or none.
    ///
    /// # Errors
    /// `graph.*`, `sign_in.*`, `remote.*`.
    pub async fn find_principal(
        &self,
        principal: PrincipalRef,
    ) -> Result<Option<ServicePrincipal>> {
        self.find(&format!("look for {principal}"), self.url(&principal.path(), &[SELECT])).await
    }

    /// Makes the service principal of an application. One that is there already is given back.
    /// An application that is not known everywhere yet is waited for.
    ///
    /// # Errors
    /// `graph.*`, `sign_in.*`, `remote.*`, `replication.timeout`.
    pub async fn create_principal(
        &self,
        _permit: Permit<'_>,
        app_id: Uuid,
    ) -> Result<ServicePrincipal> {
        let what = format!("create the service principal of the application {app_id}");
        self.session
            .until_known("application known", async || {
                let url = self.url("servicePrincipals", &[]);
                // There is one per application at most, so sending it twice makes no second one.
                let body = NewPrincipal { app_id };
                let made = self.create(&what, url, Repeatable::Marked, &body).await;
                match made {
                    Err(error) if error.code == Code::GraphConflict => {
                        self.principal(PrincipalRef::AppId(app_id)).await.map(Look::Seen)
                    }
                    made => made.map(Look::Seen),
                }
            })
            .await
    }

    /// Deletes a service principal. The tenant keeps it for 30 days.
    ///
    /// # Errors
    /// `graph.not_found` where it is not there; else `graph.*`, `sign_in.*`, `remote.*`.
    pub async fn delete_principal(&self, permit: RemovalPermit<'_>, id: Uuid) -> Result<()> {
        permit.covers(|removal| {
            matches!(removal, Removal::ServicePrincipal { id: judged, .. } if *judged == id.to_string())
        })?;
        let principal = PrincipalRef::Id(id);
        let what = format!("delete {principal}");
        let url = self.url(&principal.path(), &[]);
        let mut request = outgoing(&what, Method::DELETE, url, Repeatable::Once);
        self.send(&mut request, None::<&()>).await.map(drop)
    }

    /// Waits until a service principal is readable several times in a row.
    ///
    /// # Errors
    /// As [`crate::Session::until`].
    pub async fn principal_readable(&self, principal: PrincipalRef) -> Result<ServicePrincipal> {
        self.session
            .until("principal readable", async || self.principal(principal).await.map(Look::Seen))
            .await
    }
}
