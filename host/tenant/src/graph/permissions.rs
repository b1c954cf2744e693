//! Who may do what, as one table (facts 2.6 and 4.4).

use uuid::Uuid;

use super::caller::{Caller, Identity};
use super::error::GraphError;
use crate::catalog::role::{
    APPLICATION_ADMINISTRATOR as APP_ADMIN, CLOUD_APPLICATION_ADMINISTRATOR as CLOUD_ADMIN,
    GLOBAL_ADMINISTRATOR as GLOBAL, HYBRID_IDENTITY_ADMINISTRATOR as HYBRID,
    PRIVILEGED_ROLE_ADMINISTRATOR as ROLE_ADMIN, USER_ADMINISTRATOR as USER_ADMIN,
};

/// A kind of operation that permissions are given for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Any valid token.
    SignedIn,
    ReadApplications,
    CreateApplication,
    /// Name, redirect addresses, declared permissions and the like.
    UpdateApplication,
    /// Certificates and secrets by PATCH, `addPassword`, `removePassword`.
    UpdateCredentials,
    /// `addKey`, `removeKey`: for others than the application itself.
    AddKeyForOther,
    DeleteApplication,
    UpdatePrincipal,
    /// Application roles of resources other than Microsoft Graph.
    GrantRole,
    /// Application roles of Microsoft Graph.
    GrantGraphRole,
    GrantScope,
    ReadUsers,
    ManageUsers,
    ReadRoles,
    ManageRoles,
    ReadOrganization,
    ReadDomains,
}

/// One row: what allows `need`.
struct Rule {
    need: Need,
    /// Application permissions, any of which suffices.
    app: &'static [&'static str],
    /// Application permissions that suffice for objects that the caller owns, or makes.
    owned: &'static [&'static str],
    /// Delegated permissions, one of which a user's token needs besides a role.
    scopes: &'static [&'static str],
    /// Directory roles, one of which the user needs; Global Administrator always does.
    roles: &'static [Uuid],
    /// Whether any user may.
    members: bool,
    /// Whether an owner may without a role.
    owners: bool,
}

const READ_DIRECTORY: &str = "Directory.Read.All";
const WRITE_DIRECTORY: &str = "Directory.ReadWrite.All";
const WRITE_APPS: &str = "Application.ReadWrite.All";
const WRITE_OWNED: &str = "Application.ReadWrite.OwnedBy";
const READ_APPS: &str = "Application.Read.All";
const WRITE_USERS: &str = "User.ReadWrite.All";
const WRITE_ROLES: &str = "RoleManagement.ReadWrite.Directory";
const GRANT_ROLES: &str = "AppRoleAssignment.ReadWrite.All";

