//! A host in a virtual world.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use base::virtual_world::VirtualWorld;
use base::{Code, Diagnostic, Ports, Result, SecretText, Timestamp};
use cmdlets::Context;
use cmdlets::context::{AdminSignIn, Passwords, Places, Session, Tenant, Tenants};
use effect::policy::DenyList;
use effect::{Approval, ApprovalRequest, Approver, Impact, Interrupt};
use engine::{Attendance, Engine, JobRunner, Library, Run, Source};
use entra::{Authority, Client, ClientParts};
use futures::future::{BoxFuture, FutureExt};
use keystore::{KeyPool, KeyStores, SoftwareStore, Vault};
use serde_json::{Value, json};
use state::{NewRun, Store};
use tenant::{Keys, Sandbox, SignIns};

use crate::recorder::Recorder;
use crate::rival::Rival;
use crate::transport::RouterTransport;

/// When every virtual world begins: 2026-11-23T12:00:00Z.
const BEGINNING: Timestamp = Timestamp::from_seconds(1_795_435_200);

pub(crate) const LOGIN: &str = "https://login.sandbox.invalid";

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

/// A host in a virtual world, with its tenant.
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
    pub answers: Mutex<Answers>,
    /// Capabilities that policy denies.
    pub denied: Mutex<Vec<String>>,
    recorder: Arc<Recorder>,
    engine: Engine,
    keystores: KeyStores,
    vault: Vault,
    tenants: Arc<InView>,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// What `main` returned, or why it failed.
    pub result: Result<Value>,
    /// The exit code.
    pub exit_code: u8,
    /// Whether anything was changed.
    pub changed: bool,
    /// What happened, a line an event.
    pub story: Vec<String>,
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
        let sandbox = Sandbox::in_memory_with(&ports, &workshop.tenant)?;
        let state = PathBuf::from("/home/admin/state");
        let keys = workshop.connectors.clone();
        let software = SoftwareStore::in_virtual_world(&world, state.join("keys"), keys);
        let vault = software.vault();
        let store = ports.executor.block_on(Store::in_memory(&ports, &state))?;
        let host = Self {
            tenants: Arc::new(InView::of(&ports, &sandbox)?),
            engine: Engine::new(Library::new(ports.disk.clone(), engine::bundled())),
            keystores: KeyStores::new(vec![Arc::new(software)]),
            vault,
            interrupt: Arc::default(),
            answers: Mutex::new(Answers::Everything),
            denied: Mutex::default(),
            recorder: Arc::default(),
            world,
            ports,
            sandbox,
            store,
        };
        host.add_first_connector()?;
        Ok(host)
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
        let begun = script.and_then(|script| {
            let parameters = script.parameters(given)?;
            let run = self.begin(name, parameters.clone(), script.sources())?;
            Ok((script, parameters, run))
        });
        let (script, parameters, run) = match begun {
            Ok(begun) => begun,
            Err(error) => {
                let exit_code = if error.code == Code::StateLocked { 6 } else { 2 };
                return Ended { result: Err(error), exit_code, changed: false, story: Vec::new() };
            }
        };
        let result = script.run(run.parts(), parameters).map(|finished| finished.value);
        let changed = run.parts().gate.changed();
        let (result, exit_code) = self.ports.executor.block_on(run.end(result));
        Ended { result, exit_code, changed, story: self.recorder.take() }
    }

    /// Begins a run; it ends when it is dropped.
    ///
    /// # Errors
    /// `StateLocked` where another run is at work.
    pub fn begin(&self, script: &str, parameters: Value, sources: &[Source]) -> Result<Run> {
        let held = |mutex: &Mutex<Vec<String>>| {
            mutex.lock().unwrap_or_else(PoisonError::into_inner).clone()
        };
        let attendance = Attendance {
            policy: Arc::new(DenyList(held(&self.denied))),
            approver: Arc::new(Admin(self.answers())),
            observer: self.recorder.clone(),
            interrupt: self.interrupt.clone(),
            guard: None,
            keep: false,
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
        let new = NewRun { script: script.to_owned(), parameters, ..NewRun::default() };
        let run = Run::begin(&self.store, new, sources, attendance, context);
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

    /// Fills the disk during the next run, when its story has that many lines.
    pub fn fill_disk_after(&self, lines: usize) {
        let disk = self.world.disk.clone();
        self.recorder.after(lines, move || disk.set_full(true));
    }

    /// Another administrator of the tenant.
    pub fn rival(&self) -> Rival {
        Rival {
            transport: RouterTransport::new(self.sandbox.router(), self.ports.clock.clone()),
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
        self.tenants.wrong_passwords.store(wrong, Ordering::SeqCst);
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

/// The tenant in view of a virtual host.
struct InView {
    tenant: Arc<Tenant>,
    known: SignIns,
    wrong_passwords: AtomicBool,
}

impl InView {
    fn of(ports: &Ports, sandbox: &Sandbox) -> Result<Self> {
        let known = sandbox.sign_ins();
        let pem = Path::new("/home/admin/admin.pem");
        let kept = ports.disk.create_folder(Path::new("/home/admin"), 0o700).and_then(|()| {
            let content = known.certificate_pem.expose().as_bytes();
            ports.disk.write_atomic(pem, content, 0o600)
        });
        kept.map_err(|error| {
            Diagnostic::new(Code::Internal, "The virtual disk is broken").source(&error)
        })?;
        let transport = Arc::new(RouterTransport::new(sandbox.router(), ports.clock.clone()));
        let id = known.tenant_id.to_string();
        let authority = Authority::new(LOGIN, &format!("{LOGIN}/v1.0"), &id)?;
        let tenant = Tenant {
            name: sandbox.show().name,
            sandbox: true,
            client: Client::new(ClientParts::new(ports, transport, authority)),
            admin: AdminSignIn::Certificate {
                client_id: known.client_id.to_string(),
                pem: pem.to_owned(),
            },
            id,
        };
        let tenant = Arc::new(tenant);
        Ok(Self { tenant, known, wrong_passwords: AtomicBool::new(false) })
    }
}

impl Tenants for InView {
    fn open(&self) -> BoxFuture<'_, Result<Arc<Tenant>>> {
        std::future::ready(Ok(self.tenant.clone())).boxed()
    }
}

impl Passwords for InView {
    fn password<'a>(&'a self, account: &'a str) -> BoxFuture<'a, Result<SecretText>> {
        let known = &self.known;
        let password = if self.wrong_passwords.load(Ordering::SeqCst) {
            SecretText::new("not the password")
        } else if account.eq_ignore_ascii_case(&known.legacy_username) {
            known.legacy_password.clone()
        } else {
            known.password.clone()
        };
        std::future::ready(Ok(password)).boxed()
    }
}

/// The admin of a virtual world.
struct Admin(Answers);

impl Approver for Admin {
    fn approve<'a>(&'a self, request: &'a ApprovalRequest) -> BoxFuture<'a, Result<Approval>> {
        let answer = match self.0 {
            Answers::Everything => Approval::Granted,
            Answers::Ordinary if request.impact < Impact::High => Approval::Granted,
            Answers::Ordinary | Answers::Nothing => Approval::Refused,
            Answers::Absent => Approval::NobodyThere("Answer with --yes.".to_owned()),
        };
        std::future::ready(Ok(answer)).boxed()
    }
}
