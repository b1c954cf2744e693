//! Scheduler leases: pauses with an owner and a deadline.
//!
//! A lease is never taken out of force by a clean-up: whether it is live is computed when it is
//! read. It is void once it was released, its owner is gone, the host was booted again, or its
//! deadline has passed on the boot-time clock, which no one can set.

use std::time::Duration;

use base::{Code, Diagnostic, Result, Timestamp};
use serde::{Deserialize, Serialize};

use crate::database::Transaction;
use crate::owner::{Census, Owner};
use crate::query::{Query, Row};
use crate::store::Store;
use crate::writer::Writer;

/// A pause of a connector's scheduler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Its id.
    pub id: String,
    /// The connector whose scheduler is paused.
    pub connector_id: String,
    /// The run that paused it.
    pub run: String,
    /// The branch of its script; branches take back their own pauses only.
    pub branch: String,
    /// How deep the run's pauses are nested, from 1.
    pub depth: i64,
    /// Why.
    pub reason: String,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// When it ends at the latest, as the wall clock showed it when it was taken.
    pub deadline: Timestamp,
    /// The same in milliseconds since the boot that the owner names: this one decides.
    pub boot_deadline: i64,
    /// Whose process holds it.
    pub owner: Owner,
}

impl Store {
    /// The live leases of a connector, oldest first.
    ///
    /// # Errors
    /// As the database says.
    pub async fn live_leases(&self, connector_id: &str) -> Result<Vec<Lease>> {
        let rows = self.rows(unreleased(connector_id)).await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let census = self.census().await?;
        self.live(&rows, &census)
    }

    /// A pause of a run that was not taken back, and that ends within `margin` or has ended already: what
    /// it was to protect is protected no longer.
    ///
    /// # Errors
    /// As the database says.
    pub async fn lapsing_pause(
        &self,
        connector_id: &str,
        run: &str,
        margin: Duration,
    ) -> Result<Option<Lease>> {
        let rows = self.rows(unreleased(connector_id)).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let census = self.census().await?;
        let ports = &self.0.ports;
        let margin = i64::try_from(margin.as_millis()).unwrap_or(i64::MAX);
        let boot = ports.clock.boot_time().millis.saturating_add(margin);
        for row in &rows {
            let lease = read(row)?;
            let is_held = lease.run == run && !census.is_gone(&lease.owner, ports);
            if is_held && census.shares_boot(&lease.owner) && lease.boot_deadline <= boot {
                return Ok(Some(lease));
            }
        }
        Ok(None)
    }

    fn live(&self, rows: &[Row], census: &Census) -> Result<Vec<Lease>> {
        let mut leases = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
        leases.retain(|lease| self.is_live(lease, census));
        Ok(leases)
    }

    fn is_live(&self, lease: &Lease, census: &Census) -> bool {
        if census.is_gone(&lease.owner, &self.0.ports) {
            return false;
        }
        if census.shares_boot(&lease.owner) {
            self.0.ports.clock.boot_time().millis < lease.boot_deadline
        } else {
            // Boot times of another host do not compare; the wall clock is all there is.
            self.0.ports.clock.now() < lease.deadline
        }
    }
}

impl Writer {
    /// Pauses a connector's scheduler for `limit` at the longest, for one branch of the run. Pauses of
    /// one run nest.
    ///
    /// # Errors
    /// `SchedulerBusy` where another run's lease is live, naming run, reason and deadline;
    /// `ConnectorUnknown`.
    pub async fn pause_scheduler(
        &self,
        connector_id: &str,
        branch: &str,
        reason: &str,
        limit: Duration,
    ) -> Result<Lease> {
        let ports = &self.store().0.ports;
        let limit_millis = i64::try_from(limit.as_millis()).unwrap_or(i64::MAX);
        let (now, boot) = (ports.clock.now(), ports.clock.boot_time());
        let mut lease = Lease {
            id: self.store().new_id(),
            connector_id: connector_id.to_owned(),
            run: self.run().0.clone(),
            branch: branch.to_owned(),
            depth: 1,
            reason: reason.to_owned(),
            taken_at: now,
            deadline: now.plus(limit),
            boot_deadline: boot.millis.saturating_add(limit_millis),
            owner: self.owner().clone(),
        };
        let mut change = self.begin().await?;
        let result = async {
            // The connector's row is locked first, so that two hosts cannot both find it free.
            lock_connector(&mut change, connector_id).await?;
            let live = self.live_in(&mut change, connector_id).await?;
            if let Some(other) = live.iter().find(|other| other.run != lease.run) {
                return Err(busy(other));
            }
            lease.depth = live.iter().map(|other| other.depth).max().unwrap_or(0) + 1;
            change.execute(inserted(&lease)?).await?;
            Ok(lease)
        }
        .await;
        self.finish(change, result).await
    }

