//! What signs assertions: a key in a store, or a key held in memory.

use std::sync::Arc;

use base::{Code, Diagnostic, Result, SecretBytes, SecretText};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use zeroize::Zeroizing;

use crate::key::{Algorithm, PrivateKey, PublicKey};
use crate::store::KeyStore;
use crate::uri::KeyUri;

/// A private key that can be asked to sign, wherever it lives.
pub trait Signer: Send + Sync {
    /// Its public half.
    ///
    /// # Errors
    /// Where the key cannot be reached.
    fn public_key(&self) -> BoxFuture<'_, Result<PublicKey>>;

    /// Its signature over `message`, which it hashes itself.
    ///
    /// # Errors
    /// Where the key cannot be reached, or cannot sign in this way.
    fn sign<'a>(
        &'a self,
        algorithm: Algorithm,
        message: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>>>;
}

/// A key in a key store. Made by [`crate::KeyStores::signer`].
#[derive(Clone)]
pub struct StoredKey {
    pub(crate) store: Arc<dyn KeyStore>,
    pub(crate) uri: KeyUri,
}

impl StoredKey {
    /// The key's URI.
    pub fn uri(&self) -> &KeyUri {
        &self.uri
    }
}

impl Signer for StoredKey {
    fn public_key(&self) -> BoxFuture<'_, Result<PublicKey>> {
        self.store.public_key(&self.uri)
    }

    fn sign<'a>(
        &'a self,
        algorithm: Algorithm,
        message: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>>> {
        self.store.sign(&self.uri, algorithm, message)
    }
}

/// A private key that was read from a file and lives in memory only: an administrator's, not a
/// connector's.
pub struct MemoryKey(PrivateKey);

impl MemoryKey {
    /// Reads the first private key of a PEM text: PKCS#8 (`PRIVATE KEY`) or PKCS#1
    /// (`RSA PRIVATE KEY`), RSA of at least 2048 bits, not encrypted.
    ///
    /// # Errors
    /// [`Code::ConfigurationInvalid`]; its words never hold a part of the text.
    pub fn from_pem(text: &SecretText) -> Result<Self> {
        for label in ["PRIVATE KEY", "RSA PRIVATE KEY"] {
            let Some(body) = pem_block(text.expose(), label) else { continue };
            let der = STANDARD.decode(&*body).map_err(|_| unreadable("its base64 is damaged"))?;
            let der = SecretBytes::new(der);
            let key = PrivateKey::from_pkcs8(&der).or_else(|| PrivateKey::from_pkcs1(&der));
            return key
                .map(Self)
                .ok_or_else(|| unreadable("it is no RSA key of at least 2048 bits"));
        }
        if text.expose().contains("BEGIN ENCRYPTED PRIVATE KEY") {
            return Err(unreadable("it is protected by a passphrase").next(
                "Decrypt it first: openssl pkey -in KEY.pem -out PLAIN.pem; chmod 600 PLAIN.pem",
            ));
        }
        Err(unreadable("there is no 'BEGIN PRIVATE KEY' in it"))
    }
}

fn unreadable(reason: &str) -> Diagnostic {
    Diagnostic::new(
        Code::ConfigurationInvalid,
        format!("The PEM text holds no usable private key: {reason}"),
    )
    .next("Give a PEM file with an unencrypted RSA private key and its certificate.")
}

/// The base64 between the lines `-----BEGIN label-----` and `-----END label-----`, blanks removed.
fn pem_block(text: &str, label: &str) -> Option<Zeroizing<String>> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let (_, rest) = text.split_once(&begin)?;
    let (body, _) = rest.split_once(&end)?;
    Some(Zeroizing::new(body.chars().filter(|c| !c.is_whitespace()).collect()))
}

impl std::fmt::Debug for MemoryKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MemoryKey({:?})", self.0.public_key())
    }
}

impl Signer for MemoryKey {
    fn public_key(&self) -> BoxFuture<'_, Result<PublicKey>> {
        Box::pin(std::future::ready(Ok(self.0.public_key())))
    }

    fn sign<'a>(
        &'a self,
        algorithm: Algorithm,
        message: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>>> {
        Box::pin(std::future::ready(self.0.sign(algorithm, message)))
    }
}
