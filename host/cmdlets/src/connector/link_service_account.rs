//! `link_service_account`: points a connector back at its service account.

use base::{Code, Diagnostic, Result};
use effect::{Change, Effect, Impact, StepIntent, Target, Undo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use state::{Connector, EvidenceKind, IdentityType};

use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::Call;
use crate::evidence::{leave_evidence, still_there};
use crate::scheduling::require_lease;
use crate::sign_in;
use crate::views::CredentialView;

/// The cmdlet `link_service_account`.
pub struct LinkServiceAccount;

/// The way back from an application: lets the connector sign in as its service account again, once a
/// token proves that the account works. The application stays as it is, in the tenant and on record. A
/// connector that signs in as its service account already is left alone.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The connector.
    pub connector: String,
}

impl Cmdlet for LinkServiceAccount {
    const ABOUT: About = About {
        name: "link_service_account",
        summary: "Point a connector back at its service account, once that is proved to work",
        effect: Effect::Change(Change {
            target: Target::Connector,
            action: "link",
            impact: Impact::Medium,
        }),
        replay: Replay::Recorded,
        search_terms: &["Add-ADSyncAADServiceAccount", "rollback", "switch back", "identity type"],
        see_also: &["link_app_registration", "get_connector_credential", "set_connector"],
        errors: &[
            (Code::ConnectorState, "it has no service account on this host"),
            (Code::SignInWrongPassword, "the account's password is not the right one any more"),
            (Code::SchedulerBusy, "another run paused the connector's scheduler"),
        ],
        examples: &[Example {
            title: "It signs in so already",
            script: r#"link_service_account(#{ connector: "default" }).identity_type"#,
            shows: Shows::Value(r#""ServiceAccount""#),
        }],
    };

    type Parameters = Parameters;
    type Output = CredentialView;

    fn subject(parameters: &Parameters) -> &str {
        &parameters.connector
    }

    async fn run(call: &Call<'_>, parameters: Parameters) -> Result<CredentialView> {
        let (connector, tenant) = call.connector_in_view(&parameters.connector).await?;
        if connector.identity_type == IdentityType::ServiceAccount {
            return CredentialView::of(call.store(), connector, call.now()).await;
        }
        require_lease(call, &connector).await?;
        let credential = sign_in::service_account(call.context, &connector)?;
        let mark = call.open.removals();
        let token = call
            .with_session(&tenant, async |session| {
                sign_in::synchronization_token(session, &credential).await
            })
            .await?;
        let linked = link(call, mark, &connector).await?;
        let detail = sign_in::permissions(&token).join(" ");
        leave_evidence(call.writer(), &linked, EvidenceKind::Token, detail).await?;
        CredentialView::of(call.store(), linked, call.now()).await
    }
}

async fn link(call: &Call<'_>, mark: usize, connector: &Connector) -> Result<Connector> {
    let name = &connector.name;
    let Some(account) = connector.service_account.clone() else {
        let none = format!("The connector '{name}' has no service account on this host");
        return Err(Diagnostic::new(Code::ConnectorState, none));
    };
    let undo = match (&connector.application, &connector.certificate_sha256) {
        (Some(application), Some(sha256)) => Undo::cmdlet(
            "link_app_registration",
            json!({
                "connector": name,
                "app_id": application.app_id,
                "certificate_sha256": sha256,
            }),
        ),
        _ => Undo::irreversible("its application is not on record"),
    };
    let intent = StepIntent {
        name: "link_service_account".to_owned(),
        summary: format!("let '{name}' sign in as {} again", account.upn),
        marker: json!({ "connector_id": connector.id, "upn": account.upn }),
        undo,
    };
    let look = async || {
        let now = call.store().find_connector(&connector.id).await?;
        let back = now.filter(|now| now.identity_type == IdentityType::ServiceAccount);
        Ok(back.map(|now| now.id))
    };
    let act = async |permit: effect::Permit<'_>| {
        let writer = call.writer();
        Ok(writer.link_service_account(permit, &connector.id, account.clone()).await?.id)
    };
    let wanted =
        Connector { identity_type: IdentityType::ServiceAccount, ..connector.clone() };
    let settled = still_there(call, mark, &wanted).await?;
    let id: String = call.step(intent, look, act).await?;
    drop(settled);
    let linked = call.store().find_connector(&id).await?;
    linked.ok_or_else(|| Diagnostic::new(Code::StateCorrupt, "The connector's record is gone"))
}
