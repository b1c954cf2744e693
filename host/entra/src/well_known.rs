//! Ids that are the same in every tenant. Sources: facts 4.2, 4.4 and 13.

use uuid::{Uuid, uuid};

/// Microsoft Graph (application id).
pub const GRAPH: Uuid = uuid!("00000003-0000-0000-c000-000000000000");
/// Microsoft Entra AD Synchronization Service (application id), in all clouds.
pub const SYNCHRONIZATION_SERVICE: Uuid = uuid!("6bf85cfa-ac8a-4be5-b5de-425a0d0dc016");
/// Microsoft password reset service (application id), in all clouds but US Gov.
pub const PASSWORD_RESET_SERVICE: Uuid = uuid!("93625bc8-bfe2-437a-97e0-3d0060024faa");
/// Microsoft password reset service (application id) in US Gov.
pub const PASSWORD_RESET_SERVICE_US_GOV: Uuid = uuid!("2e5ecfc8-ea79-48bd-8140-c19324acb278");

/// The audience of proofs of possession.
pub const PROOF_AUDIENCE: &str = "00000002-0000-0000-c000-000000000000";

/// The application role that lets an application synchronize. Its id is found by its value, since
/// published tables disagree about it.
pub const SYNCHRONIZATION_ROLE: &str = "ADSynchronization.ReadWrite.All";
/// The application roles of password writeback.
pub const PASSWORD_WRITEBACK_ROLES: [&str; 3] = [
    "PasswordWriteback.RefreshClient.All",
    "PasswordWriteback.RegisterClientVersion.All",
    "PasswordWriteback.OffboardClient.All",
];

/// Public client with which an administrator signs in by password (Microsoft Graph Command Line
/// Tools).
pub const GRAPH_COMMAND_LINE: Uuid = uuid!("14d82eec-204b-4c2f-b7e8-296a70dab67e");
/// Public client with which the legacy synchronization account signs in (Microsoft Azure Active
/// Directory Connect).
pub const ENTRA_CONNECT: Uuid = uuid!("cb1056e2-e479-49de-ae31-7812af012ed8");

/// Template id of the directory role Global Administrator.
pub const GLOBAL_ADMINISTRATOR: Uuid = uuid!("62e90394-69f5-4237-9190-012177145e10");
/// Template id of the directory role Hybrid Identity Administrator.
pub const HYBRID_IDENTITY_ADMINISTRATOR: Uuid = uuid!("8ac3fc64-6eca-42ea-9e69-59f4c7b60eb2");
/// Template id of the directory role Application Administrator.
pub const APPLICATION_ADMINISTRATOR: Uuid = uuid!("9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3");
/// Template id of the directory role Cloud Application Administrator.
pub const CLOUD_APPLICATION_ADMINISTRATOR: Uuid = uuid!("158c047a-c907-4556-b7ef-446551a6b5f7");
/// Template id of the directory role Privileged Role Administrator.
pub const PRIVILEGED_ROLE_ADMINISTRATOR: Uuid = uuid!("e8611ab8-c189-46e8-94e1-60213ab1f814");
/// Template id of the directory role Directory Synchronization Accounts.
pub const DIRECTORY_SYNCHRONIZATION_ACCOUNTS: Uuid = uuid!("d29b2b05-8046-44ba-8758-1e26182fcf32");
/// Template id of the directory role On Premises Directory Sync Account (newer, hidden).
pub const ON_PREMISES_DIRECTORY_SYNC_ACCOUNT: Uuid = uuid!("a92aed5d-d78a-4d16-b381-09adb37eb3b0");
