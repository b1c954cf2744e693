//! The key stores of a world, found by URI.

use std::sync::Arc;

use base::{Code, Diagnostic, Result};
use effect::{Permit, RemovalPermit};

use crate::key::{Algorithm, PublicKey};
use crate::signer::StoredKey;
use crate::store::{KeyStore, Provider};
use crate::uri::{KeyUri, Scheme};

/// The key stores of a world. Cheap to clone.
#[derive(Clone)]
pub struct KeyStores(Arc<Vec<Arc<dyn KeyStore>>>);

/// Signed to find out what a new key can do. It says what it is, so that no signature over it can
/// ever pass for something else.
const PROBE: &[u8] = b"credwright key probe";

impl KeyStores {
    /// These stores. The first is where new keys go.
    pub fn new(stores: Vec<Arc<dyn KeyStore>>) -> Self {
        Self(Arc::new(stores))
    }

    /// The store where new keys go.
    ///
    /// # Errors
    /// [`Code::KeyStoreFailed`] where this world has no store at all.
    pub fn preferred(&self) -> Result<&dyn KeyStore> {
        match self.0.first() {
            Some(store) => Ok(&**store),
            None => Err(Diagnostic::new(Code::KeyStoreFailed, "There is no key store")),
        }
    }

    /// The store of a scheme.
    ///
    /// # Errors
    /// [`Code::KeyStoreFailed`] where this build or host has none of that scheme.
    pub fn store(&self, scheme: Scheme) -> Result<&Arc<dyn KeyStore>> {
        self.0.iter().find(|store| store.scheme() == scheme).ok_or_else(|| missing(scheme))
    }

    /// Every store.
    pub fn all(&self) -> impl Iterator<Item = &dyn KeyStore> {
        self.0.iter().map(|store| &**store)
    }

    /// What the store of a key is.
    ///
    /// # Errors
    /// As [`KeyStores::store`].
    pub fn describe(&self, uri: &KeyUri) -> Result<Provider> {
        Ok(self.store(uri.scheme())?.describe())
    }

    /// See [`KeyStore::generate`].
    ///
    /// # Errors
    /// As there, and as [`KeyStores::store`].
    pub async fn generate(&self, permit: Permit<'_>, uri: &KeyUri) -> Result<PublicKey> {
        self.store(uri.scheme())?.generate(permit, uri).await
    }

    /// See [`KeyStore::public_key`].
    ///
    /// # Errors
    /// As there, and as [`KeyStores::store`].
    pub async fn public_key(&self, uri: &KeyUri) -> Result<PublicKey> {
        self.store(uri.scheme())?.public_key(uri).await
    }

    /// See [`KeyStore::sign`].
    ///
    /// # Errors
    /// As there, and as [`KeyStores::store`].
    pub async fn sign(
        &self,
        uri: &KeyUri,
        algorithm: Algorithm,
        message: &[u8],
    ) -> Result<Vec<u8>> {
        self.store(uri.scheme())?.sign(uri, algorithm, message).await
    }

    /// See [`KeyStore::delete`].
    ///
    /// # Errors
    /// As there, and as [`KeyStores::store`].
    pub async fn delete(&self, permit: RemovalPermit<'_>, uri: &KeyUri) -> Result<()> {
        self.store(uri.scheme())?.delete(permit, uri).await
    }

    /// See [`KeyStore::exists`].
    ///
    /// # Errors
    /// As there, and as [`KeyStores::store`].
    pub async fn exists(&self, uri: &KeyUri) -> Result<bool> {
        self.store(uri.scheme())?.exists(uri).await
    }

    /// The key as something that signs. Whether it is there shows at its first use.
    ///
    /// # Errors
    /// As [`KeyStores::store`].
    pub fn signer(&self, uri: &KeyUri) -> Result<Arc<StoredKey>> {
        let store = self.store(uri.scheme())?.clone();
        Ok(Arc::new(StoredKey { store, uri: uri.clone() }))
    }

    /// Finds out how a key should sign: PS256 where its signature verifies with a salt of 32
    /// bytes, else RS256. Some TPMs use another salt, and some answer zeros (facts 9.1), so this
    /// is tried out once, when a key is made.
    ///
    /// # Errors
    /// [`Code::KeyStoreFailed`] where neither verifies; else as [`KeyStore::sign`].
    pub async fn probe(&self, uri: &KeyUri) -> Result<Algorithm> {
        let public = self.public_key(uri).await?;
        if let Ok(signature) = self.sign(uri, Algorithm::Ps256, PROBE).await
            && public.verify(Algorithm::Ps256, PROBE, &signature)
        {
            return Ok(Algorithm::Ps256);
        }
        let signature = self.sign(uri, Algorithm::Rs256, PROBE).await?;
        if public.verify(Algorithm::Rs256, PROBE, &signature) {
            return Ok(Algorithm::Rs256);
        }
        let wrong = format!("The key {uri} makes signatures that do not verify");
        Err(Diagnostic::new(Code::KeyStoreFailed, wrong)
            .meaning("Neither PS256 nor RS256 worked, so the tenant would refuse this key.")
            .next("Make another key; if that fails too, look at the key store."))
    }
}

fn missing(scheme: Scheme) -> Diagnostic {
    let what = match scheme {
        Scheme::Software => "This host has no software key store",
        Scheme::Tpm => "This build has no TPM support yet",
        Scheme::Pkcs11 => "This build has no PKCS#11 support yet",
    };
    Diagnostic::new(Code::KeyStoreFailed, what)
        .meaning("The key lies in a store that this program cannot reach.")
        .next("Use a key in the software store (software:<uuid>).")
}
