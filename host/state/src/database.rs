//! The one connection of a store, and transactions on it.
//!
//! A store has one connection of its own instead of a pool: there is one writer anyway, and a pool
//! brings timers, background tasks and a round trip at every release, which virtual worlds and
//! the start of a process pay for.

use std::path::PathBuf;
use std::sync::Arc;

use base::clock::Hold;
use base::disk::{Disk, FileIdentity};
use base::{Clock, Code, Diagnostic, Result};
use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, ConnectOptions, Connection, Executor};
use tokio::sync::{Mutex, MutexGuard};

use crate::dialect::{Dialect, Failure, classify};
use crate::error::{Phase, database as failed};
use crate::query::{Query, Row};

/// Called before each commit: a database in memory asks its world's disk for room.
pub(crate) type BeforeCommit<'a> = &'a (dyn Fn() -> Result<()> + Send + Sync);

pub(crate) struct Database {
    pub(crate) dialect: Dialect,
    options: AnyConnectOptions,
    line: Mutex<Line>,
    in_memory: bool,
    /// SQLite's file, and the disk that it is on.
    file: Option<DatabaseFile>,
}

struct DatabaseFile {
    path: PathBuf,
    disk: Arc<dyn Disk>,
}

impl DatabaseFile {
    /// Which file is there now; none where there is none, or the disk does not tell.
    fn identity(&self) -> Option<FileIdentity> {
        self.disk.identity(&self.path).ok().flatten()
    }
}

#[derive(Default)]
struct Line {
    connection: Option<AnyConnection>,
    /// Which file the connection has open.
    opened: Option<FileIdentity>,
    /// A transaction was begun and its end not seen: its future may have been dropped.
    unfinished: bool,
    /// The connection was told that a commit need not reach the disk.
    relaxed: bool,
}

impl Database {
    /// A database at `address`; nothing is connected yet.
    ///
    /// # Errors
    /// `ConfigurationInvalid` where the address is none.
    pub(crate) fn new(dialect: Dialect, address: &str, in_memory: bool) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let options: AnyConnectOptions = address.parse().map_err(|error: sqlx::Error| {
            Diagnostic::new(Code::ConfigurationInvalid, "The address of the database is wrong")
                .next("Write it as postgres://USER:PASSWORD@HOST/DATABASE.")
                .source(&error)
        })?;
        let options = options.disable_statement_logging();
        Ok(Self { dialect, options, line: Mutex::default(), in_memory, file: None })
    }

    /// The same, of the file at `path`: a connection notices when another one takes its place.
    pub(crate) fn of_file(self, path: PathBuf, disk: Arc<dyn Disk>) -> Self {
        Self { file: Some(DatabaseFile { path, disk }), ..self }
    }

    /// Lets go of a connection whose file was replaced or removed; the next use connects anew.
    pub(crate) async fn leave_replaced(&self, clock: &dyn Clock) {
        let _hold = clock.hold();
        let mut line = self.line.lock().await;
        if line.connection.is_some() && self.is_replaced(&line) {
            *line = Line::default();
        }
    }

    fn is_replaced(&self, line: &Line) -> bool {
        // Where it is not known which file was opened there is nothing to compare.
        let now = self.file.as_ref().map(DatabaseFile::identity);
        now.is_some_and(|now| line.opened.is_some() && now != line.opened)
    }

    /// Lends the connection, connecting first where needed. Virtual time stands still meanwhile:
    /// this is the only place where the outside is awaited.
    pub(crate) async fn lend(&self, clock: &dyn Clock) -> Result<Lent<'_>> {
        let hold = clock.hold();
        let mut line = self.line.lock().await;
        if line.connection.is_none() {
            // Looked at before and after, so that what was opened in between is known for sure.
            let opened = self.file.as_ref().and_then(DatabaseFile::identity);
            let connection = Some(self.connect().await?);
            *line = Line { connection, opened, ..Line::default() };
            if self.is_replaced(&line) {
                *line = Line::default();
                return Err(replaced());
            }
        }
        let mut lent = Lent { line, database: self, _hold: hold };
        lent.tidy().await?;
        Ok(lent)
    }

    /// Closes the connection, if there is one; the next use connects again. A database in memory
    /// would be lost by it and stays.
    pub(crate) async fn close(&self, clock: &dyn Clock) -> Result<()> {
        if self.in_memory {
            return Ok(());
        }
        let _hold = clock.hold();
        let line = std::mem::take(&mut *self.line.lock().await);
        match line.connection {
            Some(connection) => connection.close().await.map_err(|e| failed(&e, Phase::Work)),
            None => Ok(()),
        }
    }

    async fn connect(&self) -> Result<AnyConnection> {
        let mut connection =
            self.options.connect().await.map_err(|error| failed(&error, Phase::Work))?;
        connection
            .execute(sqlx::raw_sql(self.dialect.prepare()))
            .await
            .map_err(|error| failed(&error, Phase::Work))?;
        Ok(connection)
    }
}

