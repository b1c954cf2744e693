//! Signed tokens that clients make: client assertions and proofs of possession.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rsa::pkcs1::DecodeRsaPublicKey as _;
use rsa::signature::Verifier as _;
use serde_json::{Map, Value};
use sha2::Sha256;

use crate::state::objects::CertificateFacts;

/// Whether `=` at the end of a part is let pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Padding {
    /// As client assertions are read.
    Accepted,
    /// As proofs of possession are read (facts 3).
    Refused,
}

/// A parsed, not yet verified token.
#[derive(Clone, Debug)]
pub(crate) struct Jwt {
    pub(crate) header: Map<String, Value>,
    pub(crate) claims: Map<String, Value>,
    signed: String,
    signature: Vec<u8>,
}

/// The signature algorithms that are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256 and a salt of exactly 32 bytes (RFC 7518, 3.5).
    Ps256,
}

/// Decodes base64 in either alphabet, padded or not: clients send all four (facts 1.3).
pub(crate) fn decode_any(text: &str) -> Option<Vec<u8>> {
    let unified: String = text
        .trim_end_matches('=')
        .chars()
        .map(|character| match character {
            '+' => '-',
            '/' => '_',
            other => other,
        })
        .collect();
    URL_SAFE_NO_PAD.decode(unified).ok()
}

impl Jwt {
    /// Takes a compact JWS apart; none where it is none.
    pub(crate) fn parse(text: &str, padding: Padding) -> Option<Self> {
        let text = text.trim();
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        if padding == Padding::Refused && (header.contains('=') || claims.contains('=')) {
            return None;
        }
        let object = |part: &str| match serde_json::from_slice(&decode_any(part)?).ok()? {
            Value::Object(object) => Some(object),
            _ => None,
        };
        Some(Self {
            header: object(header)?,
            claims: object(claims)?,
            signature: decode_any(signature)?,
            signed: signed.to_owned(),
        })
    }

    /// A claim as text.
    pub(crate) fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim)?.as_str()
    }

    /// A NumericDate in seconds; clients send whole and broken numbers (facts 1.3).
    pub(crate) fn seconds(&self, claim: &str) -> Option<f64> {
        self.claims.get(claim)?.as_f64()
    }

    /// The algorithm that the header names, where it is an accepted one.
    pub(crate) fn algorithm(&self) -> Option<Algorithm> {
        match self.header.get("alg")?.as_str()? {
            "RS256" => Some(Algorithm::Rs256),
            "PS256" => Some(Algorithm::Ps256),
            _ => None,
        }
    }

    /// The thumbprint that the header names the certificate by, in upper-case hex.
    pub(crate) fn thumbprint(&self) -> Option<String> {
        let header = |name: &str| self.header.get(name).and_then(Value::as_str);
        if let Some(encoded) = header("x5t#S256").or_else(|| header("x5t")) {
            return decode_any(encoded).map(hex::encode_upper);
        }
        let kid = header("kid")?;
        if kid.len() == 40 && kid.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Some(kid.to_uppercase());
        }
        decode_any(kid).map(hex::encode_upper)
    }

    /// Whether the key of `certificate` made the signature.
    pub(crate) fn is_signed_by(
        &self,
        certificate: &CertificateFacts,
        algorithm: Algorithm,
    ) -> bool {
        let Some(key) = STANDARD
            .decode(&certificate.public_key)
            .ok()
            .and_then(|der| rsa::PublicKey::from_pkcs1_der(&der).ok())
        else {
            return false;
        };
        let (message, signature) = (self.signed.as_bytes(), self.signature.as_slice());
        match algorithm {
            Algorithm::Rs256 => {
                rsa::pkcs1v15::Signature::try_from(signature).is_ok_and(|signature| {
                    rsa::pkcs1v15::VerifyingKey::<Sha256>::new(key)
                        .verify(message, &signature)
                        .is_ok()
                })
            }
            Algorithm::Ps256 => rsa::pss::Signature::try_from(signature).is_ok_and(|signature| {
                rsa::pss::VerifyingKey::<Sha256>::new_with_salt_len(key, 32)
                    .verify(message, &signature)
                    .is_ok()
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parsing_never_panics(text in ".{0,200}") {
            let _ = Jwt::parse(&text, Padding::Accepted);
        }

        #[test]
        fn either_alphabet_and_padding_decode_alike(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE};
            for text in [
                STANDARD.encode(&bytes),
                STANDARD_NO_PAD.encode(&bytes),
                URL_SAFE.encode(&bytes),
                URL_SAFE_NO_PAD.encode(&bytes),
            ] {
                prop_assert_eq!(decode_any(&text), Some(bytes.clone()));
            }
        }
    }

    #[test]
    fn padding_is_refused_where_asked() {
        let padded = "eyJhIjoxfQ==.eyJhIjoxfQ.AA";
        assert!(Jwt::parse(padded, Padding::Accepted).is_some());
        assert!(Jwt::parse(padded, Padding::Refused).is_none());
    }
}
