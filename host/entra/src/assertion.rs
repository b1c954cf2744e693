//! Statements signed with a certificate's key: client assertions and proofs of possession.

use std::time::Duration;

use base::{Code, Diagnostic, Random, Result, SecretText, Timestamp};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keystore::{Algorithm, Signer};
use serde::Serialize;
use uuid::Uuid;

use crate::certificate::CertificateInfo;
use crate::credential::CertificateCredential;
use crate::well_known::PROOF_AUDIENCE;

/// How long a statement is valid.
pub const LIFE: Duration = Duration::from_secs(5 * 60);
/// How far in the past its validity begins: the tenant tells its time in whole seconds, and its
/// hosts differ a little.
pub const BACKDATED: Duration = Duration::from_secs(30);

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    typ: &'static str,
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    x5t_s256: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x5t: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    nbf: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    exp: i64,
}

/// A client assertion (facts 1.3): PS256 with `x5t#S256`, else RS256 with `x5t`. `audience` is the
/// token endpoint, `now` the tenant's time.
///
/// # Errors
/// Where the key cannot be reached or cannot sign in this way.
pub async fn client_assertion(
    credential: &CertificateCredential,
    audience: &str,
    now: Timestamp,
    random: &(dyn Random + 'static),
) -> Result<SecretText> {
    let certificate = &credential.certificate;
    let algorithm = credential.algorithm;
    let (x5t, x5t_s256) = (certificate.x5t()?, certificate.x5t_s256()?);
    let pss = algorithm == Algorithm::Ps256;
    let header = Header {
        alg: algorithm.as_str(),
        typ: "JWT",
        x5t_s256: pss.then_some(&*x5t_s256),
        x5t: (!pss).then_some(&*x5t),
        kid: None,
    };
    let app_id = credential.app_id.to_string();
    let (from, to) = span(now);
    let claims = Claims {
        aud: audience,
        iss: app_id.clone(),
        sub: Some(app_id),
        jti: Some(random.uuid().to_string()),
        nbf: from,
        iat: Some(from),
        exp: to,
    };
    sign(&*credential.signer, algorithm, &header, &claims).await
}

/// A proof of possession for addKey and removeKey on the object `object_id` (facts section 3):
/// RS256, issued by the object id, not the client id, and without any padding.
///
/// # Errors
/// As [`client_assertion`].
pub async fn proof_of_possession(
    signer: &dyn Signer,
    certificate: &CertificateInfo,
    object_id: Uuid,
    now: Timestamp,
) -> Result<SecretText> {
    let x5t = certificate.x5t()?;
    let header = Header {
        alg: Algorithm::Rs256.as_str(),
        typ: "JWT",
        x5t_s256: None,
        x5t: Some(&x5t),
        kid: Some(&certificate.thumbprint),
    };
    let (from, to) = span(now);
    let claims = Claims {
        aud: PROOF_AUDIENCE,
        iss: object_id.to_string(),
        sub: None,
        jti: None,
        nbf: from,
        iat: None,
        exp: to,
    };
    sign(signer, Algorithm::Rs256, &header, &claims).await
}

fn span(now: Timestamp) -> (i64, i64) {
    let from = now.minus(BACKDATED);
    (from.as_seconds(), from.plus(LIFE).as_seconds())
}

/// A JWS in compact form. It is put together here because no JWT library signs through somebody
/// else's key.
async fn sign(
    signer: &dyn Signer,
    algorithm: Algorithm,
    header: &Header<'_>,
    claims: &Claims<'_>,
) -> Result<SecretText> {
    let encode = |json: serde_json::Result<Vec<u8>>| {
        json.map(|json| URL_SAFE_NO_PAD.encode(json)).map_err(|error| {
            Diagnostic::new(Code::Internal, "A statement cannot be written").source(&error)
        })
    };
    let header = encode(serde_json::to_vec(header))?;
    let claims = encode(serde_json::to_vec(claims))?;
    let mut statement = format!("{header}.{claims}");
    let signature = signer.sign(algorithm, statement.as_bytes()).await?;
    statement.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut statement);
    Ok(SecretText::new(statement))
}
