//! What a case works with: a store on either database, whose clock and processes it can move.

use std::collections::HashSet;
use std::future::Future;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base::clock::{BootTime, Clock};
use base::disk::SystemDisk;
use base::process::{Command, Finished, Process, ProcessIdentity, SystemProcess, User};
use base::random::SeededRandom;
use base::{Ports, Result, SecretText, Timestamp};
use effect::{Permit, Removal, RemovalPermit};
use futures::future::BoxFuture;
use sqlx::{AnyConnection, Connection};
use state::{
    Connector, NewConnector, NewRun, Place, Purpose, ServiceAccount, Store, SyncJob, Writer,
};

pub type Case = fn(&Bench) -> Pin<Box<dyn Future<Output = ()> + '_>>;

/// A place for state, and the world around it.
pub struct Bench {
    pub place: Place,
    pub clock: Arc<TestClock>,
    pub process: Arc<TestProcess>,
    pub ports: Ports,
    _folder: tempfile::TempDir,
}

impl Bench {
    pub fn new(database: Option<SecretText>, seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place { folder: folder.path().join("state"), database };
        let clock = Arc::new(TestClock::default());
        let process = Arc::new(TestProcess::default());
        let ports = Ports {
            clock: clock.clone(),
            random: Arc::new(SeededRandom::new(seed)),
            disk: Arc::new(SystemDisk),
            process: process.clone(),
            executor: Arc::new(base::executor::TokioExecutor(tokio::runtime::Handle::current())),
        };
        Self { place, clock, process, ports, _folder: folder }
    }

    pub async fn open(&self) -> Store {
        Store::open(&self.ports, &self.place).await.unwrap()
    }

    /// A writer whose run has begun.
    pub async fn begin(&self, store: &Store) -> Writer {
        let writer = self.write(store).await;
        let new = NewRun { script: "test".to_owned(), ..NewRun::default() };
        writer.begin_run(new).await.unwrap();
        writer
    }

    pub async fn write(&self, store: &Store) -> Writer {
        let purpose = Purpose { run: store.new_run_id(), script: "test".to_owned() };
        store.begin_writing(purpose).await.unwrap()
    }

    /// Takes the writer's lock away from whoever holds it, as deleting the file does.
    pub fn break_lock(&self) {
        std::fs::remove_file(self.place.folder.join("lock")).unwrap();
    }

    /// Gives another state folder the key of this one's audit chain.
    pub fn copy_key(&self, folder: &Path) {
        std::fs::DirBuilder::new().mode(0o700).create(folder).unwrap();
        std::fs::copy(self.place.folder.join("audit.key"), folder.join("audit.key")).unwrap();
    }

    pub fn database_file(&self) -> PathBuf {
        self.place.folder.join("state.db")
    }

    /// A connection past everything that the store does.
    pub async fn raw(&self) -> AnyConnection {
        sqlx::any::install_default_drivers();
        let address = match &self.place.database {
            Some(address) => address.expose().to_owned(),
            None => format!("sqlite://{}", self.database_file().display()),
        };
        AnyConnection::connect(&address).await.unwrap()
    }

    pub async fn run_raw(&self, sql: &'static str) {
        let mut connection = self.raw().await;
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

pub fn on_sqlite(case: Case) {
    let runtime = runtime();
    let _entered = runtime.enter();
    let bench = Bench::new(None, 1);
    runtime.block_on(case(&bench));
}

/// A clock that a case moves. Nobody sleeps here.
#[derive(Default)]
pub struct TestClock(Mutex<(i64, i64, u32)>);

impl TestClock {
    /// Lets time pass on both clocks.
    pub fn pass(&self, span: Duration) {
        let millis = i64::try_from(span.as_millis()).unwrap();
        let mut state = self.0.lock().unwrap();
        state.0 += millis;
        state.1 += millis;
    }

    /// Sets the wall clock forward or, with a negative number of seconds, back.
    pub fn jump(&self, seconds: i64) {
        self.0.lock().unwrap().0 += seconds * 1000;
    }

    /// Boots the host again.
    pub fn boot(&self) {
        let mut state = self.0.lock().unwrap();
        state.1 = 0;
        state.2 += 1;
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_795_000_000_000 + self.0.lock().unwrap().0)
    }

    fn boot_time(&self) -> BootTime {
        let state = self.0.lock().unwrap();
        BootTime { boot_id: format!("boot-{}", state.2), millis: 5_000_000 + state.1 }
    }

    fn sleep(&self, _span: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

/// A host whose processes, user and machine a case chooses.
pub struct TestProcess {
    pub me: Mutex<ProcessIdentity>,
    pub gone: Mutex<HashSet<u32>>,
    pub user: Mutex<u32>,
    pub machine: Mutex<String>,
}

impl Default for TestProcess {
    fn default() -> Self {
        Self {
            me: Mutex::new(ProcessIdentity { pid: 4242, started: 1 }),
            gone: Mutex::default(),
            user: Mutex::new(SystemProcess.user().id),
            machine: Mutex::new("machine-1".to_owned()),
        }
    }
}

impl TestProcess {
    /// This process ends, and a new one goes on.
    pub fn restart(&self) {
        let mut me = self.me.lock().unwrap();
        self.gone.lock().unwrap().insert(me.pid);
        me.pid += 1;
    }
}

impl Process for TestProcess {
    fn environment(&self, _name: &str) -> Option<String> {
        None
    }

    fn user(&self) -> User {
        User { id: *self.user.lock().unwrap(), name: "admin".to_owned(), home: None }
    }

    fn host_name(&self) -> String {
        "HOST".to_owned()
    }

    fn machine_id(&self) -> Option<String> {
        Some(self.machine.lock().unwrap().clone())
    }

    fn identity(&self) -> ProcessIdentity {
        self.me.lock().unwrap().clone()
    }

    fn is_running(&self, process: &ProcessIdentity) -> bool {
        !self.gone.lock().unwrap().contains(&process.pid)
    }

    fn run(&self, _command: Command) -> BoxFuture<'static, io::Result<Finished>> {
        Box::pin(std::future::ready(Err(io::Error::other("no programs here"))))
    }
}

/// Passes the gate, with nobody to say no and nothing journalled, and acts with the permit.
pub async fn permitted<T>(act: impl AsyncFn(Permit<'_>) -> Result<T>) -> Result<T> {
    effect::trial::permitted(Arc::new(TestClock::default()), act).await
}

/// Forgets a certificate, where `judged` is the one that was judged.
pub async fn remove_certificate(writer: &Writer, sha256: &str, judged: &str) -> Result<()> {
    let removal = Removal::Certificate { certificate_sha256: judged.to_owned() };
    let act = async |permit: RemovalPermit<'_>| writer.remove_certificate(permit, sha256).await;
    effect::trial::permitted_removal(Arc::new(TestClock::default()), &removal, act).await
}

pub fn new_connector(store: &Store, name: &str) -> NewConnector {
    NewConnector {
        id: store.new_id(),
        name: name.to_owned(),
        tenant_id: "11111111-2222-3333-4444-555555555555".to_owned(),
        tenant_name: "contoso.onmicrosoft.com".to_owned(),
        sandbox: false,
        service_account: Some(ServiceAccount {
            upn: "Sync_HOST_1@contoso.onmicrosoft.com".to_owned(),
            object_id: None,
            password: Some(state::SealedText("sealed".to_owned())),
        }),
        client_id: None,
        sync_job: SyncJob::Builtin,
        run_as: None,
    }
}

pub async fn add_connector(writer: &Writer, new: &NewConnector) -> Result<Connector> {
    permitted(async |permit| writer.add_connector(permit, new.clone()).await).await
}
