//! The one trait of all key stores.

use base::Result;
use effect::{Permit, RemovalPermit};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::key::{Algorithm, PublicKey};
use crate::uri::{KeyUri, Scheme};

/// What a store is, as users see it ("Provider name" of a credential).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// Its name.
    pub name: String,
    /// Whether private keys live in hardware, out of reach of this host's administrator.
    pub hardware: bool,
    /// Whether a private key can be taken out through any interface of the store.
    pub exportable: bool,
}

/// Makes, uses and deletes RSA 2048 keys. No method gives a private key away.
pub trait KeyStore: Send + Sync {
    /// The scheme of its URIs.
    fn scheme(&self) -> Scheme;

    /// What it is.
    fn describe(&self) -> Provider;

    /// Chooses the URI of a key that is yet to be made: the marker of the step that makes it.
    fn choose_uri(&self) -> KeyUri;

    /// Makes the key that `uri` names, and answers its public half.
    ///
    /// # Errors
    /// `key.store_failed` where the name is taken or the store fails, `key.permissions`,
    /// `disk.*`. No key was made then, unless the diagnostic says that this is unknown.
    fn generate<'a>(
        &'a self,
        permit: Permit<'a>,
        uri: &'a KeyUri,
    ) -> BoxFuture<'a, Result<PublicKey>>;

    /// The public half of a key.
    ///
    /// # Errors
    /// `key.not_found`, `key.corrupt`, `key.permissions`, `key.store_failed`, `disk.failed`.
    fn public_key<'a>(&'a self, uri: &'a KeyUri) -> BoxFuture<'a, Result<PublicKey>>;

    /// The key's signature over `message`, which the store hashes itself; 256 bytes.
    ///
    /// # Errors
    /// As [`KeyStore::public_key`].
    fn sign<'a>(
        &'a self,
        uri: &'a KeyUri,
        algorithm: Algorithm,
        message: &'a [u8],
    ) -> BoxFuture<'a, Result<Vec<u8>>>;

    /// Destroys a key. One that is not there is no error: deleting is finished by its result.
    ///
    /// # Errors
    /// `key.permissions`, `key.store_failed`, `disk.failed`; the key stands then.
    fn delete<'a>(
        &'a self,
        permit: RemovalPermit<'a>,
        uri: &'a KeyUri,
    ) -> BoxFuture<'a, Result<()>>;

    /// Whether a key is there. It may still be damaged.
    ///
    /// # Errors
    /// `key.permissions`, `key.store_failed`, `disk.failed`.
    fn exists<'a>(&'a self, uri: &'a KeyUri) -> BoxFuture<'a, Result<bool>>;

    /// Every key, sorted.
    ///
    /// # Errors
    /// As [`KeyStore::exists`].
    fn list(&self) -> BoxFuture<'_, Result<Vec<KeyUri>>>;
}