const RULES: &[Rule] = &[
    Rule {
        need: Need::ReadApplications,
        app: &[READ_APPS, WRITE_APPS, WRITE_OWNED, READ_DIRECTORY, WRITE_DIRECTORY],
        owned: &[],
        scopes: &[READ_APPS, WRITE_APPS, READ_DIRECTORY, WRITE_DIRECTORY],
        roles: &[],
        members: true,
        owners: true,
    },
    Rule {
        need: Need::CreateApplication,
        app: &[WRITE_APPS],
        owned: &[WRITE_OWNED],
        scopes: &[WRITE_APPS],
        roles: &[HYBRID, CLOUD_ADMIN, APP_ADMIN],
        members: true,
        owners: false,
    },
    Rule {
        need: Need::UpdateApplication,
        app: &[WRITE_APPS],
        owned: &[WRITE_OWNED],
        scopes: &[WRITE_APPS],
        roles: &[HYBRID, CLOUD_ADMIN, APP_ADMIN],
        members: false,
        owners: true,
    },
    Rule {
        need: Need::UpdateCredentials,
        app: &[WRITE_APPS],
        owned: &[WRITE_OWNED],
        scopes: &[WRITE_APPS],
        roles: &[CLOUD_ADMIN, APP_ADMIN],
        members: false,
        owners: true,
    },
    Rule {
        need: Need::AddKeyForOther,
        app: &[WRITE_APPS],
        owned: &[WRITE_OWNED],
        scopes: &[WRITE_APPS],
        roles: &[CLOUD_ADMIN, APP_ADMIN],
        members: false,
        owners: true,
    },
    Rule {
        need: Need::DeleteApplication,
        app: &[WRITE_APPS],
        owned: &[WRITE_OWNED],
        scopes: &[WRITE_APPS],
        roles: &[HYBRID, CLOUD_ADMIN, APP_ADMIN],
        members: false,
        owners: true,
    },
    Rule {
        need: Need::UpdatePrincipal,
        app: &[WRITE_APPS],
        owned: &[WRITE_OWNED],
        scopes: &[WRITE_APPS],
        roles: &[HYBRID, CLOUD_ADMIN, APP_ADMIN],
        members: false,
        owners: true,
    },
    Rule {
        need: Need::GrantRole,
        app: &[GRANT_ROLES],
        owned: &[],
        scopes: &[GRANT_ROLES],
        roles: &[CLOUD_ADMIN, APP_ADMIN, ROLE_ADMIN],
        members: false,
        owners: false,
    },
    Rule {
        need: Need::GrantGraphRole,
        app: &[GRANT_ROLES],
        owned: &[],
        scopes: &[GRANT_ROLES],
        roles: &[ROLE_ADMIN],
        members: false,
        owners: false,
    },
    Rule {
        need: Need::GrantScope,
        app: &["DelegatedPermissionGrant.ReadWrite.All", WRITE_DIRECTORY],
        owned: &[],
        scopes: &["DelegatedPermissionGrant.ReadWrite.All", WRITE_DIRECTORY],
        roles: &[CLOUD_ADMIN, APP_ADMIN, ROLE_ADMIN],
        members: false,
        owners: false,
    },
    Rule {
        need: Need::ReadUsers,
        app: &["User.Read.All", WRITE_USERS, READ_DIRECTORY, WRITE_DIRECTORY],
        owned: &[],
        scopes: &["User.Read.All", WRITE_USERS, READ_DIRECTORY, WRITE_DIRECTORY],
        roles: &[],
        members: true,
        owners: false,
    },
    Rule {
        need: Need::ManageUsers,
        app: &[WRITE_USERS],
        owned: &[],
        scopes: &[WRITE_USERS],
        roles: &[USER_ADMIN],
        members: false,
        owners: false,
    },
    Rule {
        need: Need::ReadRoles,
        app: &["RoleManagement.Read.Directory", WRITE_ROLES, READ_DIRECTORY, WRITE_DIRECTORY],
        owned: &[],
        scopes: &["RoleManagement.Read.Directory", WRITE_ROLES, READ_DIRECTORY, WRITE_DIRECTORY],
        roles: &[],
        members: true,
        owners: false,
    },
    Rule {
        need: Need::ManageRoles,
        app: &[WRITE_ROLES],
        owned: &[],
        scopes: &[WRITE_ROLES],
        roles: &[ROLE_ADMIN],
        members: false,
        owners: false,
    },
    Rule {
        need: Need::ReadOrganization,
        app: &["Organization.Read.All", "Organization.ReadWrite.All", READ_DIRECTORY],
        owned: &[],
        scopes: &["User.Read", "Organization.Read.All", READ_DIRECTORY],
        roles: &[],
        members: true,
        owners: false,
    },
    Rule {
        need: Need::ReadDomains,
        app: &["Domain.Read.All", "Domain.ReadWrite.All", READ_DIRECTORY],
        owned: &[],
        scopes: &["Domain.Read.All", READ_DIRECTORY],
        roles: &[],
        members: true,
        owners: false,
    },
];

/// Allows a user whatever the user's roles allow.
const AS_USER: &str = "Directory.AccessAsUser.All";

/// Checks whether `caller` may do what `need` says. `owns` says whether the object in question is,
/// or will be, the caller's own.
///
/// # Errors
/// 403 `Authorization_RequestDenied`.
pub(crate) fn check(caller: &Caller, need: Need, owns: bool) -> Result<(), GraphError> {
    if allowed(caller, need, owns) { Ok(()) } else { Err(GraphError::denied()) }
}

