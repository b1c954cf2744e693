//! The tenant's own keys and certificates, and what it reads out of clients' certificates.

use std::sync::Arc;

use base::{Code, Diagnostic, Ports, Random, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber, SigningKey,
};
use sha1::Digest as _;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;

use crate::state::objects::CertificateFacts;

const DAY: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

/// The RSA keys of a tenant. Making them takes a tenth of a second; tests and virtual worlds make
/// them once and hand them to every tenant.
#[derive(Clone)]
pub struct Keys {
    pub(crate) signing: Arc<KeyPair>,
    pub(crate) administrator: Arc<KeyPair>,
}

impl Keys {
    /// Makes new keys.
    ///
    /// # Errors
    /// Where the cryptographic library fails.
    pub fn generate() -> base::Result<Self> {
        Ok(Self { signing: Arc::new(rsa_key()?), administrator: Arc::new(rsa_key()?) })
    }
}

/// A new RSA key of 2048 bits.
pub(crate) fn rsa_key() -> base::Result<KeyPair> {
    KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).map_err(|error| failed("make a key", &error))
}

/// Reads a private RSA key from PKCS#8 PEM.
pub(crate) fn rsa_key_from_pem(pem: &str) -> base::Result<KeyPair> {
    KeyPair::from_pkcs8_pem_and_sign_algo(pem, &rcgen::PKCS_RSA_SHA256)
        .map_err(|error| failed("read a key", &error))
}

pub(crate) fn failed(what: &str, error: &dyn std::fmt::Display) -> Diagnostic {
    Diagnostic::new(Code::TenantSandbox, format!("the sandbox tenant could not {what}"))
        .cause(error)
}

