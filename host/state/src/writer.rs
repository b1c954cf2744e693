//! The one writer of a host.

use std::fmt;

use base::disk::{LockAttempt, LockGuard};
use base::process::ProcessIdentity;
use base::{Code, Diagnostic, Repeat, Result, Timestamp};
use effect::RunId;
use serde::{Deserialize, Serialize};

use crate::database::Transaction;
use crate::error;
use crate::owner::Owner;
use crate::query::Query;
use crate::store::Store;

/// What somebody writes for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purpose {
    /// The run.
    pub run: RunId,
    /// The script, or what else is done.
    pub script: String,
}

/// What the lock file says of its holder.
#[derive(Serialize, Deserialize)]
struct Holder {
    run: String,
    script: String,
    process: ProcessIdentity,
    since: Timestamp,
    host: String,
}

/// The right to write. It holds the kernel lock of the state folder until it is dropped, or the
/// process ends.
pub struct Writer {
    store: Store,
    run: RunId,
    owner: Owner,
    /// The owner as it stands in the epoch's row: a state that was restored underneath may have the
    /// same number there, but never the same run and owner.
    proof: String,
    _lock: Box<dyn LockGuard>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("run", &self.run).field("owner", &self.owner).finish()
    }
}

impl Store {
    /// Takes the kernel lock and becomes the writer of this host. Whoever was it before can write
    /// nothing any more.
    ///
    /// # Errors
    /// `StateLocked` where another run holds the lock, naming it; `DiskFull`, `StateDatabase`.
    pub async fn begin_writing(&self, purpose: Purpose) -> Result<Writer> {
        let ports = &self.0.ports;
        let holder = Holder {
            run: purpose.run.0.clone(),
            script: purpose.script,
            process: ports.process.identity(),
            since: ports.clock.now(),
            host: ports.process.host_name(),
        };
        let text = serde_json::to_string(&holder).map_err(|error| {
            Diagnostic::new(Code::Internal, "The lock's holder cannot be written").source(&error)
        })?;
        let path = self.0.folder.lock_file();
        let lock = match ports.disk.lock(&path, &text).map_err(|e| error::disk(&path, &e))? {
            LockAttempt::Held(guard) => guard,
            LockAttempt::Taken(holder) => return Err(locked(&holder)),
        };
        let owner = Owner {
            host_id: self.0.host.id.clone(),
            boot_id: ports.clock.boot_time().boot_id,
            process: holder.process,
            epoch: 0,
        };
        let proof = serde_json::to_string(&owner).map_err(|error| {
            Diagnostic::new(Code::Internal, "The owner of a run cannot be written").source(&error)
        })?;
        // A process that lives long may have another file open than the one that is there now.
        self.0.database.leave_replaced(&*ports.clock).await;
        let mut writer =
            Writer { store: self.clone(), run: purpose.run, owner, proof, _lock: lock };
        writer.owner.epoch = writer.raise_epoch(holder.since).await?;
        Ok(writer)
    }
}

impl Writer {
    async fn raise_epoch(&self, since: Timestamp) -> Result<i64> {
        let lent = self.store.0.database.lend(&*self.store.0.ports.clock).await?;
        let mut change = lent.begin_relaxed().await?;
        let result = async {
            let raised = Query::new(
                "INSERT INTO writers (host_id, epoch, run, owner, since) VALUES ($1, 1, $2, $3, $4) \
                 ON CONFLICT (host_id) DO UPDATE SET epoch = writers.epoch + 1, \
                 run = excluded.run, owner = excluded.owner, since = excluded.since \
                 RETURNING epoch",
            )
            .bind(&self.owner.host_id)
            .bind(&self.run.0)
            .bind(&self.proof)
            .bind(since);
            let row = change.row(raised).await?;
            let epoch = row
                .map(|row| row.number("epoch"))
                .transpose()?
                .ok_or_else(|| error::damaged_record("epoch", "no epoch was given"))?;
            self.begin_chain(&mut change).await?;
            Ok(epoch)
        }
        .await;
        self.finish(change, result).await
    }

    /// The store, for reading.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The run that is written for.
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// This process, as records name it.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.store.0.ports.clock.now()
    }

    /// Begins a transaction that proves that nobody took over. The proof locks the epoch's row, so
    /// that nobody can take over before the transaction ends.
    pub(crate) async fn begin(&self) -> Result<Transaction<'_>> {
        let lent = self.store.0.database.lend(&*self.store.0.ports.clock).await?;
        self.prove(lent.begin().await?).await
    }

    /// As [`Writer::begin`], for what need not outlive a power failure.
    pub(crate) async fn begin_relaxed(&self) -> Result<Transaction<'_>> {
        let lent = self.store.0.database.lend(&*self.store.0.ports.clock).await?;
        self.prove(lent.begin_relaxed().await?).await
    }

    async fn prove<'a>(&self, mut change: Transaction<'a>) -> Result<Transaction<'a>> {
        if let Err(error) = change.check_file() {
            return change.finish(Err(error), &|| Ok(())).await;
        }
        let proof = Query::new(
            "UPDATE writers SET epoch = epoch \
             WHERE host_id = $1 AND epoch = $2 AND run = $3 AND owner = $4",
        )
        .bind(&self.owner.host_id)
        .bind(self.owner.epoch)
        .bind(&self.run.0)
        .bind(&self.proof);
        match change.execute(proof).await {
            Ok(1) => Ok(change),
            Ok(_) => change.finish(Err(self.lost()), &|| Ok(())).await,
            Err(error) => change.finish(Err(error), &|| Ok(())).await,
        }
    }

    pub(crate) async fn finish<T>(&self, change: Transaction<'_>, result: Result<T>) -> Result<T> {
        change.finish(result, &|| self.store.before_commit()).await
    }

    fn lost(&self) -> Diagnostic {
        Diagnostic::new(
            Code::StateLostLock,
            format!("Run {} lost its right to write: another process took over", self.run),
        )
        .meaning("Nothing was written. What this run was about to do is left to the other one.")
        .next("Look at what happened meanwhile with: credwright events")
    }
}

/// The refusal of a second writer. `holder` is what the first one wrote into the lock file.
pub(crate) fn locked(holder: &str) -> Diagnostic {
    // The holder writes its name right after it took the lock, so there may be none yet.
    let Ok(holder) = serde_json::from_str::<Holder>(holder) else {
        return Diagnostic::new(Code::StateLocked, "Another process is working on this state")
            .repeat(Repeat::Later)
            .next("Wait until it ends, then run the command again.");
    };
    let Holder { run, script, process, since, host } = holder;
    let pid = process.pid;
    Diagnostic::new(
        Code::StateLocked,
        format!(
            "Run {run} ({script}) is working on this state: process {pid} on {host}, since {since}"
        ),
    )
    .repeat(Repeat::Later)
    .next(format!(
        "Wait until it ends, then run the command again. If it hangs, look at it with: ps -fp {pid}"
    ))
}
