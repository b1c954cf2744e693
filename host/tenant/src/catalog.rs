//! Well-known identifiers and permissions, as data. Nothing here changes while a tenant lives.
//!
//! Ids of resources and of their permissions for connectors: facts 4.2; directory roles: facts 4.4;
//! public clients: facts 13; Microsoft Graph's permission ids: Microsoft's permissions reference.

use uuid::{Uuid, uuid};

/// Microsoft Graph.
pub const GRAPH: Uuid = uuid!("00000003-0000-0000-c000-000000000000");
/// Microsoft Entra AD Synchronization Service.
pub const SYNCHRONIZATION: Uuid = uuid!("6bf85cfa-ac8a-4be5-b5de-425a0d0dc016");
/// Microsoft password reset service.
pub const PASSWORD_RESET: Uuid = uuid!("93625bc8-bfe2-437a-97e0-3d0060024faa");
/// Azure AD Graph: no longer served, but the audience of proofs of possession (facts 3).
pub const LEGACY_GRAPH: Uuid = uuid!("00000002-0000-0000-c000-000000000000");
/// Microsoft Graph Command Line Tools.
pub const GRAPH_COMMAND_LINE: Uuid = uuid!("14d82eec-204b-4c2f-b7e8-296a70dab67e");
/// Microsoft Azure CLI.
pub const AZURE_CLI: Uuid = uuid!("04b07795-8ddb-461a-bbee-02f9e1bf7b46");
/// Microsoft Azure Active Directory Connect.
pub const ENTRA_CONNECT: Uuid = uuid!("cb1056e2-e479-49de-ae31-7812af012ed8");
/// The tenant that owns Microsoft's own applications (facts 4.1).
pub const MICROSOFT_TENANT: Uuid = uuid!("f8cdef31-a31e-4b4a-93e4-5f571e91255a");
/// In `wids` of app-only tokens, though no directory role has it (facts 1.10).
pub const APP_ONLY_WID: Uuid = uuid!("0997a1d0-0d1d-4acb-b408-d5ca73121e90");
/// In `wids` of tokens of ordinary users: the default user role.
pub const USER_WID: Uuid = uuid!("b79fbf4d-3ef9-4689-8143-76b194e85509");

/// Directory role templates (facts 4.4).
pub mod role {
    use uuid::{Uuid, uuid};

    /// Global Administrator.
    pub const GLOBAL_ADMINISTRATOR: Uuid = uuid!("62e90394-69f5-4237-9190-012177145e10");
    /// Hybrid Identity Administrator.
    pub const HYBRID_IDENTITY_ADMINISTRATOR: Uuid = uuid!("8ac3fc64-6eca-42ea-9e69-59f4c7b60eb2");
    /// Directory Synchronization Accounts.
    pub const DIRECTORY_SYNCHRONIZATION: Uuid = uuid!("d29b2b05-8046-44ba-8758-1e26182fcf32");
    /// On Premises Directory Sync Account.
    pub const ON_PREMISES_SYNC: Uuid = uuid!("a92aed5d-d78a-4d16-b381-09adb37eb3b0");
    /// Application Administrator.
    pub const APPLICATION_ADMINISTRATOR: Uuid = uuid!("9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3");
    /// Cloud Application Administrator.
    pub const CLOUD_APPLICATION_ADMINISTRATOR: Uuid = uuid!("158c047a-c907-4556-b7ef-446551a6b5f7");
    /// Privileged Role Administrator.
    pub const PRIVILEGED_ROLE_ADMINISTRATOR: Uuid = uuid!("e8611ab8-c189-46e8-94e1-60213ab1f814");
    /// User Administrator.
    pub const USER_ADMINISTRATOR: Uuid = uuid!("fe930be7-5e62-47db-91af-98c3a49a38b1");
}

/// A directory role template.
pub struct RoleTemplate {
    /// The same in every tenant.
    pub id: Uuid,
    /// Its name.
    pub name: &'static str,
    /// One sentence.
    pub description: &'static str,
}

/// Directory role templates that this tenant knows.
pub const ROLE_TEMPLATES: &[RoleTemplate] = &[
    RoleTemplate {
        id: role::GLOBAL_ADMINISTRATOR,
        name: "Global Administrator",
        description: "Manages everything in the directory.",
    },
    RoleTemplate {
        id: role::HYBRID_IDENTITY_ADMINISTRATOR,
        name: "Hybrid Identity Administrator",
        description: "Manages provisioning and hybrid identity.",
    },
    RoleTemplate {
        id: role::DIRECTORY_SYNCHRONIZATION,
        name: "Directory Synchronization Accounts",
        description: "Used only by the directory synchronization service.",
    },
    RoleTemplate {
        id: role::ON_PREMISES_SYNC,
        name: "On Premises Directory Sync Account",
        description: "Used only by the on-premises directory synchronization service.",
    },
    RoleTemplate {
        id: role::APPLICATION_ADMINISTRATOR,
        name: "Application Administrator",
        description: "Manages app registrations and enterprise applications.",
    },
    RoleTemplate {
        id: role::CLOUD_APPLICATION_ADMINISTRATOR,
        name: "Cloud Application Administrator",
        description: "Manages applications, except the application proxy.",
    },
    RoleTemplate {
        id: role::PRIVILEGED_ROLE_ADMINISTRATOR,
        name: "Privileged Role Administrator",
        description: "Manages role assignments.",
    },
    RoleTemplate {
        id: role::USER_ADMINISTRATOR,
        name: "User Administrator",
        description: "Manages users and groups, and resets limited passwords.",
    },
];