/// The connection, as long as it is lent.
pub(crate) struct Lent<'a> {
    line: MutexGuard<'a, Line>,
    database: &'a Database,
    _hold: Hold,
}

impl<'a> Lent<'a> {
    /// Whether the connection still has the file open that is there.
    fn check_file(&self) -> Result<()> {
        if self.database.is_replaced(&self.line) { Err(replaced()) } else { Ok(()) }
    }

    fn connection(&mut self) -> Result<&mut AnyConnection> {
        self.line.connection.as_mut().ok_or_else(|| {
            Diagnostic::new(Code::StateDatabase, "The connection to the state database was lost")
                .next("Try again.")
        })
    }

    /// The rows of a query.
    pub(crate) async fn rows(&mut self, query: Query) -> Result<Vec<Row>> {
        let query = query.prepare()?;
        let result = self.connection()?.fetch_all(query).await;
        result
            .map(|rows| rows.into_iter().map(Row).collect())
            .map_err(|error| self.fail(&error, Phase::Work))
    }

    /// The first row of a query, or none where the table does not exist yet.
    pub(crate) async fn row_if_table(&mut self, query: Query) -> Result<Option<Row>> {
        let query = query.prepare()?;
        match self.connection()?.fetch_optional(query).await {
            Ok(row) => Ok(row.map(Row)),
            Err(error) if classify(&error) == Failure::MissingTable => Ok(None),
            Err(error) => Err(self.fail(&error, Phase::Work)),
        }
    }

    /// Runs a statement; answers how many rows it changed.
    pub(crate) async fn execute(&mut self, query: Query) -> Result<u64> {
        match self.try_execute(query).await? {
            Ok(count) => Ok(count),
            Err(error) => Err(self.fail(&error, Phase::Work)),
        }
    }

    async fn try_execute(&mut self, query: Query) -> Result<Result<u64, sqlx::Error>> {
        let query = query.prepare()?;
        let done = self.connection()?.execute(query).await;
        Ok(done.map(|done| done.rows_affected()))
    }

    /// Runs several statements without values.
    pub(crate) async fn script(&mut self, sql: &'static str) -> Result<()> {
        let done = self.connection()?.execute(sqlx::raw_sql(sql)).await;
        done.map(drop).map_err(|error| self.fail(&error, Phase::Work))
    }

    /// Turns a failure into a diagnostic, and lets go of a connection that is dead.
    fn fail(&mut self, error: &sqlx::Error, phase: Phase) -> Diagnostic {
        if classify(error) == Failure::Lost && !self.database.in_memory {
            *self.line = Line::default();
        }
        failed(error, phase)
    }

    /// Ends what a dropped or failed transaction left open.
    async fn tidy(&mut self) -> Result<()> {
        if self.line.unfinished {
            // Where the database ended the transaction by itself there is nothing to roll back.
            let _ = self.script("ROLLBACK").await;
            self.line.unfinished = false;
        }
        if self.line.relaxed {
            self.script(self.database.dialect.tighten()).await?;
            self.line.relaxed = false;
        }
        Ok(())
    }

