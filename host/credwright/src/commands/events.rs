//! `credwright events`: what an admin should know later.

use base::suggest::did_you_mean;
use base::{Code, Diagnostic, Result};
use state::{EventFilter, EventLevel};

use crate::answer::Answer;
use crate::cli::Events;
use crate::show::table::table;
use crate::world::World;

/// `credwright events`. It only reads: no lock, and no state is made where there is none.
///
/// # Errors
/// A wrong filter, and as the state says.
pub fn events(world: &World, wanted: Events) -> Result<Answer> {
    let level = wanted.level.as_deref().map(level).transpose()?;
    let tenant = world.tenant_name()?;
    let Some(store) = world.existing_store()? else {
        return Ok(Answer::new(serde_json::json!([]), String::new()).of(tenant));
    };
    let connector = match &wanted.connector {
        Some(name) => Some(world.wait(store.get_connector(name))?.id),
        None => None,
    };
    let filter = EventFilter {
        connector_id: connector,
        event_id: wanted.id,
        since: wanted.since,
        level,
        run: wanted.run,
        limit: Some(wanted.limit),
    };
    let found = world.wait(store.find_events(&filter))?;
    if found.is_empty() {
        world.screen.tell("There is no such event.");
    }
    let rows = found.iter().map(|event| {
        vec![
            event.at.to_string(),
            event.event_id.to_string(),
            event.level.to_string(),
            event.message.clone(),
            event.run.clone().unwrap_or_default(),
        ]
    });
    let text = if found.is_empty() {
        String::new()
    } else {
        table(&["when", "event", "level", "what happened", "run"], rows, world.screen.form())
    };
    let value = serde_json::to_value(&found).map_err(|error| {
        Diagnostic::new(Code::Internal, "The events cannot be written as JSON").source(&error)
    })?;
    Ok(Answer::new(value, text).of(tenant))
}

fn level(text: &str) -> Result<EventLevel> {
    text.parse().map_err(|_| {
        let levels = EventLevel::ALL.iter().map(|level| level.as_str());
        let hint = did_you_mean(text, levels.clone());
        Diagnostic::new(Code::UsageCommand, format!("There is no level '{text}'{hint}"))
            .next(format!("Use one of these: {}", levels.collect::<Vec<_>>().join(", ")))
    })
}