/// The template of that id.
pub fn role_template(id: Uuid) -> Option<&'static RoleTemplate> {
    ROLE_TEMPLATES.iter().find(|template| template.id == id)
}

/// A permission of a resource: an application role, or a delegated scope.
pub struct Permission {
    /// The same in every tenant.
    pub id: Uuid,
    /// What tokens carry.
    pub value: &'static str,
}

const fn permission(id: Uuid, value: &'static str) -> Permission {
    Permission { id, value }
}

/// A first-party application whose principal is in every tenant of the kind this one is.
pub struct FirstParty {
    /// Client id.
    pub app_id: Uuid,
    /// Display name.
    pub name: &'static str,
    /// Names besides the client id by which scopes and audiences address it.
    pub names: &'static [&'static str],
    /// Application roles.
    pub roles: &'static [Permission],
    /// Delegated scopes.
    pub scopes: &'static [Permission],
    /// Whether it is a public client, and so may sign in with a password (facts 1.4).
    pub public_client: bool,
}

/// Microsoft's own applications in a fresh tenant.
pub const FIRST_PARTY: &[FirstParty] = &[
    FirstParty {
        app_id: GRAPH,
        name: "Microsoft Graph",
        names: &["https://graph.microsoft.com"],
        roles: GRAPH_ROLES,
        scopes: GRAPH_SCOPES,
        public_client: false,
    },
    FirstParty {
        app_id: SYNCHRONIZATION,
        name: "Microsoft Entra AD Synchronization Service",
        names: &[],
        roles: &[permission(
            uuid!("ab43b826-2c7a-4aff-9ecd-d0629d0ca6a9"),
            "ADSynchronization.ReadWrite.All",
        )],
        scopes: &[permission(
            uuid!("0b41ed4d-5f52-442b-8952-ea7d90719860"),
            "ADSynchronization.ReadWrite.All",
        )],
        public_client: false,
    },
    FirstParty {
        app_id: PASSWORD_RESET,
        name: "Microsoft password reset service",
        names: &[],
        roles: &[
            permission(
                uuid!("fc7e8088-95b5-453e-8bef-b17ecfec5ba3"),
                "PasswordWriteback.RefreshClient.All",
            ),
            permission(
                uuid!("e006e431-a65b-4f3e-8808-77d29d4c5f1a"),
                "PasswordWriteback.RegisterClientVersion.All",
            ),
            permission(
                uuid!("69201c67-737b-4a20-8f16-e0c8c64e0b0e"),
                "PasswordWriteback.OffboardClient.All",
            ),
        ],
        scopes: &[permission(
            uuid!("7757dd34-1b17-4123-afba-9bdbeeb48d1a"),
            "Directory.AccessAsUser.All",
        )],
        public_client: false,
    },
    public_client(GRAPH_COMMAND_LINE, "Microsoft Graph Command Line Tools"),
    public_client(AZURE_CLI, "Microsoft Azure CLI"),
    public_client(ENTRA_CONNECT, "Microsoft Azure Active Directory Connect"),
];

const fn public_client(app_id: Uuid, name: &'static str) -> FirstParty {
    FirstParty { app_id, name, names: &[], roles: &[], scopes: &[], public_client: true }
}

/// The first-party application of that client id.
pub fn first_party(app_id: Uuid) -> Option<&'static FirstParty> {
    FIRST_PARTY.iter().find(|party| party.app_id == app_id)
}

