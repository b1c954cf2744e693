//! The state of a tenant: one value of persistent maps, so that a copy costs nothing.

pub mod objects;
pub mod snapshot;

use std::sync::Arc;

use base::Timestamp;
use imbl::OrdMap;
use uuid::Uuid;

use self::objects::{
    AppRoleAssignment, Application, DirectoryObject, DirectoryRole, Organization, PermissionGrant,
    Principal, User,
};
use crate::replication::Delays;

/// Everything a tenant knows. Deleted objects stay in their map until they are purged; the indices
/// hold only living ones.
#[derive(Clone)]
pub struct State {
    /// The tenant itself.
    pub organization: Arc<Organization>,
    /// The accounts that a fresh tenant was given.
    pub seeded: Arc<Seeded>,
    /// Applications by object id.
    pub applications: OrdMap<Uuid, Arc<Application>>,
    /// Service principals by object id.
    pub principals: OrdMap<Uuid, Arc<Principal>>,
    /// Users by object id.
    pub users: OrdMap<Uuid, Arc<User>>,
    /// Activated directory roles by object id.
    pub roles: OrdMap<Uuid, Arc<DirectoryRole>>,
    /// Granted application roles by id.
    pub assignments: OrdMap<String, Arc<AppRoleAssignment>>,
    /// Granted delegated scopes by id.
    pub grants: OrdMap<String, Arc<PermissionGrant>>,
    by_app_id: OrdMap<Uuid, Uuid>,
    by_unique_name: OrdMap<String, Uuid>,
    principal_by_app_id: OrdMap<Uuid, Uuid>,
    by_upn: OrdMap<String, Uuid>,
    /// Counts changes; two states of one tenant with the same number are the same.
    pub version: u64,
}

/// The accounts that a fresh tenant was given, with the passwords that its owner must know.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Seeded {
    /// Client id of the administrator application.
    pub client_id: Uuid,
    /// User principal name of the administrator.
    pub username: String,
    /// The administrator's password.
    pub password: String,
    /// User principal name of the legacy synchronization account.
    pub legacy_username: String,
    /// The legacy synchronization account's password.
    pub legacy_password: String,
}

impl State {
    /// A tenant without any object.
    pub fn empty(organization: Organization, seeded: Seeded) -> Self {
        Self {
            organization: Arc::new(organization),
            seeded: Arc::new(seeded),
            applications: OrdMap::new(),
            principals: OrdMap::new(),
            users: OrdMap::new(),
            roles: OrdMap::new(),
            assignments: OrdMap::new(),
            grants: OrdMap::new(),
            by_app_id: OrdMap::new(),
            by_unique_name: OrdMap::new(),
            principal_by_app_id: OrdMap::new(),
            by_upn: OrdMap::new(),
            version: 0,
        }
    }

    /// The living application of that client id, replicated or not.
    pub fn application_of(&self, app_id: Uuid) -> Option<&Arc<Application>> {
        self.applications.get(self.by_app_id.get(&app_id)?)
    }

    /// The living application of that unique name, replicated or not.
    pub fn application_named(&self, unique_name: &str) -> Option<&Arc<Application>> {
        self.applications.get(self.by_unique_name.get(unique_name)?)
    }

    /// The living service principal of that client id, replicated or not.
    pub fn principal_of(&self, app_id: Uuid) -> Option<&Arc<Principal>> {
        self.principals.get(self.principal_by_app_id.get(&app_id)?)
    }

    /// The living user of that name, replicated or not; case does not matter.
    pub fn user_named(&self, upn: &str) -> Option<&Arc<User>> {
        self.users.get(self.by_upn.get(&upn.to_lowercase())?)
    }

    /// The activated role of that template.
    pub fn role_of(&self, template: Uuid) -> Option<&Arc<DirectoryRole>> {
        self.roles.values().find(|role| role.template == template)
    }