fn params(
    name: &str,
    random: &(dyn Random + 'static),
    from: Timestamp,
    until: Timestamp,
) -> CertificateParams {
    let mut serial = [0; 16];
    random.fill(&mut serial);
    // Positive, and of full length.
    serial[0] = serial[0] & 0x7f | 0x40;
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    let mut params = CertificateParams::default();
    params.distinguished_name = subject;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.not_before = from.to_offset();
    params.not_after = until.to_offset();
    params
}

/// A self-signed certificate for signing, as an administrator would make one for an application.
pub(crate) fn self_signed(
    name: &str,
    key: &KeyPair,
    random: &(dyn Random + 'static),
    from: Timestamp,
    until: Timestamp,
) -> base::Result<rcgen::Certificate> {
    let mut params = params(name, random, from, until);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.self_signed(key).map_err(|error| failed("make a certificate", &error))
}

/// A certificate authority for TLS, made for one data folder.
pub(crate) struct Authority {
    pub(crate) key: KeyPair,
    pub(crate) pem: String,
}

impl Authority {
    /// A new authority, good for ten years.
    pub(crate) fn generate(ports: &Ports) -> base::Result<Self> {
        let key = KeyPair::generate().map_err(|error| failed("make a key", &error))?;
        let now = ports.clock.now();
        let mut params = params(
            "credwright sandbox tenant authority",
            &*ports.random,
            now.minus(DAY),
            now.plus(DAY * 3650),
        );
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate =
            params.self_signed(&key).map_err(|error| failed("make a certificate", &error))?;
        Ok(Self { pem: certificate.pem(), key })
    }

    /// The authority that was written before.
    pub(crate) fn from_pem(pem: String, key: &str) -> base::Result<Self> {
        let key = KeyPair::from_pem(key).map_err(|error| failed("read a key", &error))?;
        Ok(Self { key, pem })
    }

    /// A server certificate for loopback, good for 90 days: private key and certificate in PEM.
    pub(crate) fn issue_server(&self, ports: &Ports) -> base::Result<String> {
        let key = KeyPair::generate().map_err(|error| failed("make a key", &error))?;
        let now = ports.clock.now();
        let mut params = params("localhost", &*ports.random, now.minus(DAY), now.plus(DAY * 90));
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let localhost =
            "localhost".try_into().map_err(|error| failed("make a certificate", &error))?;
        params.subject_alt_names = vec![
            SanType::DnsName(localhost),
            SanType::IpAddress(std::net::Ipv4Addr::LOCALHOST.into()),
            SanType::IpAddress(std::net::Ipv6Addr::LOCALHOST.into()),
        ];
        let issuer = Issuer::from_ca_cert_pem(&self.pem, &self.key)
            .map_err(|error| failed("read its own authority", &error))?;
        let certificate = params
            .signed_by(&key, &issuer)
            .map_err(|error| failed("make a certificate", &error))?;
        Ok(format!("{}{}", key.serialize_pem(), certificate.pem()))
    }
}

/// When the first certificate of a PEM text ends; none where there is no readable one.
pub(crate) fn end_of(pem: &str) -> Option<Timestamp> {
    let certificate = x509_parser::pem::Pem::iter_from_buffer(pem.as_bytes())
        .filter_map(Result::ok)
        .find(|block| block.label == "CERTIFICATE")?;
    let (_, certificate) =
        x509_parser::certificate::X509Certificate::from_der(&certificate.contents).ok()?;
    Some(Timestamp::from_seconds(certificate.validity().not_after.timestamp()))
}

/// Reads a certificate that a client registers: DER, or PEM as some clients send it.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read_certificate(content: &[u8]) -> Result<CertificateFacts, String> {
    let pem = content.starts_with(b"-----BEGIN").then(|| x509_parser::pem::parse_x509_pem(content));
    let der = match pem {
        Some(Ok((_, block))) => block.contents,
        Some(Err(error)) => return Err(error.to_string()),
        None => content.to_vec(),
    };
    let (rest, certificate) = x509_parser::certificate::X509Certificate::from_der(&der)
        .map_err(|error| error.to_string())?;
    if !rest.is_empty() {
        return Err("data after the certificate".to_owned());
    }
    let key = certificate.public_key();
    let (rsa_bits, public_key) = match key.parsed() {
        Ok(PublicKey::RSA(rsa)) => (rsa.key_size(), STANDARD.encode(&*key.subject_public_key.data)),
        _ => (0, String::new()),
    };
    Ok(CertificateFacts {
        thumbprint: hex::encode_upper(sha1::Sha1::digest(&der)),
        sha256: hex::encode_upper(sha2::Sha256::digest(&der)),
        subject: certificate.subject().to_string(),
        not_before: Timestamp::from_seconds(certificate.validity().not_before.timestamp()),
        not_after: Timestamp::from_seconds(certificate.validity().not_after.timestamp()),
        rsa_bits,
        public_key,
        der: STANDARD.encode(&der),
    })
}

/// The key that signs this tenant's tokens, with its certificate.
#[derive(Clone)]
pub(crate) struct TokenSigner {
    key: Arc<KeyPair>,
    /// `kid` and `x5t`: the certificate's SHA-1, base64url.
    pub(crate) kid: String,
    der: Vec<u8>,
}

impl TokenSigner {
    pub(crate) fn new(key: Arc<KeyPair>, ports: &Ports) -> base::Result<Self> {
        let now = ports.clock.now();
        let name = "accounts.accesscontrol.windows.net";
        let (from, until) = (now.minus(DAY), now.plus(DAY * 1825));
        let certificate = self_signed(name, &key, &*ports.random, from, until)?;
        let der = certificate.der().to_vec();
        Ok(Self { kid: URL_SAFE_NO_PAD.encode(sha1::Sha1::digest(&der)), der, key })
    }

    /// The signer that [`TokenSigner::pem`] wrote.
    pub(crate) fn from_pem(pem: &str) -> base::Result<Self> {
        let (key, certificate) = pem
            .find("-----BEGIN CERTIFICATE")
            .map(|at| pem.split_at(at))
            .ok_or_else(|| failed("read its signing key", &"no certificate"))?;
        let key = Arc::new(rsa_key_from_pem(key)?);
        let (_, block) = x509_parser::pem::parse_x509_pem(certificate.as_bytes())
            .map_err(|error| failed("read its signing certificate", &error))?;
        let der = block.contents;
        Ok(Self { kid: URL_SAFE_NO_PAD.encode(sha1::Sha1::digest(&der)), der, key })
    }

    /// Private key and certificate in PEM.
    pub(crate) fn pem(&self) -> String {
        let body = STANDARD.encode(&self.der);
        let lines: Vec<String> = body
            .as_bytes()
            .chunks(64)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect();
        format!(
            "{}-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            self.key.serialize_pem(),
            lines.join("\n")
        )
    }

    /// The JSON Web Key that verifies this tenant's tokens (facts 1.10).
    pub(crate) fn jwk(&self, issuer: &str) -> serde_json::Value {
        let (modulus, exponent) = rsa_numbers(self.key.der_bytes()).unwrap_or_default();
        serde_json::json!({
            "kty": "RSA", "use": "sig", "kid": self.kid, "x5t": self.kid,
            "n": URL_SAFE_NO_PAD.encode(modulus), "e": URL_SAFE_NO_PAD.encode(exponent),
            "x5c": [STANDARD.encode(&self.der)], "issuer": issuer,
        })
    }

    /// Signs by RS256.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.key.sign(message)
    }

    /// Whether this tenant signed `message`.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let algorithm = &aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256;
        aws_lc_rs::signature::UnparsedPublicKey::new(algorithm, self.key.der_bytes())
            .verify(message, signature)
            .is_ok()
    }
}

/// Modulus and exponent of an RSA public key in PKCS#1 DER, without leading zeros.
fn rsa_numbers(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (_, key) = x509_parser::public_key::RSAPublicKey::from_der(der).ok()?;
    let strip = |bytes: &[u8]| bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
    Some((strip(key.modulus), strip(key.exponent)))
}
