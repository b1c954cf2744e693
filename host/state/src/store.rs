//! The store: opening it, and everything that only reads.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base::disk::LockAttempt;
use base::{Code, Diagnostic, Ports, Result, SecretText};
use effect::RunId;

use crate::audit::AuditKey;
use crate::database::{Database, Transaction};
use crate::dialect::Dialect;
use crate::error;
use crate::folder::{Folder, HostIdentity};
use crate::owner::Census;
use crate::query::{Query, Row};
use crate::schema::{self, Found, MIGRATIONS, Migrations};

/// Where the state is kept.
#[derive(Clone, Debug)]
pub struct Place {
    /// The state folder. It holds the lock, the host's identity and, by default, the database.
    pub folder: PathBuf,
    /// The address of a PostgreSQL database that several hosts share; SQLite in the folder without.
    pub database: Option<SecretText>,
}

/// The state of a host, for reading. Cheap to clone. [`Store::begin_writing`] makes a writer.
#[derive(Clone)]
pub struct Store(pub(crate) Arc<Opened>);

pub(crate) struct Opened {
    pub(crate) ports: Ports,
    pub(crate) folder: Folder,
    pub(crate) host: HostIdentity,
    pub(crate) key: AuditKey,
    pub(crate) database: Arc<Database>,
    /// Where the end of the audit chain is kept, outside the state folder.
    pub(crate) anchor: Option<PathBuf>,
    in_memory: bool,
}

impl Store {
    /// Opens the state at `place`, making it where there is none yet.
    ///
    /// # Errors
    /// `StateFolder` where the folder is not this user's alone, `StateNewer` where a newer version
    /// wrote the state (nothing is touched then), `StateCorrupt`, `StateDatabase`, `DiskFull`,
    /// `ConfigurationInvalid` for a wrong address.
    pub async fn open(ports: &Ports, place: &Place) -> Result<Self> {
        Self::open_with(ports, place, MIGRATIONS).await
    }

    async fn open_with(ports: &Ports, place: &Place, migrations: Migrations) -> Result<Self> {
        let sqlite = place.database.is_none();
        let folder = Folder::open(&place.folder, ports, sqlite)?;
        let database = match &place.database {
            None => {
                let file = folder.0.database_file();
                Database::new(Dialect::Sqlite, &sqlite_address(&file)?, false)?
                    .of_file(file, ports.disk.clone())
            }
            Some(address) => Database::new(Dialect::Postgres, address.expose(), false)?,
        };
        let store = Self::of(ports, folder, Arc::new(database), false);
        store.bring_up(migrations).await
    }

