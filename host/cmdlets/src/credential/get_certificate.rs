//! `get_certificate`: a certificate of this host.

use base::{Code, Diagnostic, Result};
use effect::Effect;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use state::IdentityType;

use crate::certificates::normalised_sha256;
use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::Call;
use crate::views::CertificateView;

/// The cmdlet `get_certificate`.
pub struct GetCertificate;

/// Names the certificate by its SHA-256, or by the connector that signs in with it. Its private key
/// never becomes a value of a script; its URI does.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// SHA-256 of the certificate: 64 hexadecimal digits, colons and blanks between them allowed.
    pub certificate_sha256: Option<String>,
    /// The connector that signs in with it.
    pub connector: Option<String>,
}

impl Cmdlet for GetCertificate {
    const ABOUT: About = About {
        name: "get_certificate",
        summary: "Get a certificate of this host",
        effect: Effect::Read,
        replay: Replay::Recorded,
        search_terms: &["thumbprint", "expiry", "not_after", "provider", "Get-ChildItem Cert:"],
        see_also: &["prepare_credential", "get_connector_credential"],
        errors: &[
            (Code::CertificateUnknown, "this host has no such certificate"),
            (Code::ConnectorState, "the connector signs in with a password"),
        ],
        examples: &[
            Example {
                title: "The certificate that was just made",
                script: r#"let prepared = prepare_credential(#{ connector: "default" });
get_certificate(#{ certificate_sha256: prepared.certificate_sha256 }).status"#,
                shows: Shows::Value(r#""prepared""#),
            },
            Example {
                title: "A connector without a certificate",
                script: r#"get_certificate(#{ connector: "default" })"#,
                shows: Shows::Failure(Code::ConnectorState),
            },
        ],
    };

    type Parameters = Parameters;
    type Output = CertificateView;

    async fn run(call: &Call<'_>, parameters: Parameters) -> Result<CertificateView> {
        let sha256 = match (parameters.certificate_sha256, parameters.connector) {
            (Some(sha256), None) => normalised_sha256(&sha256)?,
            (None, Some(name)) => {
                let connector = call.connector(&name).await?;
                let signs = connector.identity_type == IdentityType::Application;
                connector.certificate_sha256.filter(|_| signs).ok_or_else(|| {
                    let none = format!("The connector '{name}' signs in with a password");
                    Diagnostic::new(Code::ConnectorState, none).next(format!(
                        "Move it to an application: credwright run onboard --param connector={name}"
                    ))
                })?
            }
            _ => {
                let which = "get_certificate: give certificate_sha256 or connector, and not both";
                return Err(Diagnostic::new(Code::CmdletParameter, which)
                    .next("See its parameters: credwright help get_certificate"));
            }
        };
        let certificate = call.store().get_certificate(&sha256).await?;
        Ok(CertificateView::of(certificate, call.now()))
    }
}
