//! What all runs of this process share, and how a run begins.

use std::sync::Arc;

use base::{Code, Diagnostic, Result};
use cmdlets::Context;
use cmdlets::context::{Places, Session, Tenant, Tenants};
use cmdlets::registry;
use effect::policy::DenyList;
use effect::{Circumstance, Guard, Observer, RunId, observe::Silent};
use engine::{Attendance, Engine, JobRunner, Run, Source, Start};
use futures::future::BoxFuture;
use keystore::{KeyStores, SoftwareStore, Vault};
use serde_json::{Value, json};
use state::{NewRun, RunStatus, Store, Writer};
use tokio::sync::OnceCell;

use crate::accounts::Accounts;
use crate::remembered::Remembered;
use crate::show::tame_line;
use crate::tenants::{Choice, View};
use crate::world::World;

/// The connector that a sandbox brings along.
const FIRST_CONNECTOR: &str = "default";
/// The run that adds it.
const FIRST_USE: &str = "first use of the sandbox";

/// The tenant in view, as one run sees it: the run's record says which one it opened.
struct RunView {
    view: Arc<View>,
    writer: Arc<Writer>,
    known: OnceCell<Arc<Tenant>>,
}

impl Tenants for RunView {
    fn open(&self) -> BoxFuture<'_, Result<Arc<Tenant>>> {
        let open = || async {
            let tenant = self.view.open().await?;
            self.writer.set_run_tenant(&tenant.id, tenant.sandbox).await?;
            Ok(tenant)
        };
        Box::pin(async move { self.known.get_or_try_init(open).await.cloned() })
    }
}

/// How a run begins.
pub struct Beginning<'a> {
    /// What starts.
    pub start: Start<'a>,
    /// Whether what a failing run did is left as it is.
    pub keep: bool,
    /// Who judges removals, where it is not the run itself.
    pub guard: Option<Arc<dyn Guard>>,
}

impl<'a> Beginning<'a> {
    /// The beginning of a new run.
    pub fn new(script: &'a str, parameters: Value, sources: &'a [Source]) -> Self {
        let new = NewRun { script: script.to_owned(), parameters, ..NewRun::default() };
        Self::of(Start::New { new, sources })
    }

    /// The beginning of what takes back what it did where it fails.
    pub fn of(start: Start<'a>) -> Self {
        Self { start, keep: false, guard: None }
    }
}

/// What all runs of this process share.
pub struct Host<'w> {
    /// The world.
    pub world: &'w World,
    /// The state.
    pub store: Store,
    /// The tenant in view.
    pub view: Arc<View>,
    accounts: Arc<Accounts>,
    keystores: KeyStores,
    vault: Vault,
    policy: Arc<DenyList>,
    engine: Engine,
}

impl<'w> Host<'w> {
    /// Opens the state and decides which tenant is in view. No tenant, key or TLS is touched.
    ///
    /// # Errors
    /// What is wrong with places, configuration or state.
    pub fn open(world: &'w World, engine: &Engine) -> Result<Self> {
        let choice = Choice::of(&world.options, &world.configuration()?, world.places()?)?;
        Self::with(world, engine, choice)
    }

    /// The same, with this tenant in view.
    ///
    /// # Errors
    /// As [`Host::open`].
    pub fn with(world: &'w World, engine: &Engine, choice: Choice) -> Result<Self> {
        let (places, configuration) = (world.places()?, world.configuration()?);
        let store = world.store()?;
        if store.host().machine_changed {
            world.screen.prose(
                "Warning: this state was made on another machine. If that one is still at work, \
                 two hosts now change the same objects: give this one a state of its own.",
            );
        }
        let accounts = Arc::new(Accounts::new(&world.ports, world.person()));
        let view = View::new(&world.ports, choice, &places.state, accounts.clone());
        let software = SoftwareStore::new(&world.ports, places.state.join("keys"));
        let vault = software.vault();
        Ok(Self {
            world,
            store,
            view: Arc::new(view),
            accounts,
            keystores: KeyStores::new(vec![Arc::new(software)]),
            vault,
            policy: Arc::new(DenyList(configuration.deny)),
            engine: engine.clone(),
        })
    }

    /// The key stores.
    pub fn keystores(&self) -> &KeyStores {
        &self.keystores
    }

    /// Begins a run: takes the lock and records it.
    ///
    /// # Errors
    /// `StateLocked`, and as the state says.
    pub fn begin(
        &self,
        beginning: Beginning<'_>,
        observer: Arc<dyn Observer>,
        session: Session,
    ) -> Result<Run> {
        let jobs = Arc::new(JobRunner::new(self.engine.clone()));
        let places = self.world.places()?;
        let Beginning { mut start, keep, guard } = beginning;
        if let Start::New { new, .. } = &mut start {
            new.options = self.world.options.of_tenant();
        }
        let attendance = Attendance { keep, guard, ..self.attendance(observer) };
        let context = |writer: Arc<Writer>| {
            let view =
                RunView { view: self.view.clone(), writer: writer.clone(), known: OnceCell::new() };
            self.context(writer, Arc::new(view), places, jobs.clone(), session)
        };
        let run = self.world.wait(Run::start(&self.store, start, attendance, context))?;
        jobs.bind(run.parts());
        Ok(run)
    }

    /// Begins what only looks: it takes the lock, but nothing is recorded.
    ///
    /// # Errors
    /// As [`Host::begin`].
    pub fn look(&self, script: &str, observer: Arc<dyn Observer>, session: Session) -> Result<Run> {
        let jobs = Arc::new(JobRunner::new(self.engine.clone()));
        let (attendance, places) = (self.attendance(observer), self.world.places()?);
        let context =
            |writer| self.context(writer, self.view.clone(), places, jobs.clone(), session);
        let run = self.world.wait(Run::look(&self.store, script, attendance, context))?;
        jobs.bind(run.parts());
        Ok(run)
    }