    /// Opens a new state in memory, for virtual worlds. Its folder, lock and identity are on the
    /// world's own disk, and nothing is committed that this disk has no room for.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn in_memory(ports: &Ports, folder: &Path) -> Result<Self> {
        let folder = Folder::open(folder, ports, true)?;
        let database = Database::new(Dialect::Sqlite, "sqlite::memory:?cache=private", true)?;
        let store = Self::of(ports, folder, Arc::new(database), true);
        store.bring_up(MIGRATIONS).await
    }

    /// The same database seen by another process of a virtual world, after a crash for instance.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn reopen(&self, ports: &Ports) -> Result<Self> {
        let folder = Folder::open(&self.0.folder.path, ports, true)?;
        Ok(Self::of(ports, folder, self.0.database.clone(), self.0.in_memory))
    }

    /// The same store, which keeps the end of its audit chain in `file` too. The file belongs outside
    /// the state folder, so that what happens to the state does not happen to it.
    #[must_use]
    pub fn anchored(&self, file: &Path) -> Self {
        let Opened { ports, folder, host, key, database, in_memory, .. } = &*self.0;
        Self(Arc::new(Opened {
            ports: ports.clone(),
            folder: folder.clone(),
            host: host.clone(),
            key: key.clone(),
            database: database.clone(),
            anchor: Some(file.to_owned()),
            in_memory: *in_memory,
        }))
    }

    fn of(
        ports: &Ports,
        (folder, host, key): (Folder, HostIdentity, AuditKey),
        database: Arc<Database>,
        in_memory: bool,
    ) -> Self {
        let ports = ports.clone();
        Self(Arc::new(Opened { ports, folder, host, key, database, anchor: None, in_memory }))
    }

    /// Brings the schema to this program's version, where it is older. While a run of the old
    /// version works, its tables are left alone.
    async fn bring_up(self, migrations: Migrations) -> Result<Self> {
        let clock = &*self.0.ports.clock;
        let Found::Older(version) = schema::look(&self.0.database, clock, migrations).await? else {
            return Ok(self);
        };
        let path = self.0.folder.lock_file();
        let _held = if version == 0 {
            None
        } else {
            match self.0.ports.disk.lock(&path, "").map_err(|e| error::disk(&path, &e))? {
                LockAttempt::Held(guard) => Some(guard),
                LockAttempt::Taken(holder) => return Err(crate::writer::locked(&holder)),
            }
        };
        let before_commit = || self.before_commit();
        schema::migrate(&self.0.database, clock, migrations, &before_commit).await?;
        Ok(self)
    }

    /// Lets go of the database and waits until it is closed. SQLite tidies its files then; it need
    /// not be called, as nothing is lost without.
    ///
    /// # Errors
    /// As the database says.
    pub async fn close(&self) -> Result<()> {
        self.0.database.close(&*self.0.ports.clock).await
    }

    /// Which host this is, and whether it still is the machine that it was.
    pub fn host(&self) -> &HostIdentity {
        &self.0.host
    }

    /// The state folder.
    pub fn folder(&self) -> &Path {
        &self.0.folder.path
    }

    /// The ports of the world that this store lives in.
    pub fn ports(&self) -> &Ports {
        &self.0.ports
    }

    /// A new id for a run: 14 characters, of which the first nine grow with time.
    pub fn new_run_id(&self) -> RunId {
        // Crockford's alphabet: no letter is mistaken for a digit, and it sorts like its numbers.
        const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        let letters = |number: u64, count: u32| -> String {
            let letter = |place| ALPHABET[((number >> (5 * place)) & 31) as usize] as char;
            (0..count).rev().map(letter).collect()
        };
        let millis = u64::try_from(self.0.ports.clock.now().as_millis()).unwrap_or(0);
        let chance = self.0.ports.random.below(1 << 20);
        RunId(format!("{}-{}", letters(millis, 9), letters(chance, 4)))
    }

    pub(crate) async fn rows(&self, query: Query) -> Result<Vec<Row>> {
        self.0.database.lend(&*self.0.ports.clock).await?.rows(query).await
    }

    pub(crate) async fn row(&self, query: Query) -> Result<Option<Row>> {
        Ok(self.rows(query).await?.into_iter().next())
    }

    /// Begins a transaction that reads one state of everything.
    pub(crate) async fn reading(&self) -> Result<Transaction<'_>> {
        self.0.database.lend(&*self.0.ports.clock).await?.begin_reading().await
    }

    /// Who is still there, for records that end with their makers.
    pub(crate) async fn census(&self) -> Result<Census> {
        let rows = self.rows(Query::new("SELECT host_id, epoch FROM writers")).await?;
        self.census_from(&rows)
    }

    pub(crate) fn census_from(&self, rows: &[Row]) -> Result<Census> {
        let epochs = rows
            .iter()
            .map(|row| Ok((row.text("host_id")?, row.number("epoch")?)))
            .collect::<Result<HashMap<_, _>>>()?;
        let boot_id = self.0.ports.clock.boot_time().boot_id;
        Ok(Census::new(&self.0.host.id, boot_id, epochs))
    }

    /// A database in memory counts as a file of its world: it fails as that world's disk fails.
    pub(crate) fn before_commit(&self) -> Result<()> {
        if !self.0.in_memory {
            return Ok(());
        }
        let path = self.0.folder.database_file();
        self.0.ports.disk.write_atomic(&path, b"", 0o600).map_err(|e| error::disk(&path, &e))
    }
}

/// The address of a file; whatever has a meaning in addresses is written as a code.
fn sqlite_address(file: &Path) -> Result<String> {
    let absolute = std::path::absolute(file).map_err(|e| error::disk(file, &e))?;
    let text = absolute.to_str().ok_or_else(|| {
        Diagnostic::new(
            Code::StateFolder,
            format!("The path of the state folder is not UTF-8: {}", file.display()),
        )
        .next("Name another place with --home.")
    })?;
    let mut address = "sqlite://".to_owned();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            address.push(byte as char);
        } else {
            address.push_str(&format!("%{byte:02X}"));
        }
    }
    Ok(address + "?mode=rw")
}

#[cfg(test)]
mod tests {
    use base::disk::SystemDisk;
    use base::process::SystemProcess;
    use base::random::SeededRandom;
    use base::{Applied, Timestamp};

    use super::*;
    use crate::writer::{Purpose, Writer};

    const UP: Migrations =
        &[MIGRATIONS[0], MIGRATIONS[1], MIGRATIONS[2], "ALTER TABLE runs ADD COLUMN note TEXT"];
    const HALF: Migrations = &[
        MIGRATIONS[0],
        MIGRATIONS[1],
        MIGRATIONS[2],
        "CREATE TABLE x (y TEXT)",
        "CREATE TABLE runs (z TEXT)",
    ];

    struct Bench {
        _folder: tempfile::TempDir,
        ports: Ports,
        place: Place,
    }

