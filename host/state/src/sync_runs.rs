//! Sync runs: what came of sync cycles.

use base::{Code, Diagnostic, Result, Timestamp};
use effect::Permit;
use serde::{Deserialize, Serialize};

use crate::leases::lock_connector;
use crate::owner::{Census, Owner};
use crate::query::{Query, Row};
use crate::scheduler::PolicyType;
use crate::store::Store;
use crate::writer::Writer;

words! {
    /// What came of a sync cycle.
    pub enum SyncResult {
        /// It runs.
        InProgress = "in_progress",
        /// It ended well.
        Success = "success",
        /// It failed.
        Failed = "failed",
        /// The process that ran it ended before the cycle did.
        Stopped = "stopped",
    }
}

/// A sync cycle of a connector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncRun {
    /// Its id.
    pub id: String,
    /// The connector.
    pub connector_id: String,
    /// The run that started it.
    pub run: String,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What came of it.
    pub result: SyncResult,
    /// What it looked at.
    pub policy_type: PolicyType,
    /// The sync job, for people: `token-only`, or the script or command.
    pub job: String,
    /// What the job said, or why it failed.
    pub message: Option<String>,
    /// The roles or scopes seen in the token.
    pub roles: Vec<String>,
}

impl SyncRun {
    /// Whether the cycle runs now.
    pub fn is_in_progress(&self) -> bool {
        self.result == SyncResult::InProgress
    }
}

/// A sync cycle that starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSyncRun {
    /// Its id, chosen beforehand; see [`Store::new_id`].
    pub id: String,
    /// The connector.
    pub connector_id: String,
    /// What it looks at.
    pub policy_type: PolicyType,
    /// The sync job, for people.
    pub job: String,
}

/// How a sync cycle ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncRunEnd {
    /// What came of it; not [`SyncResult::InProgress`].
    pub result: SyncResult,
    /// What the job said, or why it failed.
    pub message: Option<String>,
    /// The roles or scopes seen in the token.
    pub roles: Vec<String>,
}

/// Which sync runs are wanted; what is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncRunFilter {
    /// Of this connector.
    pub connector_id: Option<String>,
    /// Started at or after.
    pub since: Option<Timestamp>,
    /// At most so many, the latest.
    pub limit: Option<u32>,
}

impl Store {
    /// The sync runs that match, latest first.
    ///
    /// # Errors
    /// As the database says.
    pub async fn find_sync_runs(&self, filter: &SyncRunFilter) -> Result<Vec<SyncRun>> {
        let query = Query::new(
            "SELECT * FROM sync_runs WHERE ($1 IS NULL OR connector_id = $1) \
             AND ($2 IS NULL OR started_at >= $2) ORDER BY started_at DESC, id LIMIT $3",
        )
        .bind(filter.connector_id.as_deref())
        .bind(filter.since)
        .bind(filter.limit.map_or(i64::MAX, i64::from));
        let rows = self.rows(query).await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let census = self.census().await?;
        rows.iter().map(|row| read(row, &census, self)).collect()
    }

    /// The sync run of that id, if there is one.
    ///
    /// # Errors
    /// As the database says.
    pub async fn find_sync_run(&self, id: &str) -> Result<Option<SyncRun>> {
        let query = Query::new("SELECT * FROM sync_runs WHERE id = $1").bind(id);
        let Some(row) = self.row(query).await? else { return Ok(None) };
        read(&row, &self.census().await?, self).map(Some)
    }

    /// The sync cycle of a connector that runs now, if one does. It is not always the one that
    /// started last: the clock may have been set back in between.
    ///
    /// # Errors
    /// As the database says.
    pub async fn sync_run_in_progress(&self, connector_id: &str) -> Result<Option<SyncRun>> {
        let rows = self.rows(unended(connector_id)).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        self.running(&rows, &self.census().await?)
    }

    fn running(&self, rows: &[Row], census: &Census) -> Result<Option<SyncRun>> {
        let runs = rows.iter().map(|row| read(row, census, self));
        Ok(runs.collect::<Result<Vec<_>>>()?.into_iter().find(SyncRun::is_in_progress))
    }

    /// The sync run of a connector that started last.
    ///
    /// # Errors
    /// As the database says.
    pub async fn last_sync_run(&self, connector_id: &str) -> Result<Option<SyncRun>> {
        let filter = SyncRunFilter {
            connector_id: Some(connector_id.to_owned()),
            limit: Some(1),
            ..SyncRunFilter::default()
        };
        Ok(self.find_sync_runs(&filter).await?.into_iter().next())
    }
}

fn ended_already(id: &str) -> Diagnostic {
    Diagnostic::new(Code::Internal, format!("The sync cycle {id} has ended and cannot start again"))
}