fn allowed(caller: &Caller, need: Need, owns: bool) -> bool {
    if need == Need::SignedIn {
        return true;
    }
    let Some(rule) = RULES.iter().find(|rule| rule.need == need) else { return false };
    match &caller.identity {
        Identity::Application { roles, .. } => {
            let holds = |wanted: &[&str]| roles.iter().any(|role| wanted.contains(&role.as_str()));
            holds(rule.app) || owns && holds(rule.owned)
        }
        Identity::User { scopes, roles, .. } => {
            let scoped =
                scopes.iter().any(|scope| scope == AS_USER || rule.scopes.contains(&&**scope));
            let entitled = rule.members
                || owns && rule.owners
                || roles.iter().any(|role| *role == GLOBAL || rule.roles.contains(role));
            scoped && entitled
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::ROLE_TEMPLATES;

    fn user(role: Option<Uuid>, scopes: &[&str]) -> Caller {
        Caller {
            app_id: Uuid::nil(),
            identity: Identity::User {
                id: Uuid::nil(),
                scopes: scopes.iter().map(ToString::to_string).collect(),
                roles: role.into_iter().collect(),
            },
        }
    }

    fn app(role: &str) -> Caller {
        Caller {
            app_id: Uuid::nil(),
            identity: Identity::Application { principal: None, roles: vec![role.to_owned()] },
        }
    }

    /// What each directory role may change, as facts 2.6 and 4.4 have it.
    #[test]
    fn each_directory_role_may_do_its_own_and_no_more() {
        use Need::*;
        let changes = [
            UpdateApplication,
            UpdateCredentials,
            AddKeyForOther,
            DeleteApplication,
            UpdatePrincipal,
            GrantRole,
            GrantGraphRole,
            GrantScope,
            ManageUsers,
            ManageRoles,
        ];
        let applications = [
            UpdateApplication,
            UpdateCredentials,
            AddKeyForOther,
            DeleteApplication,
            UpdatePrincipal,
            GrantRole,
            GrantScope,
        ];
        for template in ROLE_TEMPLATES {
            let expected: Vec<Need> = match template.id {
                GLOBAL => changes.to_vec(),
                APP_ADMIN | CLOUD_ADMIN => applications.to_vec(),
                HYBRID => vec![UpdateApplication, DeleteApplication, UpdatePrincipal],
                ROLE_ADMIN => vec![GrantRole, GrantGraphRole, GrantScope, ManageRoles],
                USER_ADMIN => vec![ManageUsers],
                _ => vec![],
            };
            let caller = user(Some(template.id), &[AS_USER]);
            let may: Vec<Need> =
                changes.into_iter().filter(|need| allowed(&caller, *need, false)).collect();
            assert_eq!(may, expected, "{}", template.name);
        }
    }

    #[test]
    fn a_role_without_a_scope_is_not_enough() {
        let caller = user(Some(GLOBAL), &["User.Read"]);
        assert!(!allowed(&caller, Need::DeleteApplication, false));
        assert!(allowed(&caller, Need::ReadOrganization, false));
        assert!(allowed(&user(Some(GLOBAL), &[WRITE_APPS]), Need::DeleteApplication, false));
    }

    #[test]
    fn each_application_permission_may_do_its_own_and_no_more() {
        use Need::*;
        assert!(allowed(&app(WRITE_OWNED), UpdateCredentials, true));
        assert!(!allowed(&app(WRITE_OWNED), UpdateCredentials, false));
        assert!(!allowed(&app(READ_APPS), UpdateCredentials, true));
        assert!(!allowed(&app(WRITE_APPS), GrantRole, true));
        assert!(allowed(&app(GRANT_ROLES), GrantGraphRole, false));
        assert!(!allowed(&app(WRITE_USERS), ManageRoles, false));
        assert!(!allowed(&app("AuditLog.Read.All"), ReadApplications, false));
        assert!(!allowed(&app(AS_USER), DeleteApplication, false));
    }

    #[test]
    fn every_need_has_one_rule() {
        use Need::*;
        for need in [
            ReadApplications,
            CreateApplication,
            UpdateApplication,
            UpdateCredentials,
            AddKeyForOther,
            DeleteApplication,
            UpdatePrincipal,
            GrantRole,
            GrantGraphRole,
            GrantScope,
            ReadUsers,
            ManageUsers,
            ReadRoles,
            ManageRoles,
            ReadOrganization,
            ReadDomains,
        ] {
            assert_eq!(RULES.iter().filter(|rule| rule.need == need).count(), 1, "{need:?}");
        }
    }
}
