//! How an application proves who it is at the token endpoint (facts 1.3).

use std::sync::Arc;

use base::Timestamp;
use uuid::Uuid;

use super::error::TokenError;
use super::jwt::{Jwt, Padding};
use super::{Form, TokenCall};
use crate::state::objects::{Application, KeyCredential, Principal};
use crate::wire::iso;

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How far clocks may be apart.
const SKEW_SECONDS: f64 = 300.0;

/// How a client authenticated: the value of `appidacr` and `azpacr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientProof {
    /// Not at all: a public client.
    None,
    /// By secret.
    Secret,
    /// By certificate.
    Certificate,
}

impl ClientProof {
    /// As the claim writes it.
    pub(crate) const fn claim(self) -> &'static str {
        match self {
            Self::None => "0",
            Self::Secret => "1",
            Self::Certificate => "2",
        }
    }
}

/// The application of `client_id`, replicated.
///
/// # Errors
/// 700016 where there is none yet.
pub(crate) fn application<'a>(
    call: &'a TokenCall<'_>,
    client_id: &str,
) -> Result<&'a Arc<Application>, TokenError> {
    client_id
        .parse::<Uuid>()
        .ok()
        .and_then(|id| call.state.application_of(id))
        .filter(|found| call.environment.delays.object_ready(found.created, call.environment.now))
        .ok_or_else(|| not_found(call, client_id))
}

/// 700016: no such application here.
pub(crate) fn not_found(call: &TokenCall<'_>, client_id: &str) -> TokenError {
    TokenError::new(
        400,
        "unauthorized_client",
        700_016,
        format!(
            "Application with identifier '{client_id}' was not found in the directory '{}'. This \
             can happen if the application has not been installed by the administrator of the \
             tenant or consented to by any user in the tenant. You may have sent your \
             authentication request to the wrong tenant.",
            call.state.organization.name
        ),
    )
}

/// The service principal of `app_id`, replicated and enabled.
///
/// # Errors
/// 7000229 where there is none, 7000112 where it may not sign in.
pub(crate) fn principal<'a>(
    call: &'a TokenCall<'_>,
    app_id: Uuid,
) -> Result<&'a Arc<Principal>, TokenError> {
    let environment = call.environment;
    let found = call
        .state
        .principal_of(app_id)
        .filter(|found| environment.delays.object_ready(found.created, environment.now))
        .ok_or_else(|| {
            TokenError::client(
                7_000_229,
                format!(
                    "The client application {app_id} is missing service principal in the tenant \
                     {}. See instructions here: https://go.microsoft.com/fwlink/?linkid=2225119",
                    call.state.organization.id
                ),
            )
        })?;
    if !found.enabled {
        return Err(TokenError::new(
            400,
            "unauthorized_client",
            7_000_112,
            format!("Application '{app_id}'({}) is disabled.", name_of(&found.properties)),
        ));
    }
    Ok(found)
}

fn name_of(properties: &crate::state::objects::Properties) -> &str {
    properties.get("displayName").and_then(|name| name.as_str()).unwrap_or_default()
}

/// Checks the credential that came with the request.
///
/// # Errors
/// As facts 1.9 have them: 7000218 where none came, 7000215 and 7000222 for secrets, 700027 and its
/// kin for assertions.
pub(crate) fn authenticate(
    call: &TokenCall<'_>,
    form: &Form,
    application: &Application,
) -> Result<ClientProof, TokenError> {
    if let Some(assertion) = form.get("client_assertion") {
        if form.get("client_assertion_type") != Some(ASSERTION_TYPE) {
            return Err(TokenError::missing_parameter("client_assertion_type"));
        }
        assertion_holds(call, assertion, application)?;
        return Ok(ClientProof::Certificate);
    }
    match form.get("client_secret") {
        Some(secret) => secret_holds(call, secret, application).map(|()| ClientProof::Secret),
        None => Err(TokenError::client(
            7_000_218,
            "The request body must contain the following parameter: 'client_assertion' or \
             'client_secret'.",
        )),
    }
}

fn secret_holds(
    call: &TokenCall<'_>,
    secret: &str,
    application: &Application,
) -> Result<(), TokenError> {
    let (now, app_id) = (call.environment.now, application.app_id);
    let principal = call.state.principal_of(app_id);
    let found = application
        .passwords
        .iter()
        .chain(principal.iter().flat_map(|principal| &principal.passwords))
        .filter(|entry| call.environment.delays.key_ready(entry.added, now))
        .find(|entry| entry.secret.matches(secret));
    match found {
        Some(entry) if entry.end < now => Err(TokenError::client(
            7_000_222,
            format!("The provided client secret keys for app '{app_id}' are expired."),
        )),
        Some(entry) if entry.start <= now => Ok(()),
        _ => Err(TokenError::client(
            7_000_215,
            format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is \
                 the client secret value, not the client secret ID, for a secret added to app \
                 '{app_id}'."
            ),
        )),
    }
}

