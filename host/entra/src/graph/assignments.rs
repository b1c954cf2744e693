//! App role assignments: the grants of application roles.

use base::{Code, Diagnostic, Result};
use effect::{Permit, Removal, RemovalPermit};
use http::Method;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Graph, encoded, outgoing};
use crate::retry::Repeatable;
use crate::wait::Look;

/// An application role that is granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppRoleAssignment {
    /// Its id: an opaque text.
    pub id: String,
    /// The role.
    pub app_role_id: Uuid,
    /// To whom it is granted (object id).
    pub principal_id: Uuid,
    /// Which resource offers the role (object id of its service principal).
    pub resource_id: Uuid,
    /// The resource's name.
    #[serde(default)]
    pub resource_display_name: Option<String>,
}

/// An application role that is to be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewAppRoleAssignment {
    /// To whom (object id of its service principal).
    pub principal_id: Uuid,
    /// Which resource offers the role (object id of its service principal).
    pub resource_id: Uuid,
    /// The role.
    pub app_role_id: Uuid,
}

impl NewAppRoleAssignment {
    /// Whether this is the grant: its three ids are its marker.
    pub fn is(&self, granted: &AppRoleAssignment) -> bool {
        granted.principal_id == self.principal_id
            && granted.resource_id == self.resource_id
            && granted.app_role_id == self.app_role_id
    }
}

impl Graph<'_> {
    /// The application roles that are granted to a service principal.
    ///
    /// # Errors
    /// `graph.*`, `sign_in.*`, `remote.*`.
    pub async fn app_role_assignments(&self, principal_id: Uuid) -> Result<Vec<AppRoleAssignment>> {
        let what = format!("list the roles of the service principal {principal_id}");
        let path = format!("servicePrincipals/{principal_id}/appRoleAssignments");
        self.all(&what, self.url(&path, &[])).await
    }

    /// Grants an application role. One that is granted already is given back. A service principal
    /// that is not known everywhere yet is waited for.
    ///
    /// # Errors
    /// `graph.*`, `sign_in.*`, `remote.*`, `replication.timeout`.
    pub async fn create_app_role_assignment(
        &self,
        _permit: Permit<'_>,
        new: NewAppRoleAssignment,
    ) -> Result<AppRoleAssignment> {
        let what = format!("grant the role {}", new.app_role_id);
        self.session
            .until_known("principal known", async || {
                let path = format!("servicePrincipals/{}/appRoleAssignments", new.principal_id);
                let url = self.url(&path, &[]);
                // The same grant cannot be made twice, so it may be sent again.
                let made = self.create(&what, url, Repeatable::Marked, &new).await;
                match made {
                    Err(error) if error.code == Code::GraphConflict => {
                        self.granted(new, error).await
                    }
                    made => made.map(Look::Seen),
                }
            })
            .await
    }

    async fn granted(
        &self,
        new: NewAppRoleAssignment,
        conflict: Diagnostic,
    ) -> Result<Look<AppRoleAssignment>> {
        let granted = self.app_role_assignments(new.principal_id).await?;
        Ok(match granted.into_iter().find(|granted| new.is(granted)) {
            Some(found) => Look::Seen(found),
            None => Look::NotYet(format!("the grant is there, but not listed: {conflict}")),
        })
    }

    /// Takes a granted application role back.
    ///
    /// # Errors
    /// `graph.not_found` where it is not there; else `graph.*`, `sign_in.*`, `remote.*`.
    pub async fn delete_app_role_assignment(
        &self,
        permit: RemovalPermit<'_>,
        principal_id: Uuid,
        assignment_id: &str,
    ) -> Result<()> {
        permit.covers(|removal| {
            matches!(removal, Removal::AppRoleAssignment { id, .. } if id == assignment_id)
        })?;
        let what = format!("take back the role assignment {assignment_id}");
        let path = format!(
            "servicePrincipals/{principal_id}/appRoleAssignments/{}",
            encoded(assignment_id)
        );
        let mut request = outgoing(&what, Method::DELETE, self.url(&path, &[]), Repeatable::Once);
        self.send(&mut request, None::<&()>).await.map(drop)
    }
}