    fn bench() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let place = Place { folder: folder.path().join("state"), database: None };
        let ports = Ports {
            clock: Arc::new(base::clock::SystemClock),
            random: Arc::new(SeededRandom::new(1)),
            disk: Arc::new(SystemDisk),
            process: Arc::new(SystemProcess),
            executor: Arc::new(base::executor::TokioExecutor(tokio::runtime::Handle::current())),
        };
        Bench { _folder: folder, ports, place }
    }

    impl Bench {
        async fn open(&self, migrations: Migrations) -> Result<Store> {
            Store::open_with(&self.ports, &self.place, migrations).await
        }
    }

    async fn write(store: &Store) -> Writer {
        let purpose = Purpose { run: store.new_run_id(), script: "test".to_owned() };
        store.begin_writing(purpose).await.unwrap()
    }

    #[tokio::test]
    async fn an_upgrade_waits_for_the_run_of_the_old_version() {
        let bench = bench();
        let store = bench.open(MIGRATIONS).await.unwrap();
        let writer = write(&store).await;
        assert_eq!(bench.open(UP).await.err().unwrap().code, Code::StateLocked);
        drop(writer);
        let error = bench.open(HALF).await.err().unwrap();
        assert_eq!(error.code, Code::StateDatabase);
        bench.open(MIGRATIONS).await.expect("a failed upgrade leaves the old version");

        let new = bench.open(UP).await.unwrap();
        new.rows(Query::new("SELECT note FROM runs")).await.unwrap();
        assert_eq!(bench.open(MIGRATIONS).await.err().unwrap().code, Code::StateNewer);
    }

    #[tokio::test]
    async fn what_is_older_than_the_chain_is_kept_and_not_covered() {
        let bench = bench();
        let old = bench.open(&[include_str!("schema/0001.sql")]).await.unwrap();
        let mut lent = old.0.database.lend(&*bench.ports.clock).await.unwrap();
        lent.script(
            "INSERT INTO runs (id, script, parameters, started_at, status, owner) \
             VALUES ('old', 's', 'null', 1, 'running', '{}'); \
             INSERT INTO calls (run, branch, sequence, cmdlet, arguments, began_at, began_record) \
             VALUES ('old', '', 1, 'c', '{}', 1, 1); UPDATE counters SET value = 1 \
             WHERE name = 'record'",
        )
        .await
        .unwrap();
        drop(lent);
        old.close().await.unwrap();
        let store = bench.open(MIGRATIONS).await.unwrap();
        assert!(store.verify_audit().await.unwrap().is_intact());
        let writer = write(&store).await;
        let new = crate::NewRun { script: "new".to_owned(), ..crate::NewRun::default() };
        writer.begin_run(new).await.unwrap();
        let report = store.verify_audit().await.unwrap();
        assert_eq!((report.findings, report.runs), (vec![], 2));

        // The run of the old version goes on, and is covered from then on.
        drop(writer);
        let purpose = Purpose { run: RunId("old".to_owned()), script: "s".to_owned() };
        let writer = store.begin_writing(purpose).await.unwrap();
        writer.resume_run(crate::RunStatus::Running).await.unwrap();
        writer.end_run(crate::RunStatus::Done, 0).await.unwrap();
        assert_eq!(store.verify_audit().await.unwrap().findings, []);
        let mut lent = store.0.database.lend(&*bench.ports.clock).await.unwrap();
        lent.script("UPDATE runs SET exit_code = 1 WHERE id = 'old'").await.unwrap();
        drop(lent);
        assert_eq!(store.verify_audit().await.unwrap().findings.len(), 1);
    }

    #[tokio::test]
    async fn a_full_disk_changes_nothing_and_passes() {
        let bench = bench();
        let store = bench.open(MIGRATIONS).await.unwrap();
        let writer = write(&store).await;
        let limit = async |pages: &'static str| {
            let mut lent = store.0.database.lend(&*bench.ports.clock).await.unwrap();
            lent.script(pages).await.unwrap();
        };
        let great = "x".repeat(1 << 20);
        let new = || crate::NewRun { script: great.clone(), ..crate::NewRun::default() };
        limit("PRAGMA max_page_count = 1").await;
        let error = writer.begin_run(new()).await.unwrap_err();
        assert_eq!((error.code, error.applied), (Code::DiskFull, Applied::No));
        assert!(error.next.is_some());
        limit("PRAGMA max_page_count = 1000000").await;
        writer.begin_run(new()).await.unwrap();
    }

    #[tokio::test]
    async fn run_ids_sort_by_time() {
        let store = bench().open(MIGRATIONS).await.unwrap();
        let id = store.new_run_id();
        assert_eq!(id.0.len(), 14);
        let clock =
            base::virtual_world::VirtualClock::new(Timestamp::from_seconds(i64::from(u32::MAX)));
        let ports = Ports { clock: Arc::new(clock), ..store.0.ports.clone() };
        let later = store.reopen(&ports).await.unwrap().new_run_id();
        assert!(later > id, "{later} after {id}");
    }
}