    /// What changed since a run stopped, in words: objects that are gone, keys that were added.
    ///
    /// # Errors
    /// Where the tenant cannot be looked at.
    pub fn changed_since(&self, run: &state::Run) -> Result<Vec<String>> {
        let looking = self.look("resume", Arc::new(Silent), Session::default())?;
        let parts = looking.parts();
        let call = async |name: &str, arguments: Value| {
            let cmdlet = registry::get(name)?;
            let asked = Circumstance::Asked;
            cmdlet.invoke(&parts.context, &parts.gate, &parts.branch, arguments, asked).await
        };
        let found = self.world.wait(async {
            call("connect_tenant", json!({})).await?;
            call("check_run", json!({ "run": run.id })).await
        })?;
        let text = |value: &Value| tame_line(value.as_str().unwrap_or_default());
        let found = found.as_array().cloned().unwrap_or_default();
        let line = |one: &Value| format!("{}: {}", text(&one["change"]), text(&one["object"]));
        Ok(found.iter().map(line).collect())
    }

    fn attendance(&self, observer: Arc<dyn Observer>) -> Attendance {
        Attendance {
            policy: self.policy.clone(),
            approver: Arc::new(self.world.person()),
            observer,
            interrupt: self.world.interrupt.clone(),
            guard: None,
            keep: false,
        }
    }

    fn context(
        &self,
        writer: Arc<Writer>,
        tenants: Arc<dyn Tenants>,
        places: &crate::places::Places,
        jobs: Arc<JobRunner>,
        session: Session,
    ) -> Context {
        Context {
            ports: self.world.ports.clone(),
            writer,
            keystores: self.keystores.clone(),
            vault: self.vault.clone(),
            places: Places {
                state: places.state.clone(),
                certificates: places.state.join("certificates"),
                machine_certificates: places.machine_certificates.clone(),
            },
            tenants,
            passwords: self.accounts.clone(),
            jobs,
            session,
        }
    }

    /// Gives a sandbox that this state has not seen yet its first connector: `default`, signed in
    /// as the legacy account. This is a run of its own, so that the journal tells of it too.
    ///
    /// # Errors
    /// Where the sandbox cannot be opened, or the connector cannot be added.
    pub fn settle(&self) -> Result<()> {
        if !self.view.is_sandbox() {
            return Ok(());
        }
        let (ports, state) = (&self.world.ports, &self.world.places()?.state);
        let known = self.view.name()?.id;
        if !known.is_empty() && Remembered::read(ports, state).settled.contains(&known) {
            return Ok(());
        }
        let tenant = self.world.wait(self.view.open())?;
        let connectors = self.world.wait(self.store.find_connectors())?;
        let stopped = self.stopped_first_use(&tenant)?;
        match connectors.iter().find(|connector| connector.name == FIRST_CONNECTOR) {
            None => self.add_first_connector(&tenant, stopped.as_ref())?,
            Some(connector) if connector.tenant_id != tenant.id => {
                // Told each time, as the name stays taken.
                self.world.screen.prose(&format!(
                    "The name '{FIRST_CONNECTOR}' is taken by a connector of the tenant {} ({}), so \
                     the tenant {} brings none along. Give it a state of its own: --home DIR",
                    tame_line(&connector.tenant_name), connector.tenant_id, tame_line(&tenant.name)
                ));
                return Ok(());
            }
            Some(_) if stopped.is_some() => {
                match self.add_first_connector(&tenant, stopped.as_ref()) {
                    // Somebody added one of that name meanwhile.
                    Err(taken) if taken.code == Code::ConnectorExists => {}
                    added => added?,
                }
            }
            Some(_) => {}
        }
        Remembered::update(ports, state, |remembered| {
            remembered.settled.insert(tenant.id.clone());
        });
        Ok(())
    }

    /// The run that was to add the first connector and was killed.
    fn stopped_first_use(&self, tenant: &Tenant) -> Result<Option<RunId>> {
        let stopped = self.world.wait(self.store.find_stopped_runs())?;
        let is_it = |run: &state::Run| {
            run.script == FIRST_USE
                && run.status == RunStatus::Interrupted
                && run.tenant_id.as_ref().is_none_or(|id| *id == tenant.id)
        };
        Ok(stopped.into_iter().find(is_it).map(|run| RunId(run.id)))
    }

    fn add_first_connector(&self, tenant: &Tenant, stopped: Option<&RunId>) -> Result<()> {
        let account = self.accounts.legacy_account().ok_or_else(|| {
            Diagnostic::new(Code::TenantSandbox, "The sandbox tenant has no legacy account")
        })?;
        let cmdlet = registry::get("add_connector")?;
        let arguments = json!({ "connector": FIRST_CONNECTOR, "service_account": &account });
        let first = match stopped {
            Some(id) => Beginning::of(Start::Resumed { id, sources: &[] }),
            None => Beginning::new(FIRST_USE, Value::Null, &[]),
        };
        let run = self.begin(first, Arc::new(Silent), Session::default())?;
        let parts = run.parts();
        let ended = self.world.wait(async {
            let asked = Circumstance::Asked;
            let added =
                cmdlet.invoke(&parts.context, &parts.gate, &parts.branch, arguments, asked).await;
            run.end(added).await.0
        });
        ended?;
        self.world.screen.prose(&format!(
            "The sandbox tenant {} is new here. Its connector '{FIRST_CONNECTOR}' signs in as {}.",
            tame_line(&tenant.name),
            tame_line(&account)
        ));
        Ok(())
    }
}