    /// Templates of the roles that a user or a service principal holds, once replicated.
    pub fn role_templates(&self, member: Uuid, now: Timestamp, delays: &Delays) -> Vec<Uuid> {
        self.roles
            .values()
            .filter(|role| {
                role.members
                    .iter()
                    .any(|entry| entry.id == member && delays.role_ready(entry.since, now))
            })
            .map(|role| role.template)
            .collect()
    }

    /// Puts an application in, new or changed.
    pub fn put_application(&mut self, application: Application) {
        self.version += 1;
        if let Some(old) = self.applications.get(&application.id) {
            self.by_app_id.remove(&old.app_id);
            if let Some(name) = &old.unique_name {
                self.by_unique_name.remove(name);
            }
        }
        if application.deleted.is_none() {
            self.by_app_id.insert(application.app_id, application.id);
            if let Some(name) = &application.unique_name {
                self.by_unique_name.insert(name.clone(), application.id);
            }
        }
        self.applications.insert(application.id, Arc::new(application));
    }

    /// Puts a service principal in, new or changed.
    pub fn put_principal(&mut self, principal: Principal) {
        self.version += 1;
        if principal.deleted.is_none() {
            self.principal_by_app_id.insert(principal.app_id, principal.id);
        } else if self.principal_by_app_id.get(&principal.app_id) == Some(&principal.id) {
            self.principal_by_app_id.remove(&principal.app_id);
        }
        self.principals.insert(principal.id, Arc::new(principal));
    }

    /// Puts a user in, new or changed.
    pub fn put_user(&mut self, user: User) {
        self.version += 1;
        if let Some(old) = self.users.get(&user.id).filter(|old| old.deleted.is_none()) {
            self.by_upn.remove(&old.upn.to_lowercase());
        }
        if user.deleted.is_none() {
            self.by_upn.insert(user.upn.to_lowercase(), user.id);
        }
        self.users.insert(user.id, Arc::new(user));
    }

    /// Puts a directory role in, new or changed.
    pub fn put_role(&mut self, role: DirectoryRole) {
        self.version += 1;
        self.roles.insert(role.id, Arc::new(role));
    }

    /// Grants an application role.
    pub fn put_assignment(&mut self, assignment: AppRoleAssignment) {
        self.version += 1;
        self.assignments.insert(assignment.id.clone(), Arc::new(assignment));
    }

    /// Grants delegated scopes, or changes a grant.
    pub fn put_grant(&mut self, grant: PermissionGrant) {
        self.version += 1;
        self.grants.insert(grant.id.clone(), Arc::new(grant));
    }

    /// Takes an application role back.
    pub fn remove_assignment(&mut self, id: &str) {
        self.version += 1;
        self.assignments.remove(id);
    }

    /// Takes delegated scopes back.
    pub fn remove_grant(&mut self, id: &str) {
        self.version += 1;
        self.grants.remove(id);
    }

    /// Removes a deleted object for good, with what was granted to it.
    pub fn purge(&mut self, id: Uuid) {
        self.version += 1;
        self.applications.remove(&id);
        self.users.remove(&id);
        if self.principals.remove(&id).is_some() {
            let assignments = std::mem::take(&mut self.assignments).into_iter();
            self.assignments = assignments
                .filter(|(_, entry)| entry.principal != id && entry.resource != id)
                .collect();
            let grants = std::mem::take(&mut self.grants).into_iter();
            self.grants =
                grants.filter(|(_, entry)| entry.client != id && entry.resource != id).collect();
        }
        let holding: Vec<_> = self.roles.values().cloned().collect();
        for role in holding {
            if role.members.iter().any(|member| member.id == id) {
                let mut role = DirectoryRole::clone(&role);
                role.members.retain(|member| member.id != id);
                self.roles.insert(role.id, Arc::new(role));
            }
        }
    }
}

/// Living objects that are replicated at `now`.
pub fn readable<'a, T: DirectoryObject + 'a>(
    objects: &'a OrdMap<Uuid, Arc<T>>,
    now: Timestamp,
    delays: &'a Delays,
) -> impl Iterator<Item = &'a Arc<T>> {
    objects.values().filter(move |object| {
        object.deleted().is_none() && delays.object_ready(object.created(), now)
    })
}
