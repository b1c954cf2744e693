//! The objects of a directory. What the tenant reasons about has fields; the other properties of an
//! object are kept as the JSON that clients see.

use base::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// Properties of an object that the tenant only keeps and shows.
pub type Properties = Map<String, Value>;

/// The tenant itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Organization {
    /// Tenant id.
    pub id: Uuid,
    /// Display name.
    pub name: String,
    /// `name.onmicrosoft.com`.
    pub initial_domain: String,
    /// A verified domain of the organization's own.
    pub custom_domain: String,
    /// When it was made.
    pub created: Timestamp,
}

impl Organization {
    /// Whether `name` is one of the verified domains; case does not matter.
    pub fn has_domain(&self, name: &str) -> bool {
        name.eq_ignore_ascii_case(&self.initial_domain)
            || name.eq_ignore_ascii_case(&self.custom_domain)
    }
}

/// A key credential: the public half of a certificate's key, registered on an object.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyCredential {
    /// Its id, chosen by the client or made here.
    pub key_id: Uuid,
    /// `AsymmetricX509Cert` or `X509CertAndPassword`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `Verify` or `Sign`.
    pub usage: String,
    /// Display name.
    pub display_name: Option<String>,
    /// As clients see it: hex SHA-1 unless one was given (facts 2.3).
    pub custom_key_identifier: Option<String>,
    /// Not valid before.
    pub start: Timestamp,
    /// Not valid after.
    pub end: Timestamp,
    /// The certificate.
    pub certificate: CertificateFacts,
    /// When it was registered; it is accepted for sign-in some time later.
    pub added: Timestamp,
}

/// What is needed of a registered certificate, read once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CertificateFacts {
    /// The certificate in base64 DER.
    pub der: String,
    /// SHA-1 of the DER, upper-case hex.
    pub thumbprint: String,
    /// SHA-256 of the DER, upper-case hex.
    pub sha256: String,
    /// Subject, as `CN=name`.
    pub subject: String,
    /// Not valid before.
    pub not_before: Timestamp,
    /// Not valid after.
    pub not_after: Timestamp,
    /// Length of its RSA modulus in bits; 0 where the key is no RSA key.
    pub rsa_bits: usize,
    /// Its RSA public key in base64 of PKCS#1 DER; empty where the key is no RSA key.
    pub public_key: String,
}

/// A client secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PasswordCredential {
    /// Its id.
    pub key_id: Uuid,
    /// Display name.
    pub display_name: Option<String>,
    /// The first three characters.
    pub hint: String,
    /// The secret, salted and hashed.
    pub secret: Hashed,
    /// Not valid before.
    pub start: Timestamp,
    /// Not valid after.
    pub end: Timestamp,
    /// When it was registered.
    pub added: Timestamp,
}

/// An app registration.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Application {
    /// Object id.
    pub id: Uuid,
    /// Client id.
    pub app_id: Uuid,
    /// When it was registered.
    pub created: Timestamp,
    /// When it was deleted, where it is.
    pub deleted: Option<Timestamp>,
    /// A name chosen by the client that no other application of the tenant has.
    pub unique_name: Option<String>,
    /// Certificates.
    pub keys: Vec<KeyCredential>,
    /// Client secrets.
    pub passwords: Vec<PasswordCredential>,
    /// Object ids of its owners.
    pub owners: Vec<Uuid>,
    /// Everything else.
    pub properties: Properties,
}

/// A service principal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Principal {
    /// Object id.
    pub id: Uuid,
    /// Client id of its application.
    pub app_id: Uuid,
    /// When it was made.
    pub created: Timestamp,
    /// When it was deleted, where it is.
    pub deleted: Option<Timestamp>,
    /// Whether it may sign in.
    pub enabled: bool,
    /// Certificates.
    pub keys: Vec<KeyCredential>,
    /// Client secrets.
    pub passwords: Vec<PasswordCredential>,
    /// Object ids of its owners.
    pub owners: Vec<Uuid>,
    /// Everything else.
    pub properties: Properties,
}

/// A user.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct User {
    /// Object id.
    pub id: Uuid,
    /// User principal name.
    pub upn: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it was deleted, where it is.
    pub deleted: Option<Timestamp>,
    /// Whether it may sign in.
    pub enabled: bool,
    /// Whether a password alone is not enough.
    #[serde(default)]
    pub needs_mfa: bool,
    /// Whether the password must be changed at the next sign-in.
    #[serde(default)]
    pub must_change_password: bool,
    /// The password, salted and hashed.
    pub password: Hashed,
    /// When the password was set last.
    pub password_set: Timestamp,
    /// Everything else.
    pub properties: Properties,
}

/// A secret that is only compared: salted SHA-256.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hashed {
    salt: String,
    hash: String,
}

impl Hashed {
    /// Takes a secret in.
    pub fn new(secret: &str, random: &(dyn base::Random + 'static)) -> Self {
        let salt = random.uuid().simple().to_string();
        let hash = Self::digest(&salt, secret);
        Self { salt, hash }
    }

    /// Whether `secret` is the one.
    pub fn matches(&self, secret: &str) -> bool {
        Self::digest(&self.salt, secret) == self.hash
    }

    fn digest(salt: &str, secret: &str) -> String {
        use sha2::Digest;
        hex::encode(sha2::Sha256::new().chain_update(salt).chain_update(secret).finalize())
    }
}

/// A directory role that was activated.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DirectoryRole {
    /// Object id, of this tenant.
    pub id: Uuid,
    /// The template, the same in every tenant.
    pub template: Uuid,
    /// Its members.
    pub members: Vec<Member>,
}

/// A member of a directory role.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Member {
    /// Object id of a user or a service principal.
    pub id: Uuid,
    /// Since when.
    pub since: Timestamp,
}

/// An application role of a resource, granted to a principal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AppRoleAssignment {
    /// Opaque id, 43 characters.
    pub id: String,
    /// The application role; all zeros for "no particular role".
    pub role: Uuid,
    /// Object id of the service principal that holds it.
    pub principal: Uuid,
    /// Object id of the service principal of the resource.
    pub resource: Uuid,
    /// When it was granted.
    pub created: Timestamp,
}

/// Delegated scopes of a resource, granted to a client.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PermissionGrant {
    /// Opaque id.
    pub id: String,
    /// Object id of the client's service principal.
    pub client: Uuid,
    /// Object id of the resource's service principal.
    pub resource: Uuid,
    /// The one user it holds for; none for all of them.
    pub user: Option<Uuid>,
    /// Scopes, separated by blanks.
    pub scope: String,
    /// When it was granted.
    pub created: Timestamp,
}

/// What applications, service principals and users have in common.
pub trait DirectoryObject: Clone {
    /// When it was made.
    fn created(&self) -> Timestamp;
    /// When it was deleted, where it is.
    fn deleted(&self) -> Option<Timestamp>;
}

macro_rules! directory_object {
    ($($name:ident),+) => {$(
        impl DirectoryObject for $name {
            fn created(&self) -> Timestamp {
                self.created
            }
            fn deleted(&self) -> Option<Timestamp> {
                self.deleted
            }
        }
    )+};
}

directory_object!(Application, Principal, User);
