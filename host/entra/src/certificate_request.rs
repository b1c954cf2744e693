//! Self-signed certificates, signed by a key wherever it lives.

use std::sync::Mutex;
use std::time::Duration;

use base::{Code, Diagnostic, Random, Result, Timestamp};
use keystore::{Algorithm, PublicKey, SIGNATURE_LENGTH, Signer};
use rcgen::{
    CertificateParams, IsCa, KeyUsagePurpose, PKCS_RSA_SHA256, PublicKeyData, SerialNumber,
    SignatureAlgorithm, SigningKey,
};

use crate::certificate::CertificateInfo;
use crate::subject::distinguished_name;

/// The subject of managed certificates (facts 7.1).
pub const DEFAULT_SUBJECT: &str = "CN=Entra Connect Sync Provisioning";
/// The life of managed certificates (facts 7.1).
pub const DEFAULT_LIFE: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// The longest life that can be asked for.
const LONGEST_LIFE: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);
/// How far in the past a certificate begins, so that a host whose clock is a little behind accepts
/// it at once.
const BACKDATED: Duration = Duration::from_secs(5 * 60);

/// What a certificate shall say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRequest {
    /// The subject, such as `CN=Entra Connect Sync Provisioning`.
    pub subject: String,
    /// Begin of its life; cut to whole seconds.
    pub not_before: Timestamp,
    /// Its life.
    pub life: Duration,
}

impl CertificateRequest {
    /// A managed certificate: the usual subject and 90 days, begun five minutes before `now` (the
    /// tenant's time: [`crate::Client::now`]).
    pub fn managed(now: Timestamp) -> Self {
        Self {
            subject: DEFAULT_SUBJECT.to_owned(),
            not_before: now.minus(BACKDATED),
            life: DEFAULT_LIFE,
        }
    }
}

/// A certificate over the signer's key, signed by that key (RS256): version 3, key usage
/// digitalSignature (critical), no CA, a random serial number of 16 bytes.
///
/// # Errors
/// [`Code::ConfigurationInvalid`] for a subject or life that cannot be; else where the key cannot
/// be reached or cannot sign.
pub async fn self_signed(
    signer: &dyn Signer,
    request: &CertificateRequest,
    random: &(dyn Random + 'static),
) -> Result<CertificateInfo> {
    let public = signer.public_key().await?;
    let parameters = parameters(request, random)?;
    // rcgen signs synchronously, keys sign asynchronously. So it is run twice over the same
    // parameters: once to see what is to be signed, once to put the signature in.
    let draft = Draft { public: &public, to_sign: Mutex::default(), signature: None };
    parameters.self_signed(&draft).map_err(failed)?;
    let to_sign = draft.to_sign.into_inner().unwrap_or_default();
    let signature = signer.sign(Algorithm::Rs256, &to_sign).await?;
    let signed = Draft { public: &public, to_sign: Mutex::default(), signature: Some(signature) };
    let certificate = parameters.self_signed(&signed).map_err(failed)?;
    if signed.to_sign.into_inner().unwrap_or_default() != to_sign {
        return Err(Diagnostic::new(Code::Internal, "A certificate changed while it was signed"));
    }
    CertificateInfo::from_der(certificate.der())
}

fn parameters(
    request: &CertificateRequest,
    random: &(dyn Random + 'static),
) -> Result<CertificateParams> {
    let too_long = request.life > LONGEST_LIFE || request.life < Duration::from_secs(60);
    if too_long {
        return Err(Diagnostic::new(
            Code::ConfigurationInvalid,
            "A certificate must live between one minute and ten years",
        ));
    }
    let not_before = Timestamp::from_seconds(request.not_before.as_seconds());
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = distinguished_name(&request.subject)?;
    parameters.not_before = not_before.to_offset();
    parameters.not_after = not_before.plus(request.life).to_offset();
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.is_ca = IsCa::ExplicitNoCa;
    let mut serial = [0; 16];
    random.fill(&mut serial);
    // Positive, and of full length (RFC 5280, 4.1.2.2).
    serial[0] = serial[0] & 0x7f | 0x40;
    parameters.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(parameters)
}

/// Stands in for the key while rcgen writes the certificate.
struct Draft<'a> {
    public: &'a PublicKey,
    to_sign: Mutex<Vec<u8>>,
    signature: Option<Vec<u8>>,
}

impl PublicKeyData for Draft<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.public.pkcs1()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

impl SigningKey for Draft<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        if let Ok(mut to_sign) = self.to_sign.lock() {
            *to_sign = message.to_vec();
        }
        Ok(self.signature.clone().unwrap_or_else(|| vec![0; SIGNATURE_LENGTH]))
    }
}

fn failed(error: rcgen::Error) -> Diagnostic {
    Diagnostic::new(Code::Internal, "A certificate cannot be written").source(&error)
}
