//! `test_credential`: proves that a connector's credential works, by a real token.

use base::{Code, Result};
use effect::Effect;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use state::EvidenceKind;

use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::Call;
use crate::evidence::leave_evidence;
use crate::sign_in;
use crate::types::Moment;

/// The cmdlet `test_credential`.
pub struct TestCredential;

/// Gets a fresh token for the synchronization service with what the connector signs in with now, and
/// checks what it allows. The success is evidence: what later removes another credential depends on it. "No" is an answer, not a failure: see `works` and `reason`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The connector.
    pub connector: String,
}

/// Whether the credential works.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Output {
    /// The connector.
    pub connector: String,
    /// Whether a token was had, and allows to synchronize.
    pub works: bool,
    /// Why it does not work.
    pub reason: Option<String>,
    /// What to do about it.
    pub next: Option<String>,
    /// `ServiceAccount` or `Application`.
    pub identity_type: String,
    /// Roles or scopes of the token.
    pub permissions: Vec<String>,
    /// When the token expires.
    pub token_expires_at: Option<Moment>,
}

impl Cmdlet for TestCredential {
    const ABOUT: About = About {
        name: "test_credential",
        summary: "Prove by a real token that a connector's credential works",
        effect: Effect::Read,
        replay: Replay::Recorded,
        search_terms: &["verify", "token", "sign in", "Get-MsalToken"],
        see_also: &["get_connector_credential", "start_sync_cycle"],
        errors: &[
            (Code::ConnectorUnknown, "there is no such connector"),
            (Code::ConnectorTenant, "the connector belongs to another tenant"),
        ],
        examples: &[Example {
            title: "The service account of the sandbox",
            script: r#"test_credential(#{ connector: "default" }).works"#,
            shows: Shows::Value("true"),
        }],
    };

    type Parameters = Parameters;
    type Output = Output;

    fn subject(parameters: &Parameters) -> &str {
        &parameters.connector
    }

    async fn run(call: &Call<'_>, parameters: Parameters) -> Result<Output> {
        let (connector, tenant) = call.connector_in_view(&parameters.connector).await?;
        let credential = sign_in::of_connector(call.context, &connector).await?;
        let tested = call
            .with_session(&tenant, async |session| {
                sign_in::synchronization_token(session, &credential).await
            })
            .await;
        let mut output = Output {
            connector: connector.name.clone(),
            works: false,
            reason: None,
            next: None,
            identity_type: connector.identity_type.to_string(),
            permissions: Vec::new(),
            token_expires_at: None,
        };
        match tested {
            Ok(token) => {
                output.works = true;
                output.permissions = sign_in::permissions(&token);
                output.token_expires_at = Some(token.expires_at.into());
                let detail = output.permissions.join(" ");
                leave_evidence(call.writer(), &connector, EvidenceKind::Token, detail).await?;
            }
            // The tenant that cannot be reached has said nothing about the credential.
            Err(error) if error.code.kind() == base::codes::Kind::Unavailable => return Err(error),
            Err(error) => {
                output.next = error.next.clone();
                output.reason = Some(error.to_string());
            }
        }
        Ok(output)
    }
}