    /// Begins a transaction that writes.
    pub(crate) async fn begin(self) -> Result<Transaction<'a>> {
        let begin = self.database.dialect.begin();
        self.begin_with(begin).await
    }

    /// Begins a transaction that writes and need not outlive a power failure.
    pub(crate) async fn begin_relaxed(mut self) -> Result<Transaction<'a>> {
        self.line.relaxed = true;
        self.script(self.database.dialect.relax()).await?;
        let begin = self.database.dialect.begin();
        self.begin_with(begin).await
    }

    /// Begins a transaction that reads one state of everything.
    pub(crate) async fn begin_reading(self) -> Result<Transaction<'a>> {
        let begin = self.database.dialect.begin_reading();
        self.begin_with(begin).await
    }

    async fn begin_with(mut self, begin: &'static str) -> Result<Transaction<'a>> {
        self.line.unfinished = true;
        self.script(begin).await?;
        Ok(Transaction { lent: self })
    }
}

/// A transaction. It must be [finished](Transaction::finish); one that is dropped is rolled back
/// when the connection is lent next.
pub(crate) struct Transaction<'a> {
    lent: Lent<'a>,
}

/// The refusal to write into a file that nobody will read again.
fn replaced() -> Diagnostic {
    Diagnostic::new(Code::StateLostLock, "The state database was replaced underneath this process")
        .meaning("Nothing was written: what is written into the old file would be lost.")
        .next("Find out who restored or removed state.db, then run the command again.")
}

impl Transaction<'_> {
    /// Whether the file is still the one that was opened.
    pub(crate) fn check_file(&self) -> Result<()> {
        self.lent.check_file()
    }

    pub(crate) async fn rows(&mut self, query: Query) -> Result<Vec<Row>> {
        self.lent.rows(query).await
    }

    pub(crate) async fn row(&mut self, query: Query) -> Result<Option<Row>> {
        Ok(self.lent.rows(query).await?.into_iter().next())
    }

    pub(crate) async fn execute(&mut self, query: Query) -> Result<u64> {
        self.lent.execute(query).await
    }

    /// Runs a statement; answers false where a record of the same key exists already. The
    /// transaction can only be rolled back then.
    pub(crate) async fn insert(&mut self, query: Query) -> Result<bool> {
        match self.lent.try_execute(query).await? {
            Ok(_) => Ok(true),
            Err(error) if classify(&error) == Failure::Unique => Ok(false),
            Err(error) => Err(self.lent.fail(&error, Phase::Work)),
        }
    }

    pub(crate) async fn script(&mut self, sql: &'static str) -> Result<()> {
        self.lent.script(sql).await
    }

    /// The next `count` numbers of a series of this store; answers the first.
    pub(crate) async fn numbers(&mut self, series: &'static str, count: i64) -> Result<i64> {
        let taken =
            Query::new("UPDATE counters SET value = value + $1 WHERE name = $2 RETURNING value")
                .bind(count)
                .bind(series);
        let row = self.row(taken).await?.ok_or_else(|| {
            crate::error::damaged_record("counters", format!("there is no series '{series}'"))
        })?;
        Ok(row.number("value")? - count + 1)
    }

    /// Commits where `result` is good, rolls back where it is not, and gives it back.
    pub(crate) async fn finish<T>(
        mut self,
        result: Result<T>,
        before_commit: BeforeCommit<'_>,
    ) -> Result<T> {
        let result = match result {
            Ok(value) => self.commit(before_commit).await.map(|()| value),
            Err(error) => Err(error),
        };
        // What cannot be tidied now is tidied before the connection is lent again.
        let _ = self.lent.tidy().await;
        result
    }

    async fn commit(&mut self, before_commit: BeforeCommit<'_>) -> Result<()> {
        before_commit()?;
        self.lent.check_file()?;
        let done = self.lent.connection()?.execute(sqlx::raw_sql("COMMIT")).await;
        done.map_err(|error| self.lent.fail(&error, Phase::Commit))?;
        self.lent.line.unfinished = false;
        Ok(())
    }
}
