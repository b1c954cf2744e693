//! A process of a machine whose programs are closures.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;

use super::life::{Life, Moment};
use super::locked;
use super::machine::Machine;
use super::moment::{Fate, Kind, Operation};
use crate::clock::Timestamp;
use crate::process::{Command, Finished, Process, ProcessIdentity, User};

/// Answers a program that a script runs. See [`VirtualProcess::programs`].
pub type Program = Box<dyn Fn(&Command) -> io::Result<Finished> + Send>;

/// A process on a machine called `HOST`, whose programs are closures. Everything it does that can
/// have an effect outside of it is counted, can be made to fail, and can be what it dies of. Once
/// it is dead, nothing that it still tries has any effect, and its locks are free.
pub struct VirtualProcess {
    /// The environment.
    pub variables: Arc<Mutex<HashMap<String, String>>>,
    /// Programs by name.
    pub programs: Arc<Mutex<HashMap<String, Program>>>,
    pub(super) machine: Arc<Machine>,
    pub(super) life: Arc<Life>,
    identity: ProcessIdentity,
}

impl Default for VirtualProcess {
    fn default() -> Self {
        Self::start(&Machine::new(Timestamp::default()))
    }
}

impl VirtualProcess {
    pub(super) fn start(machine: &Arc<Machine>) -> Self {
        let (identity, life) = machine.start();
        Self {
            variables: machine.variables.clone(),
            programs: machine.programs.clone(),
            machine: machine.clone(),
            life,
            identity,
        }
    }

    /// Kills the process, as SIGKILL would: nothing is tidied up.
    pub fn kill(&self) {
        self.life.kill();
    }

    /// Whether it lives.
    pub fn is_alive(&self) -> bool {
        self.life.is_alive()
    }

    /// Lets `will` happen when the process dies; at once where it is dead.
    pub fn at_death(&self, will: impl FnOnce() + Send + 'static) {
        self.life.at_death(Box::new(will));
    }

    /// Completes when the process is dead.
    pub fn died(&self) -> BoxFuture<'static, ()> {
        let life = self.life.clone();
        Box::pin(async move { life.died().await })
    }

    /// Counts something that is about to be done, such as a request, and lets happen what is planned
    /// for it.
    ///
    /// # Errors
    /// Where the process is dead, or the plan says that it fails.
    pub fn begin(&self, kind: Kind, text: impl Into<String>) -> io::Result<Moment<'_>> {
        self.life.begin(kind, text.into())
    }

    /// Plans what happens at the operation of that number, or at the first one after it to which it
    /// applies.
    pub fn plan(&self, number: usize, fate: Fate) {
        self.life.plan(number, fate);
    }

    /// Nothing is planned any more, and the disk is as it was. Where death was to come with the next
    /// operation, it comes now.
    pub fn forget_plans(&self) {
        self.life.forget_plans();
    }

    /// The next operation has the number 1.
    pub fn count_anew(&self) {
        self.life.count_anew();
    }

    /// The operations since [`VirtualProcess::count_anew`].
    pub fn operations(&self) -> Vec<Operation> {
        self.life.operations()
    }
}

impl Process for VirtualProcess {
    fn environment(&self, name: &str) -> Option<String> {
        locked(&self.variables).get(name).cloned()
    }

    fn user(&self) -> User {
        User { id: 1000, name: "admin".to_owned(), home: Some(PathBuf::from("/home/admin")) }
    }

    fn host_name(&self) -> String {
        "HOST".to_owned()
    }

    fn machine_id(&self) -> Option<String> {
        Some(self.machine.id())
    }

    fn identity(&self) -> ProcessIdentity {
        self.identity.clone()
    }

    fn is_running(&self, process: &ProcessIdentity) -> bool {
        self.machine.is_running(process)
    }

    fn run(&self, command: Command) -> BoxFuture<'static, io::Result<Finished>> {
        let run = || {
            let name = command.words.first().cloned().unwrap_or_default();
            let moment = self.begin(Kind::Program, name.as_str())?;
            let finished = match locked(&self.programs).get(&name) {
                Some(program) => program(&command),
                None => Err(io::Error::new(io::ErrorKind::NotFound, "no such program")),
            };
            moment.end()?;
            finished
        };
        Box::pin(std::future::ready(run()))
    }
}
