//! The journal: calls and their steps, written before and after each act.

use base::{Code, Diagnostic, Result, Timestamp};
use effect::{CallKey, Entry, Journal, Outcome, RunId, StepIntent, StepKey};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::database::Transaction;
use crate::error;
use crate::query::{Query, Row};
use crate::store::Store;
use crate::writer::Writer;

/// A step that was done, as the journal has it. What such steps added is *ours*.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DoneStep {
    /// Where in which run.
    pub key: StepKey,
    /// The capability of its call, such as `application.key.add`.
    pub capability: String,
    /// The step's name within its cmdlet.
    pub name: String,
    /// What was chosen beforehand.
    pub marker: Value,
    /// What it answered.
    pub value: Value,
    /// When.
    pub ended_at: Timestamp,
}

impl Journal for Writer {
    /// Writes the records together or not at all, if this writer still is the one.
    fn commit<'a>(&'a self, entries: &'a [Entry]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            if entries.is_empty() {
                return Ok(());
            }
            let mut change = self.begin().await?;
            let result = async {
                let first = write_all(&mut change, entries).await?;
                self.link_entries(&mut change, first, entries).await
            }
            .await;
            self.finish(change, result).await
        })
    }
}

impl Store {
    /// The records of a run, in the order in which they were written.
    ///
    /// # Errors
    /// As the database says.
    pub async fn journal(&self, run: &RunId) -> Result<Vec<Entry>> {
        let mut change = self.reading().await?;
        let result = async {
            let calls =
                change.rows(Query::new("SELECT * FROM calls WHERE run = $1").bind(&run.0)).await?;
            let steps =
                change.rows(Query::new("SELECT * FROM steps WHERE run = $1").bind(&run.0)).await?;
            let choices = change
                .rows(Query::new("SELECT * FROM choices WHERE run = $1").bind(&run.0))
                .await?;
            Ok((calls, steps, choices))
        }
        .await;
        let (calls, steps, choices) = change.finish(result, &|| Ok(())).await?;
        let mut records = Vec::new();
        for row in &calls {
            read_call(row, &mut records)?;
        }
        for row in &steps {
            read_step(row, &mut records)?;
        }
        for row in &choices {
            read_choice(row, &mut records)?;
        }
        records.sort_by_key(|(number, _)| *number);
        Ok(records.into_iter().map(|(_, entry)| entry).collect())
    }

    /// The steps that were done under a capability (`application.key.add`) by any run of this
    /// state, oldest first.
    ///
    /// # Errors
    /// As the database says.
    pub async fn done_steps(&self, capability: &str) -> Result<Vec<DoneStep>> {
        let query = Query::new(
            "SELECT steps.*, calls.capability FROM steps JOIN calls ON calls.run = steps.run \
             AND calls.branch = steps.branch AND calls.sequence = steps.sequence \
             WHERE calls.capability = $1 AND steps.result = 'done' ORDER BY steps.ended_record",
        )
        .bind(capability);
        self.rows(query).await?.iter().map(read_done).collect()
    }

    /// Whether any run of this state began a step of that name and marker, however it ended: what
    /// is found under the marker is *ours* then.
    ///
    /// # Errors
    /// As the database says.
    pub async fn was_intended(&self, step: &str, marker: &Value) -> Result<bool> {
        let query = Query::new("SELECT run FROM steps WHERE name = $1 AND marker = $2 LIMIT 1")
            .bind(step)
            .bind_json(marker)?;
        Ok(self.row(query).await?.is_some())
    }
}

/// Answers the number of the first record; the others follow it.
async fn write_all(change: &mut Transaction<'_>, entries: &[Entry]) -> Result<i64> {
    let count = i64::try_from(entries.len()).map_err(|_| error::too_great("journal"))?;
    let first = change.numbers("record", count).await?;
    for (record, entry) in (first..).zip(entries) {
        write(change, entry, record).await?;
    }
    Ok(first)
}

