//! The events that cmdlets record. Microsoft's ids keep their meaning and source (facts 7.4 of the
//! Connect documentation); our own have the source `credwright` and begin at 4000.

use base::Result;
use serde_json::{Value, json};
use state::{Connector, EventFilter, EventLevel, NewEvent};

use crate::context::Call;

/// An event's id, source and level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventKind {
    /// Its id.
    pub id: i64,
    /// Who says so.
    pub source: &'static str,
    /// How serious it is.
    pub level: EventLevel,
}

/// Hardware does not keep a private key.
pub const KEY_NOT_IN_HARDWARE: EventKind =
    EventKind { id: 1014, source: "ADSync", level: EventLevel::Warning };

/// A connector was pointed at an application (`ConfigureEntraApplicationAuthentication`).
pub const APPLICATION_CONFIGURED: EventKind =
    EventKind { id: 2622, source: "Entra Connect Admin Actions", level: EventLevel::Information };

/// A synchronization cycle failed.
pub const SYNC_FAILED: EventKind =
    EventKind { id: 4010, source: state::events::SOURCE, level: EventLevel::Error };

/// Records an event about a connector.
///
/// # Errors
/// As the database says.
pub async fn record(
    call: &Call<'_>,
    kind: EventKind,
    connector: &Connector,
    message: String,
    data: Value,
) -> Result<()> {
    let new = NewEvent {
        source: kind.source.to_owned(),
        event_id: kind.id,
        level: kind.level,
        message,
        data: with_connector(data, connector),
        connector_id: Some(connector.id.clone()),
    };
    call.writer().record_event(new).await.map(drop)
}

/// Records an event about a connector, unless the same was recorded before.
///
/// # Errors
/// As the database says.
pub async fn record_once(
    call: &Call<'_>,
    kind: EventKind,
    connector: &Connector,
    message: String,
    data: Value,
) -> Result<()> {
    let filter = EventFilter {
        connector_id: Some(connector.id.clone()),
        event_id: Some(kind.id),
        ..EventFilter::default()
    };
    let wanted = with_connector(data.clone(), connector);
    if call.store().find_events(&filter).await?.iter().any(|known| known.data == wanted) {
        return Ok(());
    }
    record(call, kind, connector, message, data).await
}

fn with_connector(mut data: Value, connector: &Connector) -> Value {
    if let Some(members) = data.as_object_mut() {
        members.insert("connector".to_owned(), json!(connector.name));
        members.insert("tenant_id".to_owned(), json!(connector.tenant_id));
    }
    data
}
