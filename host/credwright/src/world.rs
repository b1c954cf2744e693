//! The world that commands run in, assembled from the machine's own ports.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use base::clock::SystemClock;
use base::disk::SystemDisk;
use base::executor::TokioExecutor;
use base::process::SystemProcess;
use base::random::SystemRandom;
use base::{Code, Diagnostic, Ports, Result};
use cmdlets::registry;
use effect::Interrupt;
use engine::{Engine, Library};
use state::{Place, Store};

use crate::answer::TenantName;
use crate::cli::{Options, retyped};
use crate::configuration::Configuration;
use crate::places::Places;
use crate::show::Screen;
use crate::signals;
use crate::tenants::Choice;
use crate::terminal::{Person, TerminalMode};

/// Everything a command may use. What costs time is made when it is first asked for.
pub struct World {
    /// The machine.
    pub ports: Ports,
    /// Where output goes.
    pub screen: Arc<Screen>,
    /// Ctrl-C and SIGTERM.
    pub interrupt: Arc<Interrupt>,
    /// How the terminal was at first.
    pub mode: Arc<TerminalMode>,
    /// Options of every command.
    pub options: Options,
    words: Vec<OsString>,
    idle: Arc<AtomicBool>,
    runtime: tokio::runtime::Runtime,
    places: OnceLock<Places>,
    store: OnceLock<Store>,
}

impl World {
    /// The world of this process, whose command line was `words`.
    ///
    /// # Errors
    /// Where the operating system gives no threads.
    pub fn new(options: Options, words: Vec<OsString>) -> Result<Self> {
        // Two threads: one may serve the sandbox tenant while the other talks to it.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| {
                Diagnostic::new(Code::Internal, "The operating system gives no threads")
                    .next("End other programs of this user, then try again.")
                    .source(&error)
            })?;
        let process = Arc::new(SystemProcess);
        let screen = Arc::new(Screen::new(options.json, options.no_color, &*process));
        let world = Self {
            ports: Ports {
                clock: Arc::new(SystemClock),
                random: Arc::new(SystemRandom),
                disk: Arc::new(SystemDisk),
                process,
                executor: Arc::new(TokioExecutor(runtime.handle().clone())),
            },
            screen,
            interrupt: Arc::default(),
            mode: Arc::new(TerminalMode::remember()),
            options,
            words,
            idle: Arc::default(),
            runtime,
            places: OnceLock::new(),
            store: OnceLock::new(),
        };
        let _entered = world.runtime.enter();
        signals::watch(&signals::Watched {
            interrupt: world.interrupt.clone(),
            screen: world.screen.clone(),
            mode: world.mode.clone(),
            idle: world.idle.clone(),
            clock: world.ports.clock.clone(),
            last: Arc::default(),
        });
        drop(_entered);
        Ok(world)
    }

    /// Waits for asynchronous work.
    pub fn wait<F: Future>(&self, work: F) -> F::Output {
        self.runtime.block_on(work)
    }

    /// Says whether the program only waits for a line, so that a signal may end it at once.
    pub fn idle(&self, idle: bool) {
        self.idle.store(idle, Ordering::SeqCst);
    }

    /// Ends the world without waiting for threads that nobody needs any more.
    pub fn leave(self) {
        self.runtime.shutdown_background();
    }

    /// The command as typed, with something in front.
    pub fn retyped(&self, prefix: &str) -> String {
        retyped(prefix, &self.words)
    }

    /// Where everything lies.
    ///
    /// # Errors
    /// As [`Places::find`].
    pub fn places(&self) -> Result<&Places> {
        if let Some(places) = self.places.get() {
            return Ok(places);
        }
        let home = self.options.home.as_deref();
        let found = Places::find(home, &self.ports, &|prefix| self.retyped(prefix))?;
        Ok(self.places.get_or_init(|| found))
    }

    /// The configuration.
    ///
    /// # Errors
    /// As [`Configuration::read`].
    pub fn configuration(&self) -> Result<Configuration> {
        let places = self.places()?;
        Configuration::read(places, &self.ports, &registry::capabilities())
    }

    /// The tenant in view as far as it is known, for commands that need none: where none is named,
    /// none need be in view.
    ///
    /// # Errors
    /// A wrong configuration, and a profile or a description that is named and not there.
    pub fn tenant_name(&self) -> Result<Option<TenantName>> {
        let (places, configuration) = (self.places()?, self.configuration()?);
        let named = self.options.tenant.is_some() || self.options.profile.is_some();
        let choice = match Choice::of(&self.options, &configuration, places) {
            Err(_) if !named => return Ok(None),
            choice => choice?,
        };
        let name = choice.name(&self.ports, &places.state)?;
        Ok(Some(name).filter(|name| !name.id.is_empty()))
    }

    /// The state, made where there is none yet.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn store(&self) -> Result<Store> {
        if let Some(store) = self.store.get() {
            return Ok(store.clone());
        }
        let places = self.places()?;
        places.check_owner(&self.ports, &|prefix| self.retyped(prefix))?;
        let place = Place { folder: places.state.clone(), database: None };
        let configured = self.configuration()?.audit_anchor;
        let anchor = configured.as_ref().unwrap_or(&places.audit_anchor);
        let opened = self.wait(Store::open(&self.ports, &place))?.anchored(anchor);
        Ok(self.store.get_or_init(|| opened).clone())
    }

    /// The state, where there is one.
    ///
    /// # Errors
    /// As [`World::store`].
    pub fn existing_store(&self) -> Result<Option<Store>> {
        match self.ports.disk.status(&self.places()?.state) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            _ => self.store().map(Some),
        }
    }

    /// The engine, with the folders that scripts and modules are searched in.
    ///
    /// # Errors
    /// As [`World::places`].
    pub fn engine(&self) -> Result<Engine> {
        let places = self.places()?;
        let bundled = Library::new(self.ports.disk.clone(), engine::bundled());
        let library =
            places.library.iter().fold(bundled, |library, folder| library.with_folder(folder));
        Ok(Engine::new(library))
    }

    /// Whoever sits at the terminal.
    pub fn person(&self) -> Person {
        Person {
            screen: self.screen.clone(),
            interrupt: self.interrupt.clone(),
            mode: self.mode.clone(),
            yes: self.options.yes,
            confirmed: self.options.confirm.clone(),
        }
    }
}
