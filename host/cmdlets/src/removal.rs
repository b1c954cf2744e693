//! What the cmdlets that remove something have in common.

use base::{Applied, Code, Diagnostic, Result};
use effect::{StepIntent, Undo};
use entra::Session;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use state::{Certificate, CertificateStatus};

use crate::context::Call;

/// What became of the object.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Removed {
    /// Whether it was there, and was removed.
    pub removed: bool,
}

/// Whether an object is gone: not seen in several looks, over the time that replicas may lag.
///
/// # Errors
/// What `find` answers.
pub async fn gone<T>(
    session: Session<'_>,
    what: &str,
    find: impl AsyncFn() -> Result<Option<T>>,
) -> Result<Option<()>> {
    Ok(session.look_for(what, find).await?.is_none().then_some(()))
}

/// A removal that the tenant answers with "not found": a replica may not know the object yet, so that
/// only looking tells.
pub fn doubted(answer: Result<()>) -> Result<()> {
    answer.map_err(|error| match error.code {
        Code::GraphNotFound => error.applied(Applied::Unknown),
        _ => error,
    })
}

/// Makes sure that a step of this host made the object: foreign ones are left alone (rule I5).
///
/// # Errors
/// [`Code::ConnectorState`] where this host knows of no such step.
pub async fn require_ours(call: &Call<'_>, step: &str, marker: &Value, what: &str) -> Result<()> {
    if call.store().was_intended(step, marker).await? {
        return Ok(());
    }
    Err(not_ours(what))
}

/// The refusal to remove what somebody else made.
pub fn not_ours(what: &str) -> Diagnostic {
    Diagnostic::new(Code::ConnectorState, format!("This host did not make {what}"))
        .meaning("What somebody else made is never removed.")
        .next("Remove it in the Microsoft Entra admin center, if it is really not needed.")
}

/// Forgets as which key credential a certificate was registered, because that is not there any more.
/// The one that a connector signs in with is left alone.
///
/// # Errors
/// As the database says.
pub async fn forget_key(call: &Call<'_>, certificate: &Certificate) -> Result<()> {
    let Some(key_id) = &certificate.key_id else { return Ok(()) };
    if certificate.status == CertificateStatus::Active {
        return Ok(());
    }
    let sha256 = &certificate.certificate_sha256;
    let intent = StepIntent {
        name: "forget_key".to_owned(),
        summary: format!("forget the key credential {key_id}"),
        marker: json!({ "certificate_sha256": sha256, "key_id": key_id }),
        undo: Undo::unneeded("there is nothing any more that could be remembered"),
    };
    let forgotten = async || {
        let known = call.store().find_certificate(sha256).await?;
        Result::Ok(known.is_none_or(|known| known.key_id.is_none()).then_some(()))
    };
    let act = async |permit: effect::Permit<'_>| {
        call.writer().set_certificate_key(permit, sha256, None).await.map(drop)
    };
    call.ensure(intent, forgotten, forgotten, act).await
}
