//! `confirm`: asks the admin a yes-or-no question.

use base::{Code, Diagnostic, Result};
use effect::{ApprovalRequest, Effect, Impact};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::Call;

/// The cmdlet `confirm`.
pub struct Confirm;

/// `--yes` on the command line answers yes. Without it and without a terminal the run ends with
/// exit code 5 before anything is changed.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The question.
    pub question: String,
    /// Whether "no" ends the run, with exit code 5, instead of being answered.
    #[serde(default)]
    pub required: bool,
}

impl Cmdlet for Confirm {
    const ABOUT: About = About {
        name: "confirm",
        summary: "Ask the admin a yes-or-no question",
        effect: Effect::Read,
        replay: Replay::Recorded,
        search_terms: &["ask", "prompt", "question", "ShouldContinue"],
        see_also: &["say"],
        errors: &[(
            Code::EffectNotConfirmed,
            "there is no terminal and no --yes, or the answer is no where yes is required",
        )],
        examples: &[Example {
            title: "Go on only where the admin says yes",
            script: r#"if confirm("Move the connector now?") { "moved" } else { "left alone" }"#,
            shows: Shows::Value(r#""moved""#),
        }],
    };

    type Parameters = Parameters;
    type Output = bool;

    async fn run(call: &Call<'_>, parameters: Parameters) -> Result<bool> {
        let request = ApprovalRequest {
            question: parameters.question,
            impact: Impact::Low,
            name: String::new(),
        };
        let confirmed = call.open.gate().confirm(&request).await?;
        if parameters.required && !confirmed {
            return Err(call.open.gate().refuse(
                Diagnostic::new(Code::EffectNotConfirmed, "The admin said no")
                    .next("Nothing to do. Run it again once you want it."),
            ));
        }
        Ok(confirmed)
    }
}