    /// Takes back the innermost pause of a branch of this run; answers how many of its pauses are left.
    ///
    /// # Errors
    /// `SchedulerNotPaused` where that branch has no live lease.
    pub async fn resume_scheduler(&self, connector_id: &str, branch: &str) -> Result<usize> {
        let mut change = self.begin().await?;
        let result = async {
            let mut mine = self.live_in(&mut change, connector_id).await?;
            mine.retain(|lease| lease.run == self.run().0 && lease.branch == branch);
            let Some(innermost) = mine.iter().max_by_key(|lease| lease.depth) else {
                return Err(not_paused(self.run()));
            };
            change.execute(released(&innermost.id, self.now())).await?;
            Ok(mine.len() - 1)
        }
        .await;
        self.finish(change, result).await
    }

    /// Takes back one lease, whoever's it is; no error where it is taken back already.
    ///
    /// # Errors
    /// As the database says.
    pub async fn release_lease(&self, id: &str) -> Result<()> {
        let mut change = self.begin().await?;
        let result = change.execute(released(id, self.now())).await.map(drop);
        self.finish(change, result).await
    }

    async fn live_in(
        &self,
        change: &mut Transaction<'_>,
        connector_id: &str,
    ) -> Result<Vec<Lease>> {
        let rows = change.rows(unreleased(connector_id)).await?;
        let epochs = change.rows(Query::new("SELECT host_id, epoch FROM writers")).await?;
        let census = self.store().census_from(&epochs)?;
        self.store().live(&rows, &census)
    }
}

pub(crate) async fn lock_connector(change: &mut Transaction<'_>, id: &str) -> Result<()> {
    let locked = Query::new("UPDATE connectors SET name = name WHERE id = $1").bind(id);
    if change.execute(locked).await? == 0 {
        return Err(Diagnostic::new(
            Code::ConnectorUnknown,
            format!("There is no connector of id {id}"),
        )
        .next("Look which there are with: credwright connectors"));
    }
    Ok(())
}

fn unreleased(connector_id: &str) -> Query {
    Query::new(
        "SELECT * FROM leases WHERE connector_id = $1 AND released_at IS NULL \
         ORDER BY taken_at, depth",
    )
    .bind(connector_id)
}

fn released(id: &str, now: Timestamp) -> Query {
    Query::new("UPDATE leases SET released_at = $2 WHERE id = $1 AND released_at IS NULL")
        .bind(id)
        .bind(now)
}

fn inserted(lease: &Lease) -> Result<Query> {
    let query = Query::new(
        "INSERT INTO leases (id, connector_id, run, depth, reason, taken_at, deadline, \
         boot_deadline, branch, owner) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(&lease.id)
    .bind(&lease.connector_id)
    .bind(&lease.run)
    .bind(lease.depth)
    .bind(&lease.reason)
    .bind(lease.taken_at)
    .bind(lease.deadline)
    .bind(lease.boot_deadline)
    .bind(&lease.branch);
    query.bind_json(&lease.owner)
}

/// The refusal because of another run's lease.
pub(crate) fn busy(lease: &Lease) -> Diagnostic {
    let Lease { run, reason, deadline, .. } = lease;
    Diagnostic::new(
        Code::SchedulerBusy,
        format!("Run {run} has paused the scheduler until {deadline} at the latest: {reason}"),
    )
    .repeat(base::Repeat::Later)
    .next("Wait until that run has ended, then try again.")
}

fn not_paused(run: &effect::RunId) -> Diagnostic {
    Diagnostic::new(Code::SchedulerNotPaused, format!("Run {run} has not paused the scheduler"))
        .meaning("Only the run that paused a scheduler can resume it; a lease ends with its run.")
        .next("Look who paused it with: get_scheduler")
}

fn read(row: &Row) -> Result<Lease> {
    Ok(Lease {
        id: row.text("id")?,
        connector_id: row.text("connector_id")?,
        run: row.text("run")?,
        branch: row.text("branch")?,
        depth: row.number("depth")?,
        reason: row.text("reason")?,
        taken_at: row.time("taken_at")?,
        deadline: row.time("deadline")?,
        boot_deadline: row.number("boot_deadline")?,
        owner: row.json("owner")?,
    })
}
