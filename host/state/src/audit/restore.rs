//! Going on with a state that is older than its anchor, or whose key is lost.

use base::{Code, Diagnostic, Result, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Anchor, of_host};
use crate::events::{EventLevel, NewEvent, SOURCE};
use crate::store::Store;
use crate::writer::Writer;

/// The event that tells of an accepted restore.
const EVENT: i64 = 4020;

/// What was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedRestore {
    /// The last link that the state had, where it had any.
    pub kept_number: i64,
    /// When that was.
    pub kept_at: Option<Timestamp>,
    /// What the anchor knew, where there was one that could be read.
    pub anchor: Option<Anchor>,
    /// Whether a new chain began, because its key was lost.
    pub new_key: bool,
}

impl Store {
    /// What stands against going on with this state as it is; none where nothing does.
    ///
    /// # Errors
    /// As the database says, and where the anchor cannot be read at all.
    pub async fn needs_acceptance(&self) -> Result<Option<Diagnostic>> {
        let Err(error) = self.check_anchor().await else { return Ok(None) };
        // One that is damaged is replaced as well; one of a newer version is not.
        let damaged = self.anchor().is_err_and(|error| error.code == Code::StateCorrupt);
        if damaged || error.code == Code::StateRestored { Ok(Some(error)) } else { Err(error) }
    }
}

impl Writer {
    /// Accepts the state as it is: a link of the chain and an event say so, and the anchor names the
    /// end of this chain from now on.
    ///
    /// # Errors
    /// As the database says, and where the anchor cannot be written.
    pub async fn accept_restore(&self) -> Result<AcceptedRestore> {
        // One that cannot be read is replaced as well.
        let anchor = self.store().anchor().ok().flatten();
        let ends = self.store().chain_ends(anchor.as_ref()).await?;
        let accepted = AcceptedRestore {
            kept_number: ends.last.as_ref().map_or(0, |link| link.number),
            kept_at: ends.last.as_ref().map(|link| Timestamp::from_millis(link.at)),
            new_key: !ends.goes_on_with(&self.store().0.key.fingerprint()),
            anchor,
        };
        let state_id = ends.state_id.unwrap_or_else(|| self.store().new_id());
        let mut change = self.begin().await?;
        let result = async {
            if accepted.new_key {
                let number = change.numbers("link", 1).await?;
                self.write_origin(&mut change, number, &state_id).await?;
            }
            self.link_kept(&mut change, of_host::RESTORED, &self.run().0, &accepted).await
        }
        .await;
        self.finish(change, result).await?;
        self.record_event(event(&accepted)?).await?;
        // The event's link is the last one now.
        if let Some(last) = self.store().chain_ends(None).await?.last {
            self.write_anchor(super::Head { number: last.number, chain: last.chain }).await?;
        }
        Ok(accepted)
    }
}

fn event(accepted: &AcceptedRestore) -> Result<NewEvent> {
    let lost = match &accepted.anchor {
        Some(anchor) => format!("the anchor knew link {} of {}", anchor.number, anchor.at),
        None => "there was no anchor to compare it with".to_owned(),
    };
    let data = serde_json::to_value(accepted).map_err(|error| {
        Diagnostic::new(Code::Internal, "What was accepted cannot be recorded").source(&error)
    })?;
    Ok(NewEvent {
        source: SOURCE.to_owned(),
        event_id: EVENT,
        level: EventLevel::Warning,
        message: format!(
            "A restored state was accepted: it ended with link {}, {lost}",
            accepted.kept_number
        ),
        data,
        connector_id: None,
    })
}