fn assertion_holds(
    call: &TokenCall<'_>,
    assertion: &str,
    application: &Application,
) -> Result<(), TokenError> {
    let jwt = Jwt::parse(assertion, Padding::Accepted)
        .ok_or_else(|| TokenError::client(50027, "JWT token is invalid or malformed."))?;
    let algorithm = jwt.algorithm().ok_or_else(|| {
        TokenError::client(
            5_002_738,
            "Invalid JWT token. The signature algorithm is not supported. Allowed algorithms: \
             'PS256, RS256'.",
        )
    })?;
    let client_id = application.app_id.to_string();
    let named = |claim: &str| jwt.text(claim).is_some_and(|id| id.eq_ignore_ascii_case(&client_id));
    if !named("iss") {
        return Err(TokenError::client(
            700_021,
            "Client assertion application identifier doesn't match 'client_id' parameter.",
        ));
    }
    if !named("sub") {
        let text = "Subject must match issuer claim in the client assertion.".to_owned();
        return Err(TokenError::new(400, "invalid_request", 50048, text));
    }
    let thumbprint = jwt.thumbprint().unwrap_or_default();
    let key = usable_key(call, application, &thumbprint)?;
    if !jwt.is_signed_by(&key.certificate, algorithm) {
        return Err(TokenError::client(
            700_027,
            format!(
                "Client assertion failed signature validation. [Reason - The signature value did \
                 not match the one calculated with the key. Thumbprint of key used by client: \
                 '{thumbprint}', Found key '{}'].",
                period(key)
            ),
        ));
    }
    in_time(&jwt, call.environment.now)?;
    if !audience_fits(call, jwt.text("aud").unwrap_or_default()) {
        return Err(TokenError::client(
            700_023,
            "Client assertion audience claim does not match Realm issuer.",
        ));
    }
    Ok(())
}

fn period(key: &KeyCredential) -> String {
    format!("Start={}, End={}", iso(key.start), iso(key.end))
}

fn usable_key<'a>(
    call: &'a TokenCall<'_>,
    application: &'a Application,
    thumbprint: &str,
) -> Result<&'a KeyCredential, TokenError> {
    let (now, app_id) = (call.environment.now, application.app_id);
    let of_principal = call.state.principal_of(app_id).map(|principal| principal.keys.as_slice());
    let found = application
        .keys
        .iter()
        .chain(of_principal.unwrap_or_default())
        .filter(|key| call.environment.delays.key_ready(key.added, now))
        .find(|key| {
            key.certificate.thumbprint == thumbprint || key.certificate.sha256 == thumbprint
        });
    let Some(key) = found else {
        return Err(TokenError::client(
            700_027,
            format!(
                "The certificate with identifier used to sign the client assertion is not \
                 registered on application. [Reason - The key was not found., Thumbprint of key \
                 used by client: '{thumbprint}', Please visit the Azure Portal, Graph Explorer or \
                 directly use MS Graph to see configured keys for app Id '{app_id}'. Review the \
                 documentation at https://docs.microsoft.com/en-us/graph/deployments to determine \
                 the corresponding service endpoint and \
                 https://docs.microsoft.com/en-us/graph/api/application-get?view=graph-rest-1.0&tabs=http \
                 to build a query request URL, such as \
                 'https://graph.microsoft.com/beta/applications/{app_id}']."
            ),
        ));
    };
    if key.certificate.rsa_bits < 2048 {
        return Err(TokenError::client(
            700_027,
            format!(
                "Client assertion failed signature validation. [Reason - RSA key size {} is less \
                 than the minimum required 2048 bits.]",
                key.certificate.rsa_bits
            ),
        ));
    }
    if key.end < now {
        return Err(TokenError::client(
            700_027,
            format!(
                "The certificate with identifier used to sign the client assertion is expired on \
                 application. [Reason - The key used is expired., Found key '{}', Please visit \
                 the Azure Portal, Graph Explorer or directly use MS Graph to see configured keys \
                 for app Id '{app_id}'.]",
                period(key)
            ),
        ));
    }
    let certificate = &key.certificate;
    if now < key.start || now < certificate.not_before || certificate.not_after < now {
        return Err(TokenError::client(
            1_000_502,
            "The provided certificate is not within its specified validity period.",
        ));
    }
    Ok(key)
}

fn in_time(jwt: &Jwt, now: Timestamp) -> Result<(), TokenError> {
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit in 53 bits")]
    let seconds = now.as_seconds() as f64;
    let begins = jwt.seconds("nbf").or_else(|| jwt.seconds("iat")).unwrap_or(0.0);
    let ends = jwt.seconds("exp").unwrap_or(0.0);
    if begins <= seconds + SKEW_SECONDS && seconds - SKEW_SECONDS < ends {
        return Ok(());
    }
    #[expect(clippy::cast_possible_truncation, reason = "a saturated moment is shown as such")]
    let moment = |value: f64| iso(Timestamp::from_seconds(value as i64));
    Err(TokenError::client(
        700_024,
        format!(
            "Client assertion is not within its valid time range. Current time: {}, assertion \
             valid from {}, expiry time of assertion {}. Review the documentation at \
             https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
            iso(now),
            moment(begins),
            moment(ends)
        ),
    ))
}

/// The token endpoint by tenant id or domain, and the forms that older clients use (facts 1.3).
fn audience_fits(call: &TokenCall<'_>, audience: &str) -> bool {
    let Ok(url) = url::Url::parse(audience) else { return false };
    let origin = url.origin().ascii_serialization();
    if origin != call.request.base && origin != "https://login.microsoftonline.com" {
        return false;
    }
    let parts: Vec<&str> = url.path().split('/').filter(|part| !part.is_empty()).collect();
    let (Some(tenant), rest) = (parts.first(), parts.get(1..).unwrap_or_default()) else {
        return false;
    };
    let organization = &call.state.organization;
    let named = tenant.eq_ignore_ascii_case(&organization.id.to_string())
        || organization.has_domain(tenant)
        || *tenant == "common"
        || *tenant == "organizations";
    named && matches!(rest, ["oauth2", "v2.0", "token"] | ["oauth2", "token"] | ["v2.0"] | [])
}
