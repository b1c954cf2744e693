//! A host in a virtual world.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use base::virtual_world::VirtualWorld;
use base::{Code, Diagnostic, Ports, Result, Timestamp};
use cmdlets::Context;
use cmdlets::context::{Places, Session};
use effect::Interrupt;
use effect::policy::DenyList;
use engine::{Attendance, Engine, JobRunner, Library, Run, Source, Start};
use keystore::{KeyPool, KeyStores, SoftwareStore, Vault};
use serde_json::{Value, json};
use state::{NewRun, Store};
use tenant::{Keys, Sandbox};

use crate::recorder::Recorder;
use crate::rival::Rival;
use crate::traffic::Traffic;
use crate::transport::RouterTransport;
use crate::view::{Admin, InView, keep_admin_key};

/// When every virtual world begins: 2026-11-23T12:00:00Z.
const BEGINNING: Timestamp = Timestamp::from_seconds(1_795_435_200);

pub(crate) const LOGIN: &str = "https://login.sandbox.invalid";

/// Where the state is kept.
const STATE: &str = "/home/admin/state";

/// What many worlds share because it is slow to make: RSA keys.
pub struct Workshop {
    tenant: Keys,
    connectors: Arc<KeyPool>,
}

impl Workshop {
    /// A workshop with the keys of its tenants; keys of connectors are made when first needed.
    ///
    /// # Errors
    /// Where the cryptographic library fails.
    pub fn new() -> Result<Self> {
        Ok(Self { tenant: Keys::generate()?, connectors: Arc::default() })
    }
}

/// How the admin of a virtual world answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// Yes, and types any name that is asked for.
    Everything,
    /// Yes to ordinary questions only.
    Ordinary,
    /// No.
    Nothing,
    /// Nobody is there.
    Absent,
}

/// A host in a virtual world, with its tenant, as one process of it: the first, unless it was
/// made by [`Host::restart`] and its like.
pub struct Host {
    /// Time, disk and process.
    pub world: VirtualWorld,
    /// The same as ports.
    pub ports: Ports,
    /// The tenant.
    pub sandbox: Sandbox,
    /// The state.
    pub store: Store,
    /// The request to stop.
    pub interrupt: Arc<Interrupt>,
    /// How the admin answers.
    pub answers: Arc<Mutex<Answers>>,
    /// Capabilities that policy denies.
    pub denied: Arc<Mutex<Vec<String>>>,
    pub(crate) common: Common,
    pub(crate) software: Arc<SoftwareStore>,
    recorder: Arc<Recorder>,
    pub(crate) engine: Engine,
    keystores: KeyStores,
    vault: Vault,
    tenants: Arc<InView>,
}

/// What the processes of one host share besides their world.
#[derive(Clone)]
pub(crate) struct Common {
    sandbox: Sandbox,
    answers: Arc<Mutex<Answers>>,
    denied: Arc<Mutex<Vec<String>>>,
    wrong_passwords: Arc<AtomicBool>,
    keep: Arc<AtomicBool>,
    pub(crate) keys: Arc<KeyPool>,
    pub(crate) traffic: Arc<Traffic>,
    /// What runs have told: their stories, values and errors.
    pub(crate) told: Arc<Mutex<Vec<String>>>,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// The run, where one began.
    pub run: Option<String>,
    /// What `main` returned, or why it failed.
    pub result: Result<Value>,
    /// The exit code.
    pub exit_code: u8,
    /// Whether anything was changed.
    pub changed: bool,
    /// What happened, a line an event.
    pub story: Vec<String>,
}

impl Ended {
    /// A refusal before any run began.
    pub(crate) fn refused(error: Diagnostic) -> Self {
        let exit_code = if error.code == Code::StateLocked { 6 } else { 2 };
        let (result, story) = (Err(error), Vec::new());
        Self { run: None, result, exit_code, changed: false, story }
    }
}