const GRAPH_ROLES: &[Permission] = &[
    permission(uuid!("1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9"), "Application.ReadWrite.All"),
    permission(uuid!("18a4783c-866b-4cc7-a460-3d5e5662c884"), "Application.ReadWrite.OwnedBy"),
    permission(uuid!("9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30"), "Application.Read.All"),
    permission(uuid!("06b708a9-e830-4db3-a914-8e69da51d44f"), "AppRoleAssignment.ReadWrite.All"),
    permission(uuid!("741f803b-c850-494e-b5df-cde7c675a1ca"), "User.ReadWrite.All"),
    permission(uuid!("df021288-bdef-4463-88db-98f22de89214"), "User.Read.All"),
    permission(uuid!("9e3f62cf-ca93-4989-b6ce-bf83c28f9fe8"), "RoleManagement.ReadWrite.Directory"),
    permission(uuid!("483bed4a-2ad3-4361-a73b-c83ccdbdc53c"), "RoleManagement.Read.Directory"),
    permission(uuid!("b0afded3-3588-46d8-8b3d-9842eff778da"), "AuditLog.Read.All"),
    permission(uuid!("498476ce-e0fe-48b0-b801-37ba7e2685c6"), "Organization.Read.All"),
    permission(uuid!("dbb9058a-0e50-45d7-ae91-66909b5d4664"), "Domain.Read.All"),
    permission(uuid!("7ab1d382-f21e-4acd-a863-ba3e13f7da61"), "Directory.Read.All"),
    permission(uuid!("19dbc75e-c2e2-444c-a770-ec69d8559fc7"), "Directory.ReadWrite.All"),
    permission(
        uuid!("8e8e4742-1d95-4f68-9d56-6ee75648c72a"),
        "DelegatedPermissionGrant.ReadWrite.All",
    ),
];

const GRAPH_SCOPES: &[Permission] = &[
    permission(uuid!("e1fe6dd8-ba31-4d61-89e7-88639da4683d"), "User.Read"),
    permission(uuid!("bdfbf15f-ee85-4955-8675-146e8e5296b5"), "Application.ReadWrite.All"),
    permission(uuid!("c79f8feb-a9db-4090-85f9-90d820caa0eb"), "Application.Read.All"),
    permission(uuid!("84bccea3-f856-4a8a-967b-dbe0a3d53a64"), "AppRoleAssignment.ReadWrite.All"),
    permission(uuid!("204e0828-b5ca-4ad8-b9f3-f32a958e7cc4"), "User.ReadWrite.All"),
    permission(uuid!("a154be20-db9c-4678-8ab7-66f6cc099a59"), "User.Read.All"),
    permission(uuid!("d01b97e9-cbc0-49fe-810a-750afd5527a3"), "RoleManagement.ReadWrite.Directory"),
    permission(uuid!("e4c9e354-4dc5-45b8-9e7c-e1393b0b1a20"), "AuditLog.Read.All"),
    permission(uuid!("4908d5b9-3fb2-4b1e-9336-1888b7937185"), "Organization.Read.All"),
    permission(uuid!("2f9ee017-59c1-4f1d-9472-bd5529a7b311"), "Domain.Read.All"),
    permission(uuid!("06da0dbc-49e2-44d2-8312-53f166ab848a"), "Directory.Read.All"),
    permission(uuid!("c5366453-9fb0-48a5-a156-24f0c49a4b84"), "Directory.ReadWrite.All"),
    permission(uuid!("0e263e50-5827-48a4-b97c-d940288653c7"), "Directory.AccessAsUser.All"),
    permission(
        uuid!("41ce6ca6-6826-4807-84f1-1c82854f7ee5"),
        "DelegatedPermissionGrant.ReadWrite.All",
    ),
];

/// Scopes that OpenID Connect knows of every resource; they never appear in an access token here.
pub const OPENID_SCOPES: &[&str] = &["openid", "profile", "email", "offline_access"];

/// Scopes that Microsoft's own clients hold on its own resources without any grant in the tenant.
/// That of Entra Connect on the synchronization service is facts 4.2; the rest follows what tokens
/// of these clients are seen to carry.
pub const PREAUTHORIZED: &[(Uuid, Uuid, &[&str])] = &[
    (ENTRA_CONNECT, SYNCHRONIZATION, &["ADSynchronization.ReadWrite.All"]),
    (ENTRA_CONNECT, PASSWORD_RESET, &["Directory.AccessAsUser.All"]),
    (ENTRA_CONNECT, GRAPH, &["Directory.AccessAsUser.All", "User.Read"]),
    (
        AZURE_CLI,
        GRAPH,
        &[
            "Application.ReadWrite.All",
            "AppRoleAssignment.ReadWrite.All",
            "AuditLog.Read.All",
            "DelegatedPermissionGrant.ReadWrite.All",
            "Directory.AccessAsUser.All",
            "User.Read",
            "User.ReadWrite.All",
        ],
    ),
];

/// What an administrator has consented to for Microsoft Graph Command Line Tools in a fresh tenant.
pub const COMMAND_LINE_CONSENT: &[&str] = &[
    "Application.ReadWrite.All",
    "AppRoleAssignment.ReadWrite.All",
    "AuditLog.Read.All",
    "Domain.Read.All",
    "Organization.Read.All",
    "RoleManagement.ReadWrite.Directory",
    "User.Read",
    "User.ReadWrite.All",
];

/// The application roles on Microsoft Graph that the seeded administrator application holds.
pub const ADMINISTRATOR_ROLES: &[&str] = &[
    "Application.ReadWrite.All",
    "AppRoleAssignment.ReadWrite.All",
    "User.ReadWrite.All",
    "RoleManagement.ReadWrite.Directory",
    "AuditLog.Read.All",
    "Organization.Read.All",
    "Domain.Read.All",
];
