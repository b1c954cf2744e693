//! `disconnect_tenant`: ends the run's sign-in.

use base::Result;
use effect::Effect;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::Call;

/// The cmdlet `disconnect_tenant`.
pub struct DisconnectTenant;

/// Forgets the administrator and every token of this run. Without a sign-in it does nothing; at the end
/// of a run it happens by itself.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {}

impl Cmdlet for DisconnectTenant {
    const ABOUT: About = About {
        name: "disconnect_tenant",
        summary: "End the run's sign-in as an administrator",
        effect: Effect::Read,
        replay: Replay::Ends("connect_tenant"),
        search_terms: &["Disconnect-MgGraph", "Disconnect-Entra", "sign out", "logout"],
        see_also: &["connect_tenant"],
        errors: &[],
        examples: &[Example {
            title: "Tell whether there was a sign-in",
            script: "connect_tenant(); [disconnect_tenant(), disconnect_tenant()]",
            shows: Shows::Value("[true,false]"),
        }],
    };

    type Parameters = Parameters;
    type Output = bool;

    async fn run(call: &Call<'_>, _parameters: Parameters) -> Result<bool> {
        let was_connected = call.context.session.disconnect();
        if was_connected {
            call.context.tenants.open().await?.client.forget_tokens();
        }
        Ok(was_connected)
    }
    async fn establish(call: &Call<'_>, _parameters: Parameters) -> Result<()> {
        call.context.session.disconnect();
        Ok(())
    }
}
