//! Certificates: what is known of one, and when it is due.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::digest::{self, Algorithm as Digest, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use base::{Code, Diagnostic, Result, Timestamp};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use keystore::PublicKey;
use serde::{Deserialize, Serialize};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey as ParsedKey;
use x509_parser::time::ASN1Time;

/// What is known of a certificate. All of it is public.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateInfo {
    /// SHA-256 of the DER form: 64 upper hex digits.
    pub sha256: String,
    /// SHA-1 of the DER form, the *thumbprint*: 40 upper hex digits.
    pub thumbprint: String,
    /// The subject, such as `CN=Entra Connect Sync Provisioning`.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// The serial number: upper hex digits.
    pub serial_number: String,
    /// Begin of its life.
    pub not_before: Timestamp,
    /// End of its life.
    pub not_after: Timestamp,
    /// Length of its RSA key in bits; 0 where the key is of another kind.
    pub key_bits: u32,
    /// Whether its key usage allows digital signatures; also where it says nothing of its usage.
    pub digital_signature: bool,
    /// The DER form in base64.
    pub der: String,
}

impl CertificateInfo {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// [`Code::ConfigurationInvalid`] where it is none, or something follows it.
    pub fn from_der(der: &[u8]) -> Result<Self> {
        let (rest, parsed) = X509Certificate::from_der(der)
            .map_err(|error| unreadable("This is no X.509 certificate").cause(error))?;
        if !rest.is_empty() {
            return Err(unreadable("Something follows the certificate"));
        }
        let key_bits = match parsed.public_key().parsed() {
            Ok(ParsedKey::RSA(key)) => u32::try_from(key.key_size()).unwrap_or(0),
            _ => 0,
        };
        let digital_signature = match parsed.key_usage() {
            Ok(Some(usage)) => usage.value.digital_signature(),
            _ => true,
        };
        Ok(Self {
            sha256: hash(&SHA256, der),
            thumbprint: hash(&SHA1_FOR_LEGACY_USE_ONLY, der),
            subject: parsed.subject().to_string(),
            issuer: parsed.issuer().to_string(),
            serial_number: hex::encode_upper(parsed.raw_serial()),
            not_before: moment(&parsed.validity().not_before),
            not_after: moment(&parsed.validity().not_after),
            key_bits,
            digital_signature,
            der: STANDARD.encode(der),
        })
    }

    /// Reads the first certificate of a PEM text, which may hold other things too.
    ///
    /// # Errors
    /// [`Code::ConfigurationInvalid`].
    pub fn from_pem(text: &str) -> Result<Self> {
        let body = text
            .split_once("-----BEGIN CERTIFICATE-----")
            .and_then(|(_, rest)| rest.split_once("-----END CERTIFICATE-----"))
            .map(|(body, _)| body.split_whitespace().collect::<String>())
            .ok_or_else(|| unreadable("There is no 'BEGIN CERTIFICATE' in this PEM text"))?;
        let der = STANDARD.decode(body).map_err(|error| {
            unreadable("The certificate in this PEM text is damaged").source(&error)
        })?;
        Self::from_der(&der)
    }

    /// The certificate in PEM, 64 characters a line.
    pub fn pem(&self) -> String {
        let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
        let mut rest = self.der.as_str();
        while !rest.is_empty() {
            // Base64 is ASCII, so every index is a boundary.
            let (line, more) = rest.split_at(rest.len().min(64));
            pem.push_str(line);
            pem.push('\n');
            rest = more;
        }
        pem.push_str("-----END CERTIFICATE-----\n");
        pem
    }

    /// The DER form.
    ///
    /// # Errors
    /// [`Code::StateCorrupt`] where a record was tampered with.
    pub fn der_bytes(&self) -> Result<Vec<u8>> {
        STANDARD.decode(&self.der).map_err(|error| self.corrupt().source(&error))
    }

    /// The public key.
    ///
    /// # Errors
    /// [`Code::CertificateUnusable`] where it is no RSA key.
    pub fn public_key(&self) -> Result<PublicKey> {
        let der = self.der_bytes()?;
        let (_, parsed) = X509Certificate::from_der(&der).map_err(|_| self.corrupt())?;
        PublicKey::from_pkcs1(parsed.public_key().subject_public_key.data.as_ref())
            .map_err(|_| unusable(self, "its key is no RSA key of 2048 bits or more"))
    }

    /// The header `x5t`: SHA-1, base64url without padding (27 characters).
    ///
    /// # Errors
    /// As [`CertificateInfo::der_bytes`].
    pub fn x5t(&self) -> Result<String> {
        let der = self.der_bytes()?;
        Ok(URL_SAFE_NO_PAD.encode(digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, &der)))
    }

    /// The header `x5t#S256`: SHA-256, base64url without padding (43 characters).
    ///
    /// # Errors
    /// As [`CertificateInfo::der_bytes`].
    pub fn x5t_s256(&self) -> Result<String> {
        let der = self.der_bytes()?;
        Ok(URL_SAFE_NO_PAD.encode(digest::digest(&SHA256, &der)))
    }

    /// Checks that the tenant would accept it as a credential now (facts 7.1): RSA of at least
    /// 2048 bits, for digital signatures, within its life.
    ///
    /// # Errors
    /// [`Code::CertificateUnusable`] with every reason.
    pub fn check_usable(&self, now: Timestamp) -> Result<()> {
        let mut reasons = Vec::new();
        if self.key_bits < 2048 {
            reasons.push("its key is no RSA key of 2048 bits or more".to_owned());
        }
        if !self.digital_signature {
            reasons.push("its key usage does not allow digital signatures".to_owned());
        }
        if now < self.not_before {
            reasons.push(format!("its life only begins at {}", self.not_before));
        }
        if now >= self.not_after {
            reasons.push(format!("its life ended at {}", self.not_after));
        }
        if reasons.is_empty() { Ok(()) } else { Err(unusable(self, &reasons.join("; "))) }
    }

    /// When it is due for rotation. See [`due_at`].
    pub fn due_at(&self) -> Timestamp {
        due_at(self.not_before, self.not_after)
    }

    fn corrupt(&self) -> Diagnostic {
        let damaged = format!("The record of the certificate {} is damaged", self.sha256);
        Diagnostic::new(Code::StateCorrupt, damaged)
    }
}

impl fmt::Display for CertificateInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.thumbprint, self.subject)
    }
}

/// When a certificate with this life is due for rotation: 150 days or 30 % of its life before its
/// end, whichever is less, which is never in the first half of its life.
pub fn due_at(not_before: Timestamp, not_after: Timestamp) -> Timestamp {
    const MOST: Duration = Duration::from_secs(150 * 24 * 60 * 60);
    let life = not_after.since(not_before);
    not_after.minus(MOST.min(life * 3 / 10))
}

fn hash(algorithm: &'static Digest, der: &[u8]) -> String {
    hex::encode_upper(digest::digest(algorithm, der))
}

fn moment(time: &ASN1Time) -> Timestamp {
    Timestamp::from_seconds(time.timestamp())
}

fn unreadable(what: &str) -> Diagnostic {
    Diagnostic::new(Code::ConfigurationInvalid, what)
        .next("Look at the file: openssl x509 -in FILE -noout -text")
}

fn unusable(certificate: &CertificateInfo, reason: &str) -> Diagnostic {
    let said = format!("The certificate {certificate} cannot be used: {reason}");
    Diagnostic::new(Code::CertificateUnusable, said)
        .meaning("The tenant would refuse what this certificate signs.")
        .next("Use another certificate: RSA 2048, SHA-256, key usage digitalSignature.")
}