impl Host {
    /// A fresh world grown from `seed`.
    ///
    /// # Errors
    /// Where the operating system gives no thread, or the cryptographic library fails.
    pub fn new(workshop: &Workshop, seed: u64) -> Result<Self> {
        let world = VirtualWorld::new(seed, BEGINNING).map_err(|error| {
            Diagnostic::new(Code::Internal, "A virtual world cannot be made").source(&error)
        })?;
        let ports = world.ports();
        let sandbox = Sandbox::in_memory_with(&world.outside(), &workshop.tenant)?;
        let state = Path::new(STATE);
        world.disk.set_database(&state.join("state.db"));
        keep_admin_key(&world, &sandbox)?;
        let keys = workshop.connectors.clone();
        let software = SoftwareStore::in_virtual_world(&world, state.join("keys"), keys.clone());
        let store = ports.executor.block_on(Store::in_memory(&ports, state))?;
        let common = Common {
            sandbox,
            answers: Arc::new(Mutex::new(Answers::Everything)),
            denied: Arc::default(),
            wrong_passwords: Arc::default(),
            keep: Arc::default(),
            keys,
            traffic: Arc::default(),
            told: Arc::default(),
        };
        let host = Self::over(world, common, software, store)?;
        host.add_first_connector()?;
        Ok(host)
    }

    /// One process of a host.
    pub(crate) fn over(
        world: VirtualWorld,
        common: Common,
        software: SoftwareStore,
        store: Store,
    ) -> Result<Self> {
        let (interrupt, recorder) = (Arc::<Interrupt>::default(), Arc::<Recorder>::default());
        // What still runs of a dead process unwinds, and is no part of the story any more.
        let (stop, story) = (interrupt.clone(), recorder.clone());
        world.process.at_death(move || {
            story.end();
            stop.request();
        });
        let Common { sandbox, traffic, wrong_passwords, .. } = &common;
        let (ports, software) = (world.ports(), Arc::new(software));
        Ok(Self {
            tenants: Arc::new(InView::of(&world, sandbox, traffic, wrong_passwords)?),
            engine: Engine::new(Library::new(ports.disk.clone(), engine::bundled())),
            keystores: KeyStores::new(vec![software.clone()]),
            vault: software.vault(),
            sandbox: sandbox.clone(),
            answers: common.answers.clone(),
            denied: common.denied.clone(),
            interrupt,
            recorder,
            common,
            software,
            world,
            ports,
            store,
        })
    }

    fn add_first_connector(&self) -> Result<()> {
        let account = self.sandbox.sign_ins().legacy_username;
        let script = format!(
            "fn main(p) {{ add_connector(#{{ connector: \"default\", service_account: \"{account}\" }}) }}"
        );
        self.run_text("first connector", &script).result.map(drop)
    }

    /// Runs a bundled script.
    pub fn run(&self, name: &str, given: &[(&str, &str)]) -> Ended {
        let given: Vec<(String, String)> =
            given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.run_script(name, self.engine.script(name), &given)
    }

    /// Runs the text of a script, with a `main`.
    pub fn run_text(&self, name: &str, text: &str) -> Ended {
        self.run_script(name, self.engine.compile(name, text), &[])
    }

    /// Runs statements, as the body of a `main`.
    pub fn run_body(&self, body: &str) -> Ended {
        self.run_text("example", &format!("fn main(p) {{\n{body}\n}}"))
    }

    fn run_script(
        &self,
        name: &str,
        script: Result<engine::Script>,
        given: &[(String, String)],
    ) -> Ended {
        self.attended(|| self.run_to_its_end(name, script, given))
    }

    /// Lets one run happen: its operations are counted from 1, what is planned ends with it, and
    /// what it tells is kept.
    pub(crate) fn attended(&self, run: impl FnOnce() -> Ended) -> Ended {
        self.world.process.count_anew();
        let ended = run();
        self.world.process.forget_plans();
        let mut told = self.common.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.extend(ended.story.iter().cloned());
        told.push(format!("{:?}", ended.result));
        drop(told);
        ended
    }

    fn run_to_its_end(
        &self,
        name: &str,
        script: Result<engine::Script>,
        given: &[(String, String)],
    ) -> Ended {
        let compiled = script.and_then(|script| {
            let parameters = script.parameters(given)?;
            Ok((script, parameters))
        });
        let (script, parameters) = match compiled {
            Ok(compiled) => compiled,
            Err(error) => return Ended::refused(error),
        };
        let new =
            NewRun { script: name.to_owned(), parameters: parameters.clone(), ..NewRun::default() };
        self.carry_out(Start::New { new, sources: script.sources() }, |run| {
            script.run(run.parts(), parameters).map(|finished| finished.value)
        })
    }

