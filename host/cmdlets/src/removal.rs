//! What the cmdlets that remove something have in common.

use base::{Applied, Code, Diagnostic, Result};
use entra::Session;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
