//! What somebody signs in with.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use base::{Code, Diagnostic, Result, SecretText};
use keystore::{Algorithm, MemoryKey, Signer};
use uuid::Uuid;

use crate::certificate::CertificateInfo;

/// What somebody signs in with.
#[derive(Clone)]
pub enum Credential {
    /// An application, by a certificate.
    Certificate(CertificateCredential),
    /// A user, by a password.
    Password(PasswordCredential),
}

/// An application's certificate and the key that goes with it.
#[derive(Clone)]
pub struct CertificateCredential {
    /// The application's client id.
    pub app_id: Uuid,
    /// The certificate.
    pub certificate: CertificateInfo,
    /// How its key signs.
    pub algorithm: Algorithm,
    /// The key.
    pub signer: Arc<dyn Signer>,
}

/// A user's name and password.
#[derive(Clone)]
pub struct PasswordCredential {
    /// The public client that is signed in with: [`crate::well_known::GRAPH_COMMAND_LINE`] for an
    /// administrator, [`crate::well_known::ENTRA_CONNECT`] for a synchronization account.
    pub client_id: Uuid,
    /// The user principal name.
    pub username: String,
    /// The password.
    pub password: SecretText,
}

impl CertificateCredential {
    /// Reads certificate and private key out of one PEM text. The key stays in memory and signs
    /// with PS256.
    ///
    /// # Errors
    /// [`Code::ConfigurationInvalid`] where one of them is missing or unreadable,
    /// [`Code::CertificateUnusable`] where they do not belong together.
    pub async fn from_pem(app_id: Uuid, text: &SecretText) -> Result<Self> {
        let certificate = CertificateInfo::from_pem(text.expose())?;
        let signer = Arc::new(MemoryKey::from_pem(text)?);
        let credential = Self { app_id, certificate, algorithm: Algorithm::Ps256, signer };
        credential.check_key().await?;
        Ok(credential)
    }

    /// Checks that the key is the certificate's.
    ///
    /// # Errors
    /// [`Code::CertificateUnusable`] where it is another one; else where it cannot be reached.
    pub async fn check_key(&self) -> Result<()> {
        let key = self.signer.public_key().await?;
        if self.certificate.public_key()? == key {
            return Ok(());
        }
        let wrong = format!("The private key is not that of the certificate {}", self.certificate);
        Err(Diagnostic::new(Code::CertificateUnusable, wrong)
            .meaning("What it signs would not verify with the certificate.")
            .next("Give the certificate and the private key that were made together."))
    }
}

impl Credential {
    /// The client id that a token is asked for.
    pub fn client_id(&self) -> Uuid {
        match self {
            Credential::Certificate(certificate) => certificate.app_id,
            Credential::Password(password) => password.client_id,
        }
    }

    /// Tells credentials apart in the token cache, without keeping a secret there.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let mut context = Context::new(&SHA256);
        let parts: [&[u8]; 4] = match self {
            Credential::Certificate(own) => {
                let algorithm = own.algorithm.as_str().as_bytes();
                [
                    b"certificate",
                    own.app_id.as_bytes(),
                    own.certificate.sha256.as_bytes(),
                    algorithm,
                ]
            }
            Credential::Password(own) => {
                let password = own.password.expose().as_bytes();
                [b"password", own.client_id.as_bytes(), own.username.as_bytes(), password]
            }
        };
        for part in parts {
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part);
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        digest
    }
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Credential::Certificate(own) => write!(f, "the application {}", own.app_id),
            Credential::Password(own) => write!(f, "{}", own.username),
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