    /// Carries a run out, from its beginning to its end.
    pub(crate) fn carry_out(
        &self,
        start: Start<'_>,
        work: impl FnOnce(&Run) -> Result<Value>,
    ) -> Ended {
        let run = match self.start(start) {
            Ok(run) => run,
            Err(error) => return Ended::refused(error),
        };
        let id = run.id().to_string();
        let result = work(&run);
        let changed = run.parts().gate.changed();
        let (result, exit_code) = self.ports.executor.block_on(run.end(result));
        Ended { run: Some(id), result, exit_code, changed, story: self.recorder.take() }
    }

    /// Begins a run; it ends when it is dropped.
    ///
    /// # Errors
    /// `StateLocked` where another run is at work.
    pub fn begin(&self, script: &str, parameters: Value, sources: &[Source]) -> Result<Run> {
        let new = NewRun { script: script.to_owned(), parameters, ..NewRun::default() };
        self.start(Start::New { new, sources })
    }

    fn start(&self, start: Start<'_>) -> Result<Run> {
        let held = |mutex: &Mutex<Vec<String>>| {
            mutex.lock().unwrap_or_else(PoisonError::into_inner).clone()
        };
        let attendance = Attendance {
            policy: Arc::new(DenyList(held(&self.denied))),
            approver: Arc::new(Admin(self.answers())),
            observer: self.recorder.clone(),
            interrupt: self.interrupt.clone(),
            guard: None,
            keep: self.common.keep.load(Ordering::SeqCst),
        };
        let jobs = Arc::new(JobRunner::new(self.engine.clone()));
        let state = self.store.folder().to_owned();
        let context = |writer| Context {
            ports: self.ports.clone(),
            writer,
            keystores: self.keystores.clone(),
            vault: self.vault.clone(),
            places: Places {
                certificates: state.join("certificates"),
                machine_certificates: PathBuf::from("/etc/credwright/certificates"),
                state,
            },
            tenants: self.tenants.clone(),
            passwords: self.tenants.clone(),
            jobs: jobs.clone(),
            session: Session::default(),
        };
        let run = Run::start(&self.store, start, attendance, context);
        let run = self.ports.executor.block_on(run)?;
        jobs.bind(run.parts());
        Ok(run)
    }

    fn answers(&self) -> Answers {
        *self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Interrupts the next run, as Ctrl-C would, when its story has that many lines.
    pub fn interrupt_after(&self, lines: usize) {
        let interrupt = self.interrupt.clone();
        self.recorder.after(lines, move || interrupt.request());
    }

    /// Kills the process at the first line of the next run's story that `is_it` is true of.
    pub fn kill_at_line(&self, is_it: impl Fn(&str) -> bool + Send + 'static) {
        let process = self.world.process.clone();
        self.recorder.at(is_it, move || process.kill());
    }

    /// Another administrator of the tenant.
    pub fn rival(&self) -> Rival {
        let (clock, traffic) = (self.world.outside().clock, self.common.traffic.clone());
        Rival {
            transport: RouterTransport::new(&self.sandbox, clock, traffic),
            executor: self.ports.executor.clone(),
            sign_ins: self.sandbox.sign_ins(),
        }
    }

    /// The key stores of the host.
    pub fn keystores(&self) -> &KeyStores {
        &self.keystores
    }

    /// Whoever administers the tenant signs in with a wrong password from now on, or no longer does.
    pub fn forget_passwords(&self, wrong: bool) {
        self.common.wrong_passwords.store(wrong, Ordering::SeqCst);
    }

    /// From now on what a failing run did is left as it is, instead of being taken back.
    pub fn keep_what_fails(&self, keep: bool) {
        self.common.keep.store(keep, Ordering::SeqCst);
    }

    /// A connector as scripts see its credential.
    ///
    /// # Errors
    /// Where there is no such connector.
    pub fn credential(&self, connector: &str) -> Result<Value> {
        let body = format!("get_connector_credential(#{{ connector: {} }})", json!(connector));
        self.run_body(&body).result
    }
}