async fn write(change: &mut Transaction<'_>, entry: &Entry, record: i64) -> Result<()> {
    match entry {
        Entry::CallBegan { key, cmdlet, arguments, capability, at } => {
            let query = of_call(
                Query::new(
                    "INSERT INTO calls (run, branch, sequence, cmdlet, capability, began_at, \
                     began_record, arguments) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                ),
                key,
            )?
            .bind(cmdlet)
            .bind(capability.as_deref())
            .bind(*at)
            .bind(record)
            .bind_json(arguments)?;
            begin(change, query, entry).await
        }
        Entry::CallEnded { key, outcome, at } => {
            let query = of_call(
                Query::new(
                    "UPDATE calls SET ended_at = $4, ended_record = $5, result = $6, outcome = $7 \
                     WHERE run = $1 AND branch = $2 AND sequence = $3 AND ended_record IS NULL",
                ),
                key,
            )?;
            end(change, of_outcome(query.bind(*at).bind(record), outcome)?, entry).await
        }
        Entry::Chosen { key, name, value, at } => {
            let query = of_call(
                Query::new(
                    "INSERT INTO choices (run, branch, sequence, name, chosen_at, record, value) \
                     VALUES ($1, $2, $3, $4, $5, $6, $7)",
                ),
                key,
            )?
            .bind(name)
            .bind(*at)
            .bind(record)
            .bind_json(value)?;
            begin(change, query, entry).await
        }
        Entry::StepIntended { key, intent, at } => {
            let query = of_step(
                Query::new(
                    "INSERT INTO steps (run, branch, sequence, step, name, summary, intended_at, \
                     intended_record, marker, undo) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                ),
                key,
            )?
            .bind(&intent.name)
            .bind(&intent.summary)
            .bind(*at)
            .bind(record)
            .bind_json(&intent.marker)?
            .bind_json(&intent.undo)?;
            begin(change, query, entry).await
        }
        Entry::StepEnded { key, outcome, found, at } => {
            let query = of_step(
                Query::new(
                    "UPDATE steps SET ended_at = $5, ended_record = $6, found = $7, result = $8, \
                     outcome = $9 WHERE run = $1 AND branch = $2 AND sequence = $3 AND step = $4 \
                     AND ended_record IS NULL",
                ),
                key,
            )?
            .bind(*at)
            .bind(record)
            .bind(*found);
            end(change, of_outcome(query, outcome)?, entry).await
        }
    }
}

fn of_call(query: Query, key: &CallKey) -> Result<Query> {
    let sequence = i64::try_from(key.sequence).map_err(|_| error::too_great("call's number"))?;
    Ok(query.bind(&key.run.0).bind(&key.branch).bind(sequence))
}

fn of_step(query: Query, key: &StepKey) -> Result<Query> {
    Ok(of_call(query, &key.call)?.bind(i64::from(key.step)))
}

/// Binds the result and the outcome.
fn of_outcome(query: Query, outcome: &Outcome) -> Result<Query> {
    let result = match outcome {
        Outcome::Done(_) => "done",
        Outcome::Failed(_) => "failed",
    };
    query.bind(result).bind_json(outcome)
}

async fn begin(change: &mut Transaction<'_>, query: Query, entry: &Entry) -> Result<()> {
    if change.insert(query).await? { Ok(()) } else { Err(out_of_order(entry, "begun twice")) }
}

async fn end(change: &mut Transaction<'_>, query: Query, entry: &Entry) -> Result<()> {
    match change.execute(query).await? {
        1 => Ok(()),
        _ => Err(out_of_order(entry, "ended without being open")),
    }
}

fn out_of_order(entry: &Entry, what: &str) -> Diagnostic {
    let key = entry.call();
    Diagnostic::new(
        Code::Internal,
        format!(
            "A record of run {} is out of order: call {} of branch '{}' is {what}",
            key.run, key.sequence, key.branch
        ),
    )
    .next("Report this as a mistake of this program, with the script that shows it.")
}

/// Every record of every run with its number, for the audit. A row that cannot be read, or whose
/// columns contradict each other, is named in `unreadable`.
pub(crate) async fn read_all(
    change: &mut Transaction<'_>,
    unreadable: &mut Vec<String>,
) -> Result<Vec<(i64, Entry)>> {
    let calls = change.rows(Query::new("SELECT * FROM calls")).await?;
    let steps = change.rows(Query::new("SELECT * FROM steps")).await?;
    let mut records = Vec::new();
    for (row, is_step) in
        calls.iter().map(|row| (row, false)).chain(steps.iter().map(|row| (row, true)))
    {
        let read = check_end(row, is_step).and_then(|()| match is_step {
            true => read_step(row, &mut records),
            false => read_call(row, &mut records),
        });
        if let Err(error) = read {
            let of = |column| row.number(column).map_or("?".to_owned(), |n| n.to_string());
            let step = if is_step { format!("step {} of ", of("step")) } else { String::new() };
            let (sequence, run) = (of("sequence"), row.text("run").unwrap_or_default());
            let cause = error.causes.join(": ");
            unreadable.push(format!("{step}call {sequence} of run {run}: {cause}"));
        }
    }
    for row in change.rows(Query::new("SELECT * FROM choices")).await? {
        if let Err(error) = read_choice(&row, &mut records) {
            let (name, run) = (row.text("name").unwrap_or_default(), row.text("run")?);
            unreadable.push(format!("choice '{name}' of run {run}: {}", error.causes.join(": ")));
        }
    }
    records.sort_by_key(|(number, _)| *number);
    Ok(records)
}

/// Checks the columns of a row's end that its record is not read from.
fn check_end(row: &Row, is_step: bool) -> Result<()> {
    let result = row.optional_text("result")?;
    let mut members = vec![row.optional_number("ended_at")?.is_some(), result.is_some()];
    members.push(row.optional_text("outcome")?.is_some());
    if is_step {
        members.push(row.optional_number("found")?.is_some());
    }
    let ended = row.optional_number("ended_record")?.is_some();
    if members.iter().any(|member| *member != ended) {
        return Err(error::damaged_record("ended_record", "the end is there in part"));
    }
    let expected = match ended.then(|| row.json::<Outcome>("outcome")).transpose()? {
        Some(Outcome::Done(_)) => Some("done"),
        Some(Outcome::Failed(_)) => Some("failed"),
        None => None,
    };
    if result.as_deref() != expected {
        return Err(error::damaged_record("result", "it is not that of the outcome"));
    }
    Ok(())
}

fn call_key(row: &Row) -> Result<CallKey> {
    let sequence = row.number("sequence")?;
    Ok(CallKey {
        run: RunId(row.text("run")?),
        branch: row.text("branch")?,
        sequence: u64::try_from(sequence).map_err(|e| error::damaged_record("sequence", e))?,
    })
}

fn step_key(row: &Row) -> Result<StepKey> {
    let step = row.number("step")?;
    Ok(StepKey {
        call: call_key(row)?,
        step: u32::try_from(step).map_err(|e| error::damaged_record("step", e))?,
    })
}

fn read_call(row: &Row, records: &mut Vec<(i64, Entry)>) -> Result<()> {
    let key = call_key(row)?;
    if let Some(number) = row.optional_number("ended_record")? {
        let (key, outcome) = (key.clone(), row.json("outcome")?);
        records.push((number, Entry::CallEnded { key, outcome, at: row.time("ended_at")? }));
    }
    let began = Entry::CallBegan {
        key,
        cmdlet: row.text("cmdlet")?,
        arguments: row.json("arguments")?,
        capability: row.optional_text("capability")?,
        at: row.time("began_at")?,
    };
    records.push((row.number("began_record")?, began));
    Ok(())
}

fn read_choice(row: &Row, records: &mut Vec<(i64, Entry)>) -> Result<()> {
    let (key, name) = (call_key(row)?, row.text("name")?);
    let (value, at) = (row.json("value")?, row.time("chosen_at")?);
    records.push((row.number("record")?, Entry::Chosen { key, name, value, at }));
    Ok(())
}

fn read_step(row: &Row, records: &mut Vec<(i64, Entry)>) -> Result<()> {
    let key = step_key(row)?;
    if let Some(number) = row.optional_number("ended_record")? {
        let ended = Entry::StepEnded {
            key: key.clone(),
            outcome: row.json("outcome")?,
            found: row.flag("found")?,
            at: row.time("ended_at")?,
        };
        records.push((number, ended));
    }
    let intent = StepIntent {
        name: row.text("name")?,
        summary: row.text("summary")?,
        marker: row.json("marker")?,
        undo: row.json("undo")?,
    };
    let intended = Entry::StepIntended { key, intent, at: row.time("intended_at")? };
    records.push((row.number("intended_record")?, intended));
    Ok(())
}

fn read_done(row: &Row) -> Result<DoneStep> {
    let Outcome::Done(value) = row.json("outcome")? else {
        return Err(error::damaged_record("outcome", "a step that was done has a failure"));
    };
    Ok(DoneStep {
        key: step_key(row)?,
        capability: row.text("capability")?,
        name: row.text("name")?,
        marker: row.json("marker")?,
        value,
        ended_at: row.time("ended_at")?,
    })
}
