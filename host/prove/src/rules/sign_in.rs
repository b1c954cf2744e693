//! I1 and I4: connectors sign in, and their schedulers are as they were found.

use base::Result;
use base::codes::Kind;
use serde_json::json;
use state::IdentityType;

use super::{Before, Look};

/// I1: what each connector signs in with works.
pub(super) fn credentials(look: &mut Look<'_>) -> Result<()> {
    for connector in look.connectors.clone() {
        let has_account = connector.service_account.is_some();
        if connector.identity_type == IdentityType::ServiceAccount && !has_account {
            // It never had anything to sign in with.
            continue;
        }
        let body = format!("test_credential(#{{ connector: {} }})", json!(connector.name));
        let reason = match look.host.run_body(&body).result {
            Ok(tested) if tested["works"] == true => continue,
            Ok(tested) => tested["reason"].to_string(),
            Err(error) if error.code.kind() == Kind::Unavailable => return Err(error),
            // Not even its key or its record is there.
            Err(error) => error.to_string(),
        };
        look.say("I1", format!("'{}' is locked out: {reason}", connector.name));
    }
    Ok(())
}

/// I4: no pause and no cycle outlives its run, and nobody writes a pause into the settings.
pub(super) fn schedulers(look: &mut Look<'_>, before: Option<&Before>) -> Result<()> {
    for connector in look.connectors.clone() {
        let (executor, store) = (&look.host.ports.executor, &look.host.store);
        let state = executor.block_on(store.scheduler_state(&connector.id))?;
        let name = &connector.name;
        if state.is_paused() {
            look.say("I4", format!("the scheduler of '{name}' is still paused"));
        }
        if state.in_progress.is_some() {
            look.say("I4", format!("a cycle of '{name}' never ended"));
        }
        let found = before.and_then(|before| before.settings.get(&connector.id));
        if let Some(found) = found.filter(|found| **found != state.settings) {
            let now = &state.settings;
            look.say("I4", format!("the settings of '{name}' were {found:?} and are {now:?}"));
        }
    }
    Ok(())
}
