//! Sealed texts: secrets that a database row may hold.

use std::sync::Arc;

use base::{Code, Diagnostic, Result, SecretText};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::sealing::Wrapping;

/// Seals texts, such as the password of a service account, under the wrapping key of the software
/// store. Made by [`crate::SoftwareStore::vault`].
#[derive(Clone)]
pub struct Vault(Arc<Wrapping>);

const PREFIX: &str = "sealed:v1:";

impl Vault {
    pub(crate) fn new(wrapping: Arc<Wrapping>) -> Self {
        Self(wrapping)
    }

    /// Seals `text` for `context` (what it is and whose, such as `connector default password`):
    /// `sealed:v1:` and base64url. Sealing the same text twice gives different results. The first
    /// seal of a host makes its wrapping key.
    ///
    /// # Errors
    /// `key.permissions`, `key.corrupt`, `disk.*`.
    pub fn seal(&self, text: &SecretText, context: &str) -> Result<String> {
        let wrapping = self.0.key_or_new()?;
        let random = &*self.0.folder.ports.random;
        let sealed = wrapping.key.seal(random, &associated(context), text.expose().as_bytes())?;
        Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// The text that was sealed for the same `context`.
    ///
    /// # Errors
    /// [`Code::KeyCorrupt`] where it was sealed for something else, under another wrapping key, or
    /// is damaged; [`Code::KeyNotFound`] where there is no wrapping key.
    pub fn unseal(&self, sealed: &str, context: &str) -> Result<SecretText> {
        let refused = || {
            let what = format!("The sealed secret '{context}' does not open");
            Diagnostic::new(Code::KeyCorrupt, what)
                .meaning("It is damaged, was sealed for something else, or on another host.")
                .next("Give the secret again, so that it is sealed anew.")
        };
        let body = sealed.strip_prefix(PREFIX).ok_or_else(refused)?;
        let body = URL_SAFE_NO_PAD.decode(body).map_err(|_| refused())?;
        let plain = self.0.key()?.key.open(&associated(context), &body).ok_or_else(refused)?;
        let text = std::str::from_utf8(plain.expose()).map_err(|_| refused())?;
        Ok(SecretText::new(text))
    }
}

/// What a text is sealed together with; no key file can pass for it.
fn associated(context: &str) -> String {
    format!("credwright-sealed-text 1 {context}")
}
