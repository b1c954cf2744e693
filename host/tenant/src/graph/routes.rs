//! The operations that are served, as one table.

use http::Method;

use super::error::GraphError;
use super::permissions::Need;
use super::{
    Call, Outcome, applications, assignments, deleted, grants, keys, organization, owners,
    passwords, principals, role_assignments, roles, users,
};

/// One operation.
pub(crate) struct Route {
    method: Method,
    template: &'static str,
    /// What a caller needs before the handler looks closer.
    pub(crate) need: Need,
    /// Does it.
    pub(crate) handler: fn(&mut Call<'_>) -> Outcome,
}

macro_rules! routes {
    ($($method:ident $template:literal, $need:ident => $handler:path;)+) => {
        const ROUTES: &[Route] = &[$(Route {
            method: Method::$method,
            template: $template,
            need: Need::$need,
            handler: $handler,
        }),+];
    };
}

routes! {
    GET "/applications", ReadApplications => applications::list;
    POST "/applications", CreateApplication => applications::create;
    GET "/applications/{id}", ReadApplications => applications::get;
    PATCH "/applications/{id}", SignedIn => applications::update;
    DELETE "/applications/{id}", DeleteApplication => applications::delete;
    POST "/applications/{id}/addKey", SignedIn => keys::add_to_application;
    POST "/applications/{id}/removeKey", SignedIn => keys::remove_from_application;
    POST "/applications/{id}/addPassword", UpdateCredentials => passwords::add_to_application;
    POST "/applications/{id}/removePassword", UpdateCredentials => passwords::remove_from_application;
    GET "/applications/{id}/owners", ReadApplications => owners::of_application;
    POST "/applications/{id}/owners/$ref", UpdateApplication => owners::add_to_application;
    DELETE "/applications/{id}/owners/{id}/$ref", UpdateApplication => owners::remove_from_application;

    GET "/servicePrincipals", ReadApplications => principals::list;
    POST "/servicePrincipals", CreateApplication => principals::create;
    GET "/servicePrincipals/{id}", ReadApplications => principals::get;
    PATCH "/servicePrincipals/{id}", UpdatePrincipal => principals::update;
    DELETE "/servicePrincipals/{id}", DeleteApplication => principals::delete;
    POST "/servicePrincipals/{id}/addKey", SignedIn => keys::add_to_principal;
    POST "/servicePrincipals/{id}/removeKey", SignedIn => keys::remove_from_principal;
    POST "/servicePrincipals/{id}/addPassword", UpdateCredentials => passwords::add_to_principal;
    POST "/servicePrincipals/{id}/removePassword", UpdateCredentials => passwords::remove_from_principal;
    GET "/servicePrincipals/{id}/appRoleAssignments", ReadApplications => assignments::held;
    POST "/servicePrincipals/{id}/appRoleAssignments", SignedIn => assignments::grant;
    GET "/servicePrincipals/{id}/appRoleAssignments/{id}", ReadApplications => assignments::get;
    DELETE "/servicePrincipals/{id}/appRoleAssignments/{id}", SignedIn => assignments::revoke;
    GET "/servicePrincipals/{id}/appRoleAssignedTo", ReadApplications => assignments::given;
    POST "/servicePrincipals/{id}/appRoleAssignedTo", SignedIn => assignments::grant;
    GET "/servicePrincipals/{id}/appRoleAssignedTo/{id}", ReadApplications => assignments::get;
    DELETE "/servicePrincipals/{id}/appRoleAssignedTo/{id}", SignedIn => assignments::revoke;

    GET "/oauth2PermissionGrants", ReadApplications => grants::list;
    POST "/oauth2PermissionGrants", GrantScope => grants::create;
    GET "/oauth2PermissionGrants/{id}", ReadApplications => grants::get;
    PATCH "/oauth2PermissionGrants/{id}", GrantScope => grants::update;
    DELETE "/oauth2PermissionGrants/{id}", GrantScope => grants::delete;

    GET "/users", ReadUsers => users::list;
    POST "/users", ManageUsers => users::create;
    GET "/users/{id}", ReadUsers => users::get;
    PATCH "/users/{id}", ManageUsers => users::update;
    DELETE "/users/{id}", ManageUsers => users::delete;
    GET "/users/{id}/memberOf", ReadUsers => roles::of_user;
    GET "/me", SignedIn => users::me;

    GET "/directoryRoleTemplates", ReadRoles => roles::templates;
    GET "/directoryRoles", ReadRoles => roles::list;
    POST "/directoryRoles", ManageRoles => roles::activate;
    GET "/directoryRoles/{id}", ReadRoles => roles::get;
    GET "/directoryRoles/{id}/members", ReadRoles => roles::members;
    GET "/directoryRoles/{id}/members/$ref", ReadRoles => roles::member_references;
    POST "/directoryRoles/{id}/members/$ref", ManageRoles => roles::add_member;
    DELETE "/directoryRoles/{id}/members/{id}/$ref", ManageRoles => roles::remove_member;
    GET "/roleManagement/directory/roleAssignments", ReadRoles => role_assignments::list;
    POST "/roleManagement/directory/roleAssignments", ManageRoles => role_assignments::create;
    GET "/roleManagement/directory/roleAssignments/{id}", ReadRoles => role_assignments::get;
    DELETE "/roleManagement/directory/roleAssignments/{id}", ManageRoles => role_assignments::delete;
    GET "/roleManagement/directory/roleDefinitions", ReadRoles => role_assignments::definitions;
    GET "/roleManagement/directory/roleDefinitions/{id}", ReadRoles => role_assignments::definition;

    GET "/directory/deletedItems/microsoft.graph.application", ReadApplications => deleted::applications;
    GET "/directory/deletedItems/microsoft.graph.servicePrincipal", ReadApplications => deleted::principals;
    GET "/directory/deletedItems/microsoft.graph.user", ReadUsers => deleted::users;
    GET "/directory/deletedItems/{id}", SignedIn => deleted::get;
    DELETE "/directory/deletedItems/{id}", SignedIn => deleted::purge;
    POST "/directory/deletedItems/{id}/restore", SignedIn => deleted::restore;

    GET "/organization", ReadOrganization => organization::list;
    GET "/organization/{id}", ReadOrganization => organization::get;
    GET "/domains", ReadDomains => organization::domains;
    GET "/domains/{id}", ReadDomains => organization::domain;
}

/// The operation of that method and path.
///
/// # Errors
/// 405 where only the method is wrong, 400 where the path is (facts 6.1).
pub(crate) fn find(
    method: &Method,
    template: &str,
    segments: &[String],
) -> Result<&'static Route, GraphError> {
    let mut of_path = ROUTES.iter().filter(|route| route.template == template).peekable();
    if of_path.peek().is_none() {
        let segment = segments.last().map_or("", String::as_str);
        let text = format!("Resource not found for the segment '{segment}'.");
        return Err(GraphError::unparsed(text));
    }
    of_path.find(|route| route.method == *method).ok_or_else(|| {
        let text = "Specified HTTP method is not allowed for the request target.";
        GraphError::new(405, "Request_BadRequest", text)
    })
}