impl Writer {
    /// Records that a sync cycle starts. A connector has one cycle at a time. One of the same run whose
    /// process is gone starts again.
    ///
    /// # Errors
    /// `SchedulerBusy` where a cycle is in progress, `ConnectorUnknown`.
    pub async fn begin_sync_run(&self, _permit: Permit<'_>, new: NewSyncRun) -> Result<SyncRun> {
        let started_at = self.now();
        let mut change = self.begin().await?;
        let result = async {
            lock_connector(&mut change, &new.connector_id).await?;
            let rows = change.rows(unended(&new.connector_id)).await?;
            let epochs = change.rows(Query::new("SELECT host_id, epoch FROM writers")).await?;
            let census = self.store().census_from(&epochs)?;
            if let Some(other) = self.store().running(&rows, &census)? {
                return Err(in_progress(&other));
            }
            let query = Query::new(
                "INSERT INTO sync_runs (id, connector_id, run, started_at, result, policy_type, \
                 job, roles, owner, sandbox) VALUES ($1, $2, $3, $4, 'in_progress', $5, $6, '[]', \
                 $7, COALESCE((SELECT sandbox FROM connectors WHERE id = $2), 0)) \
                 ON CONFLICT (id) DO UPDATE SET started_at = excluded.started_at, \
                 owner = excluded.owner \
                 WHERE sync_runs.run = excluded.run AND sync_runs.ended_at IS NULL",
            )
            .bind(&new.id)
            .bind(&new.connector_id)
            .bind(&self.run().0)
            .bind(started_at)
            .bind(new.policy_type.as_str())
            .bind(&new.job)
            .bind_json(self.owner())?;
            match change.execute(query).await? {
                0 => Err(ended_already(&new.id)),
                _ => Ok(()),
            }
        }
        .await;
        self.finish(change, result).await?;
        Ok(SyncRun {
            id: new.id,
            connector_id: new.connector_id,
            run: self.run().0.clone(),
            started_at,
            ended_at: None,
            result: SyncResult::InProgress,
            policy_type: new.policy_type,
            job: new.job,
            message: None,
            roles: Vec::new(),
        })
    }

    /// Records how a sync cycle ended. After an initial one that ended well the next is delta.
    ///
    /// # Errors
    /// As the database says. A cycle that ended before keeps what was recorded then.
    pub async fn end_sync_run(&self, id: &str, end: SyncRunEnd) -> Result<()> {
        let ended = Query::new(
            "UPDATE sync_runs SET ended_at = $2, result = $3, message = $4, roles = $5 \
             WHERE id = $1 AND result = 'in_progress'",
        )
        .bind(id)
        .bind(self.now())
        .bind(end.result.as_str())
        .bind(end.message.as_deref())
        .bind_json(&end.roles)?;
        let next = Query::new(
            "UPDATE schedulers SET next_sync_cycle_policy_type = 'delta' WHERE connector_id = \
             (SELECT connector_id FROM sync_runs WHERE id = $1 AND policy_type = 'initial')",
        )
        .bind(id);
        let mut change = self.begin().await?;
        let result = async {
            change.execute(ended).await?;
            if end.result == SyncResult::Success {
                change.execute(next).await?;
            }
            Ok(())
        }
        .await;
        self.finish(change, result).await
    }

    /// Forgets the sync runs of a connector that ended before `before`; answers how many.
    ///
    /// # Errors
    /// As the database says.
    pub async fn remove_sync_runs(
        &self,
        _permit: Permit<'_>,
        connector_id: &str,
        before: Timestamp,
    ) -> Result<u64> {
        let query = Query::new("DELETE FROM sync_runs WHERE connector_id = $1 AND ended_at < $2")
            .bind(connector_id)
            .bind(before);
        let mut change = self.begin().await?;
        let result = change.execute(query).await;
        self.finish(change, result).await
    }
}

fn unended(connector_id: &str) -> Query {
    Query::new("SELECT * FROM sync_runs WHERE connector_id = $1 AND result = 'in_progress'")
        .bind(connector_id)
}

fn in_progress(other: &SyncRun) -> Diagnostic {
    let (run, since) = (&other.run, other.started_at);
    Diagnostic::new(
        Code::SchedulerBusy,
        format!("A sync cycle is in progress since {since} (run {run}, job {})", other.job),
    )
    .repeat(base::Repeat::Later)
    .next("Wait until it has ended, then try again.")
}

fn read(row: &Row, census: &Census, store: &Store) -> Result<SyncRun> {
    let mut result = row.word("result")?;
    let owner: Owner = row.json("owner")?;
    if result == SyncResult::InProgress && census.is_gone(&owner, store.ports()) {
        result = SyncResult::Stopped;
    }
    Ok(SyncRun {
        id: row.text("id")?,
        connector_id: row.text("connector_id")?,
        run: row.text("run")?,
        started_at: row.time("started_at")?,
        ended_at: row.optional_time("ended_at")?,
        result,
        policy_type: row.word("policy_type")?,
        job: row.text("job")?,
        message: row.optional_text("message")?,
        roles: row.json("roles")?,
    })
}
