//! RSA keys and the two ways they sign.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::PublicKey as RsaPublicKey;
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use base::{Code, Diagnostic, Result, SecretBytes};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// Length of every signature of the keys of this host, in bytes (RSA 2048).
pub const SIGNATURE_LENGTH: usize = 256;

/// How a key signs. Both hash with SHA-256 (RFC 7518, sections 3.3 and 3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSASSA-PSS with a salt of 32 bytes.
    #[serde(rename = "PS256")]
    Ps256,
}

impl Algorithm {
    /// The name in a JWS header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Algorithm::Rs256 => "RS256",
            Algorithm::Ps256 => "PS256",
        }
    }
}

impl std::fmt::Display for Algorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The public half of an RSA key. Written as base64 of its DER `RSAPublicKey` (PKCS#1).
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey(Vec<u8>);

impl PublicKey {
    /// Takes a DER `RSAPublicKey` (PKCS#1) of 2048 to 8192 bits.
    ///
    /// # Errors
    /// [`Code::KeyCorrupt`] where it is none.
    pub fn from_pkcs1(der: impl Into<Vec<u8>>) -> Result<Self> {
        let der = der.into();
        match RsaPublicKey::from_der(&der) {
            Ok(_) => Ok(Self(der)),
            Err(error) => {
                Err(Diagnostic::new(Code::KeyCorrupt, "This is no RSA public key").cause(error))
            }
        }
    }

    /// The DER `RSAPublicKey` (PKCS#1).
    pub fn pkcs1(&self) -> &[u8] {
        &self.0
    }

    /// The DER `SubjectPublicKeyInfo` (X.509).
    ///
    /// # Errors
    /// [`Code::Internal`]; a checked key always has this form.
    pub fn spki(&self) -> Result<Vec<u8>> {
        let key = RsaPublicKey::from_der(&self.0).map_err(internal)?;
        let der: PublicKeyX509Der<'_> = key.as_der().map_err(internal)?;
        Ok(der.as_ref().to_vec())
    }

    /// Whether `signature` is this key's over `message`. PS256 wants a salt of exactly 32 bytes.
    pub fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let parameters = match algorithm {
            Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
            Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
        };
        UnparsedPublicKey::new(parameters, &self.0).verify(message, signature).is_ok()
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({})", STANDARD.encode(&self.0))
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        STANDARD.encode(key.0)
    }
}

impl TryFrom<String> for PublicKey {
    type Error = Diagnostic;

    fn try_from(text: String) -> Result<Self> {
        let der = STANDARD.decode(text).map_err(|error| {
            Diagnostic::new(Code::KeyCorrupt, "This is no public key in base64").source(&error)
        })?;
        Self::from_pkcs1(der)
    }
}

/// A private key, opened for one use. It is wiped when dropped.
pub(crate) struct PrivateKey(RsaKeyPair);

impl PrivateKey {
    /// Takes a private key in PKCS#8, or none where it is not one.
    pub(crate) fn from_pkcs8(der: &SecretBytes) -> Option<Self> {
        RsaKeyPair::from_pkcs8(der.expose()).ok().map(Self)
    }

    /// Takes an `RSAPrivateKey` (PKCS#1), or none where it is not one.
    pub(crate) fn from_pkcs1(der: &SecretBytes) -> Option<Self> {
        RsaKeyPair::from_der(der.expose()).ok().map(Self)
    }

    pub(crate) fn public_key(&self) -> PublicKey {
        PublicKey(self.0.public_key().as_ref().to_vec())
    }

    pub(crate) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>> {
        let padding: &'static dyn aws_lc_rs::signature::RsaEncoding = match algorithm {
            Algorithm::Rs256 => &RSA_PKCS1_SHA256,
            Algorithm::Ps256 => &RSA_PSS_SHA256,
        };
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(padding, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| Diagnostic::new(Code::KeyStoreFailed, "A private key failed to sign"))?;
        Ok(signature)
    }
}

fn internal(error: impl std::fmt::Display) -> Diagnostic {
    Diagnostic::new(Code::Internal, "A public key cannot be written").cause(error)
}
