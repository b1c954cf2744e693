//! A host whose programs are closures.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Mutex;

use futures::future::BoxFuture;

use super::locked;
use crate::process::{Command, Finished, Process, ProcessIdentity, User};

/// Answers a program that a script runs. See [`VirtualProcess::programs`].
pub type Program = Box<dyn Fn(&Command) -> io::Result<Finished> + Send>;

/// A host called `HOST`, whose programs are closures.
#[derive(Default)]
pub struct VirtualProcess {
    /// The environment.
    pub variables: Mutex<HashMap<String, String>>,
    /// Programs by name.
    pub programs: Mutex<HashMap<String, Program>>,
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
        Some("00000000000000000000000000000001".to_owned())
    }

    fn identity(&self) -> ProcessIdentity {
        ProcessIdentity { pid: 1, started: 1 }
    }

    fn is_running(&self, process: &ProcessIdentity) -> bool {
        *process == self.identity()
    }

    fn run(&self, command: Command) -> BoxFuture<'static, io::Result<Finished>> {
        let programs = locked(&self.programs);
        let program = command.words.first().and_then(|name| programs.get(name));
        let finished = match program {
            Some(program) => program(&command),
            None => Err(io::Error::new(io::ErrorKind::NotFound, "no such program")),
        };
        Box::pin(std::future::ready(finished))
    }
}
