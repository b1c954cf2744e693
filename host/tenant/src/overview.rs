//! What is in a tenant, for `credwright tenant show`.

use base::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::catalog;
use crate::graph::assignments::role_value;
use crate::state::State;
use crate::state::objects::{KeyCredential, Properties};

/// The content of a tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overview {
    /// Tenant id.
    pub tenant_id: Uuid,
    /// Display name.
    pub name: String,
    /// Verified domains, the initial one first.
    pub domains: Vec<String>,
    /// Living applications, by name.
    pub applications: Vec<ApplicationRow>,
    /// Living service principals, by name.
    pub principals: Vec<PrincipalRow>,
    /// Application roles that living principals hold.
    pub grants: Vec<GrantRow>,
    /// Living users, by name.
    pub users: Vec<UserRow>,
    /// Activated directory roles, by name.
    pub roles: Vec<RoleRow>,
}

/// An application.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApplicationRow {
    /// Display name.
    pub name: String,
    /// Object id.
    pub id: Uuid,
    /// Client id.
    pub app_id: Uuid,
    /// Its key credentials.
    pub keys: Vec<KeyRow>,
}

/// A key credential.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyRow {
    /// Its id.
    pub key_id: Uuid,
    /// SHA-1 of the certificate, upper-case hex.
    pub thumbprint: String,
    /// When it ends.
    pub end: Timestamp,
    /// Whole days until then; negative once it has ended.
    pub days_left: i64,
}

/// A service principal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrincipalRow {
    /// Display name.
    pub name: String,
    /// Object id.
    pub id: Uuid,
    /// Client id.
    pub app_id: Uuid,
    /// Whether it may sign in.
    pub enabled: bool,
    /// Whether it is one of Microsoft's own.
    pub first_party: bool,
}

/// An application role that a principal holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GrantRow {
    /// Who holds it.
    pub principal: String,
    /// Of which resource.
    pub resource: String,
    /// The value of the role.
    pub role: String,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UserRow {
    /// Display name.
    pub name: String,
    /// Object id.
    pub id: Uuid,
    /// User principal name.
    pub upn: String,
    /// Whether the account may sign in.
    pub enabled: bool,
}

/// A directory role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoleRow {
    /// Its name.
    pub name: String,
    /// Its template.
    pub template: Uuid,
    /// Names of its members.
    pub members: Vec<String>,
}

fn name_of(properties: &Properties) -> String {
    properties.get("displayName").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn key(key: &KeyCredential, now: Timestamp) -> KeyRow {
    let left = key.end.as_seconds() - now.as_seconds();
    KeyRow {
        key_id: key.key_id,
        thumbprint: key.certificate.thumbprint.clone(),
        end: key.end,
        days_left: left.div_euclid(24 * 60 * 60),
    }
}

pub(crate) fn of(state: &State, now: Timestamp) -> Overview {
    let principal_name = |id: &Uuid| {
        state.principals.get(id).map(|found| name_of(&found.properties)).unwrap_or_default()
    };
    let mut applications: Vec<_> = state
        .applications
        .values()
        .filter(|found| found.deleted.is_none())
        .map(|found| ApplicationRow {
            name: name_of(&found.properties),
            id: found.id,
            app_id: found.app_id,
            keys: found.keys.iter().map(|entry| key(entry, now)).collect(),
        })
        .collect();
    applications.sort_by(|left, right| left.name.cmp(&right.name));
    let mut principals: Vec<_> = state
        .principals
        .values()
        .filter(|found| found.deleted.is_none())
        .map(|found| PrincipalRow {
            name: name_of(&found.properties),
            id: found.id,
            app_id: found.app_id,
            enabled: found.enabled,
            first_party: catalog::first_party(found.app_id).is_some(),
        })
        .collect();
    principals.sort_by(|left, right| left.name.cmp(&right.name));
    let organization = &state.organization;
    Overview {
        tenant_id: organization.id,
        name: organization.name.clone(),
        domains: vec![organization.initial_domain.clone(), organization.custom_domain.clone()],
        applications,
        principals,
        grants: grants(state, principal_name),
        users: users(state),
        roles: roles(state, principal_name),
    }
}

fn grants(state: &State, name: impl Fn(&Uuid) -> String) -> Vec<GrantRow> {
    let lives = |id: &Uuid| state.principals.get(id).is_some_and(|found| found.deleted.is_none());
    let mut rows: Vec<_> = state
        .assignments
        .values()
        .filter(|entry| lives(&entry.principal))
        .map(|entry| {
            let resource = state.principals.get(&entry.resource);
            let value = resource.and_then(|resource| role_value(resource, entry.role));
            GrantRow {
                principal: name(&entry.principal),
                resource: name(&entry.resource),
                role: value.unwrap_or_else(|| entry.role.to_string()),
            }
        })
        .collect();
    rows.sort_by(|left, right| {
        (&left.principal, &left.resource, &left.role).cmp(&(
            &right.principal,
            &right.resource,
            &right.role,
        ))
    });
    rows
}

fn users(state: &State) -> Vec<UserRow> {
    let mut rows: Vec<_> = state
        .users
        .values()
        .filter(|user| user.deleted.is_none())
        .map(|user| UserRow {
            name: name_of(&user.properties),
            id: user.id,
            upn: user.upn.clone(),
            enabled: user.enabled,
        })
        .collect();
    rows.sort_by(|left, right| left.upn.cmp(&right.upn));
    rows
}

fn roles(state: &State, name: impl Fn(&Uuid) -> String) -> Vec<RoleRow> {
    let member = |id: &Uuid| match state.users.get(id) {
        Some(user) => user.upn.clone(),
        None => name(id),
    };
    let mut rows: Vec<_> = state
        .roles
        .values()
        .map(|role| RoleRow {
            name: catalog::role_template(role.template)
                .map(|template| template.name.to_owned())
                .unwrap_or_default(),
            template: role.template,
            members: role.members.iter().map(|entry| member(&entry.id)).collect(),
        })
        .collect();
    rows.sort_by(|left, right| left.name.cmp(&right.name));
    rows
}
