//! Private keys behind one small trait, addressed by URI.
//!
//! A [`KeyStore`] makes, uses and deletes RSA 2048 keys and never shows a private one. Its first
//! kind is the [`SoftwareStore`]: key files encrypted at rest. [`KeyStores`] finds the store of a
//! [`KeyUri`]. What signs an assertion is a [`Signer`]: a key in a store ([`StoredKey`]) or one
//! that was read from a file and lives in memory only ([`MemoryKey`]). The [`Vault`] seals texts,
//! such as the password of a service account, under the software store's wrapping key.

mod files;
mod key;
mod sealing;
mod signer;
mod software;
mod source;
mod store;
mod stores;
mod uri;
mod vault;

pub use key::{Algorithm, PublicKey, SIGNATURE_LENGTH};
pub use signer::{MemoryKey, Signer, StoredKey};
pub use software::SoftwareStore;
pub use source::KeyPool;
pub use store::{KeyStore, Provider};
pub use stores::KeyStores;
pub use uri::{KeyUri, Scheme};
pub use vault::Vault;

#[cfg(test)]
mod tests;
