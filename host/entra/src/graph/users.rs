//! Users, and whoever calls.

use std::collections::BTreeSet;
use std::fmt;

use base::{Code, Diagnostic, Result};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::roles::DirectoryObject;
use super::{Graph, encoded, quoted};
use crate::credential::Credential;

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// The object id.
    pub id: Uuid,
    /// The user principal name.
    pub user_principal_name: String,
    /// The name.
    #[serde(default)]
    pub display_name: Option<String>,
    /// Whether the user may sign in.
    #[serde(default)]
    pub account_enabled: Option<bool>,
}

/// Names a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserRef {
    /// By object id.
    Id(Uuid),
    /// By user principal name.
    PrincipalName(String),
}

impl UserRef {
    fn path(&self) -> String {
        match self {
            UserRef::Id(id) => format!("users/{id}"),
            UserRef::PrincipalName(name) => format!("users/{}", encoded(name)),
        }
    }
}

impl fmt::Display for UserRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UserRef::Id(id) => write!(f, "the user {id}"),
            UserRef::PrincipalName(name) => write!(f, "the user {name}"),
        }
    }
}

/// Which users to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserFilter {
    /// Those whose user principal name begins so: `Sync_` for synchronization accounts.
    PrincipalNameStarts(String),
}

/// Whoever calls, as the access token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Whether it is an application, not a user.
    pub application: bool,
    /// The object id of the user or the service principal.
    pub object_id: Option<Uuid>,
    /// How it is called: the user principal name, or the client id.
    pub name: String,
    /// Application roles on Microsoft Graph.
    pub roles: BTreeSet<String>,
    /// Delegated scopes on Microsoft Graph.
    pub scopes: BTreeSet<String>,
    /// Template ids of the caller's directory roles.
    pub directory_roles: BTreeSet<Uuid>,
}

const SELECT: (&str, &str) = ("$select", "id,userPrincipalName,displayName,accountEnabled");

impl Graph<'_> {
    /// A user.
    ///
    /// # Errors
    /// `graph.not_found` where there is none, or not yet; else `graph.*`, `sign_in.*`, `remote.*`.
    pub async fn user(&self, user: &UserRef) -> Result<User> {
        self.get(&format!("read {user}"), self.url(&user.path(), &[SELECT])).await
    }

    /// A user, or none.
    ///
    /// # Errors
    /// `graph.*`, `sign_in.*`, `remote.*`.
    pub async fn find_user(&self, user: &UserRef) -> Result<Option<User>> {
        self.find(&format!("look for {user}"), self.url(&user.path(), &[SELECT])).await
    }

    /// Users by name.
    ///
    /// # Errors
    /// `graph.*`, `sign_in.*`, `remote.*`.
    pub async fn users(&self, filter: &UserFilter) -> Result<Vec<User>> {
        let UserFilter::PrincipalNameStarts(start) = filter;
        let filter = format!("startswith(userPrincipalName,{})", quoted(start));
        self.all("list the users", self.url("users", &[SELECT, ("$filter", &filter)])).await
    }

    /// The user who is signed in.
    ///
    /// # Errors
    /// `graph.bad_request` where an application is signed in; else `graph.*`, `sign_in.*`,
    /// `remote.*`.
    pub async fn me(&self) -> Result<User> {
        self.get("read who is signed in", self.url("me", &[SELECT])).await
    }

    /// The directory roles of whoever calls, as the directory lists them now. (The token's are in
    /// [`Graph::caller`].)
    ///
    /// # Errors
    /// `graph.token` where the token does not say who calls; else `graph.*`, `sign_in.*`,
    /// `remote.*`.
    pub async fn my_directory_roles(&self) -> Result<Vec<DirectoryObject>> {
        let caller = self.caller().await?;
        let Some(id) = caller.object_id else {
            return Err(Diagnostic::new(Code::GraphToken, "The token does not say who calls"));
        };
        let kind = if caller.application { "servicePrincipals" } else { "users" };
        let url = self.url(&format!("{kind}/{id}/memberOf"), &[]);
        let what = format!("list the directory roles of {}", caller.name);
        let mut found: Vec<DirectoryObject> = self.all(&what, url).await?;
        found.retain(|object| object.role_template_id.is_some());
        Ok(found)
    }

    /// Whoever calls, as the access token says: no request but for the token.
    ///
    /// # Errors
    /// As [`crate::Session::token`].
    pub async fn caller(&self) -> Result<Caller> {
        let claims = self.token().await?.claims;
        let (application, name) = match self.credential {
            Credential::Certificate(own) => (true, own.app_id.to_string()),
            Credential::Password(own) => (false, own.username.clone()),
        };
        Ok(Caller {
            application,
            object_id: claims.object_id,
            name,
            roles: claims.roles,
            scopes: claims.scopes,
            directory_roles: claims.directory_roles,
        })
    }
}
