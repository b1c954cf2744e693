//! Events: what an admin should know later.

use base::{Result, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::audit::of_host;
use crate::query::{Query, Row};
use crate::store::Store;
use crate::writer::Writer;

words! {
    /// How serious an event is.
    pub enum EventLevel {
        /// For the record.
        Information = "information",
        /// Something needs attention soon.
        Warning = "warning",
        /// Something is wrong.
        Error = "error",
    }
}

/// The source of our own events, whose ids begin at 4000.
pub const SOURCE: &str = "credwright";

/// An event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Counts the events of this state, from 1.
    pub sequence: i64,
    /// When.
    pub at: Timestamp,
    /// Who says so: `credwright`, or Microsoft's name for its own ids.
    pub source: String,
    /// What kind of event it is.
    pub event_id: i64,
    /// How serious it is.
    pub level: EventLevel,
    /// What happened.
    pub message: String,
    /// The same for programs; never a secret.
    pub data: Value,
    /// The connector that it is about.
    pub connector_id: Option<String>,
    /// The run that it happened in.
    pub run: Option<String>,
    /// The host that it happened on.
    pub host: String,
}

/// An event to record. See [`Event`] for the fields.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the fields of Event")]
pub struct NewEvent {
    pub source: String,
    pub event_id: i64,
    pub level: EventLevel,
    pub message: String,
    pub data: Value,
    pub connector_id: Option<String>,
}

/// Which events are wanted; what is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// About this connector.
    pub connector_id: Option<String>,
    /// Of this id.
    pub event_id: Option<i64>,
    /// At or after.
    pub since: Option<Timestamp>,
    /// Exactly this serious.
    pub level: Option<EventLevel>,
    /// Of this run.
    pub run: Option<String>,
    /// At most so many, the latest.
    pub limit: Option<u32>,
}

impl Store {
    /// The events that match, oldest first.
    ///
    /// # Errors
    /// As the database says.
    pub async fn find_events(&self, filter: &EventFilter) -> Result<Vec<Event>> {
        let query = Query::new(
            "SELECT * FROM events WHERE ($1 IS NULL OR connector_id = $1) \
             AND ($2 IS NULL OR event_id = $2) AND ($3 IS NULL OR at >= $3) \
             AND ($4 IS NULL OR level = $4) AND ($5 IS NULL OR run = $5) \
             ORDER BY sequence DESC LIMIT $6",
        )
        .bind(filter.connector_id.as_deref())
        .bind(filter.event_id)
        .bind(filter.since)
        .bind(filter.level.map(EventLevel::as_str))
        .bind(filter.run.as_deref())
        .bind(filter.limit.map_or(i64::MAX, i64::from));
        let mut events = self.rows(query).await?.iter().map(read).collect::<Result<Vec<_>>>()?;
        events.reverse();
        Ok(events)
    }
}

impl Writer {
    /// Records an event of this run.
    ///
    /// # Errors
    /// As the database says.
    pub async fn record_event(&self, new: NewEvent) -> Result<Event> {
        let mut event = Event {
            sequence: 0,
            at: self.now(),
            source: new.source,
            event_id: new.event_id,
            level: new.level,
            message: new.message,
            data: new.data,
            connector_id: new.connector_id,
            run: Some(self.run().0.clone()),
            host: self.store().0.ports.process.host_name(),
        };
        let mut change = self.begin().await?;
        let result = async {
            event.sequence = change.numbers("event", 1).await?;
            let row = change.row(inserted(&event)?).await?;
            let sandbox = row.map(|row| row.flag("sandbox")).transpose()?.unwrap_or(false);
            let record = audited(&event, sandbox);
            self.link(&mut change, of_host::EVENT, event.sequence, &record).await?;
            Ok(event)
        }
        .await;
        self.finish(change, result).await
    }
}

fn inserted(event: &Event) -> Result<Query> {
    let query = Query::new(
        "INSERT INTO events (sequence, at, source, event_id, level, message, connector_id, run, \
         host, data, sandbox) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, \
         COALESCE((SELECT sandbox FROM connectors WHERE id = $7), \
                  (SELECT sandbox FROM runs WHERE id = $8), 0)) RETURNING sandbox",
    )
    .bind(event.sequence)
    .bind(event.at)
    .bind(&event.source)
    .bind(event.event_id)
    .bind(event.level.as_str())
    .bind(&event.message)
    .bind(event.connector_id.as_deref())
    .bind(event.run.as_deref())
    .bind(&event.host);
    query.bind_json(&event.data)
}

/// An event as the audit chain knows it. A new member must be left out where it says nothing, or
/// the digests of older events no longer fit.
fn audited(event: &Event, sandbox: bool) -> Value {
    let mut value = json!(event);
    value["sandbox"] = sandbox.into();
    value
}

/// The event of a row, as the audit chain knows it.
pub(crate) fn read_audited(row: &Row) -> Result<Value> {
    Ok(audited(&read(row)?, row.flag("sandbox")?))
}

fn read(row: &Row) -> Result<Event> {
    Ok(Event {
        sequence: row.number("sequence")?,
        at: row.time("at")?,
        source: row.text("source")?,
        event_id: row.number("event_id")?,
        level: row.word("level")?,
        message: row.text("message")?,
        data: row.json("data")?,
        connector_id: row.optional_text("connector_id")?,
        run: row.optional_text("run")?,
        host: row.text("host")?,
    })
}
