//! The key of the audit chains, and what is computed with it.

use base::SecretBytes;
use hmac::digest::Key;
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use sha2::Sha256;

/// Bytes of a key.
pub(crate) const LENGTH: usize = 32;
/// The block of SHA-256: a shorter key is filled up with zeros to it (RFC 2104).
const BLOCK: usize = 64;

/// The secret that audit chains are made with. Without it nobody can make a link that fits.
#[derive(Clone, Debug)]
pub struct AuditKey(SecretBytes);

impl AuditKey {
    /// The key in the text of an `audit.key`: 64 hexadecimal digits. None where it is none.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?.trim();
        if text.len() != 2 * LENGTH || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let byte = |place| u8::from_str_radix(text.get(place..place + 2)?, 16).ok();
        let bytes = (0..LENGTH).map(|place| byte(2 * place)).collect::<Option<Vec<u8>>>()?;
        Some(Self(SecretBytes::new(bytes)))
    }

    /// The text of a key file.
    pub(crate) fn text(bytes: &[u8; LENGTH]) -> SecretBytes {
        SecretBytes::new(hex(bytes) + "\n")
    }

    /// Names the key without telling anything of it.
    pub(crate) fn fingerprint(&self) -> String {
        let mut name = self.digest("key", "");
        name.truncate(16);
        name
    }

    /// The keyed digest of what a link is of. It is keyed so that what a purge took away cannot be
    /// guessed from it.
    pub(crate) fn digest(&self, kind: &str, content: &str) -> String {
        self.mac(&("content", kind, content))
    }

    /// The value of a link: of everything in it, and of the one before it.
    pub(crate) fn chain(&self, link: &impl Serialize) -> String {
        self.mac(&("link", link))
    }

    /// JSON keeps the parts apart, whatever is in them.
    fn mac(&self, parts: &impl Serialize) -> String {
        let mut block = [0; BLOCK];
        for (place, byte) in block.iter_mut().zip(self.0.expose()) {
            *place = *byte;
        }
        let mut mac = Hmac::<Sha256>::new(&Key::<Hmac<Sha256>>::from(block));
        // Texts and numbers can always be written.
        mac.update(&serde_json::to_vec(parts).unwrap_or_default());
        hex(&mac.finalize().into_bytes())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_and_nothing_else_is_one() {
        let bytes = std::array::from_fn(|place| u8::try_from(place).unwrap());
        let text = AuditKey::text(&bytes);
        let key = AuditKey::parse(text.expose()).unwrap();
        assert_eq!(key.0.expose(), bytes);
        assert_eq!(format!("{key:?}"), "AuditKey(SecretBytes)");
        for wrong in [&b""[..], b"00", &[b'g'; 64], &[0xFF; 64], "é".repeat(32).as_bytes()] {
            assert!(AuditKey::parse(wrong).is_none());
        }
    }

    #[test]
    fn it_is_hmac_sha_256() {
        // Made with: printf '["content","key",""]' | openssl dgst -sha256 -mac HMAC -macopt hexkey:…
        let key = AuditKey::parse(&[b'0'; 64]).unwrap();
        assert_eq!(
            key.digest("key", ""),
            "6B05ABF3A15BA965E40B229ECC33F5F55DE5C3AF655B1CCDD826561DB91EFE9C"
        );
        assert_ne!(key.digest("a", "bc"), key.digest("ab", "c"));
    }
}
