//! Directory roles and who has them.

use base::{Code, Result};
use effect::{Permit, Removal, RemovalPermit};
use http::Method;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Graph, outgoing};
use crate::retry::Repeatable;

/// A directory role that is active in the tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DirectoryRole {
    /// The object id, which differs from tenant to tenant.
    pub id: Uuid,
    /// The template's id, which is the same in every tenant.
    pub role_template_id: Uuid,
    /// Its name.
    #[serde(default)]
    pub display_name: Option<String>,
}

/// Something in the directory: a user, a service principal, a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DirectoryObject {
    /// The object id.
    pub id: Uuid,
    /// Its type, such as `#microsoft.graph.user`.
    #[serde(rename = "@odata.type", default)]
    pub kind: Option<String>,
    /// Its name.
    #[serde(default)]
    pub display_name: Option<String>,
    /// A user's principal name.
    #[serde(default)]
    pub user_principal_name: Option<String>,
    /// A directory role's template id.
    #[serde(default)]
    pub role_template_id: Option<Uuid>,
}

#[derive(Serialize)]
struct Reference {
    #[serde(rename = "@odata.id")]
    id: String,
}

impl Graph<'_> {
    /// The directory roles that are active in the tenant.
    ///
    /// # Errors
    /// `graph.*`, `sign_in.*`, `remote.*`.
    pub async fn directory_roles(&self) -> Result<Vec<DirectoryRole>> {
        self.all("list the directory roles", self.url("directoryRoles", &[])).await
    }

    /// Who has the directory role with this template id; nobody where it is not active.
    ///
    /// # Errors
    /// `graph.*`, `sign_in.*`, `remote.*`.
    pub async fn role_members(&self, role_template_id: Uuid) -> Result<Vec<DirectoryObject>> {
        let roles = self.directory_roles().await?;
        let role = roles.iter().find(|role| role.role_template_id == role_template_id);
        let Some(role) = role else { return Ok(Vec::new()) };
        let what = format!("list who has the role {}", role.id);
        self.all(&what, self.url(&format!("directoryRoles/{}/members", role.id), &[])).await
    }

    /// Gives a directory role that is active to somebody. Who has it already keeps it.
    ///
    /// # Errors
    /// `graph.*`, `sign_in.*`, `remote.*`.
    pub async fn add_role_member(
        &self,
        _permit: Permit<'_>,
        role_template_id: Uuid,
        object_id: Uuid,
    ) -> Result<()> {
        let what = format!("give the role {role_template_id} to {object_id}");
        let path = format!("directoryRoles/roleTemplateId={role_template_id}/members/$ref");
        let id = self.url(&format!("directoryObjects/{object_id}"), &[]).to_string();
        let mut request = outgoing(&what, Method::POST, self.url(&path, &[]), Repeatable::Marked);
        match self.send(&mut request, Some(&Reference { id })).await {
            Err(error) if error.code == Code::GraphConflict => Ok(()),
            answer => answer.map(drop),
        }
    }

    /// Takes a directory role from somebody, which was judged.
    ///
    /// # Errors
    /// `graph.not_found` where they do not have it; else `graph.*`, `sign_in.*`, `remote.*`.
    pub async fn remove_role_member(
        &self,
        permit: RemovalPermit<'_>,
        role_template_id: Uuid,
        object_id: Uuid,
    ) -> Result<()> {
        let judged = object_id.to_string();
        permit.covers(|removal| {
            matches!(removal, Removal::DirectoryRoleMember { user_id, .. } if *user_id == judged)
        })?;
        let what = format!("take the role {role_template_id} from {object_id}");
        // Without `$ref` the call would address the member itself.
        let path =
            format!("directoryRoles/roleTemplateId={role_template_id}/members/{object_id}/$ref");
        let mut request = outgoing(&what, Method::DELETE, self.url(&path, &[]), Repeatable::Once);
        self.send(&mut request, None::<&()>).await.map(drop)
    }
}
