//! A sandbox tenant served by a process of its own.

use std::path::PathBuf;

use rustix::process::Signal;
use serde_json::Value;

use super::harness::{Ended, Home, Program, python, python_line};

/// A served tenant.
pub struct Served {
    // It ends before its folder is removed.
    program: Option<Program>,
    home: Home,
}

impl Served {
    pub fn new() -> Self {
        let mut served = Self { program: None, home: Home::new() };
        served.serve("127.0.0.1:0");
        served
    }

    fn serve(&mut self, listen: &str) {
        let words =
            ["tenant", "serve", "--listen", listen, "--data", "data", "--describe", "tenant.json"];
        let mut program = self.home.line(&words).start();
        program.wait_for("Serving the sandbox tenant");
        self.program = Some(program);
    }

    /// Where it is described.
    pub fn file(&self) -> String {
        self.home.path().join("tenant.json").to_str().unwrap().to_owned()
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    pub fn description(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.file()).unwrap()).unwrap()
    }

    /// Kills it.
    pub fn kill(&mut self) {
        let program = self.program.take().unwrap();
        program.signal(Signal::KILL);
        program.end();
    }

    /// Ends it in order.
    pub fn stop(&mut self) -> Ended {
        let program = self.program.take().unwrap();
        program.signal(Signal::TERM);
        program.end()
    }

    /// Serves the same data again at the same address.
    pub fn again(&mut self) {
        let authority = self.description()["authority"].as_str().unwrap().to_owned();
        self.serve(authority.trim_start_matches("https://"));
    }

    /// What Microsoft Graph shows of our applications and their principals to an administrator who
    /// signs in by another library.
    pub fn shown(&self) -> Shown {
        Shown(python("directory.py", &["show", &self.file()]))
    }
}

/// Our applications in a tenant.
pub struct Shown(pub Value);

impl Shown {
    /// The one application of ours.
    #[track_caller]
    pub fn only(&self) -> &Value {
        let all = self.0.as_array().unwrap();
        assert_eq!(all.len(), 1, "{:#}", self.0);
        &all[0]
    }

    /// Fails unless there is exactly one application, with one principal and one key credential: the
    /// certificate of this SHA-256.
    #[track_caller]
    pub fn assert_one(&self, certificate_sha256: &Value) {
        let only = self.only();
        assert_eq!(only["principals"].as_array().unwrap().len(), 1, "{only:#}");
        let keys = only["keys"].as_array().unwrap();
        assert_eq!(keys.len(), 1, "{only:#}");
        assert_eq!(&keys[0]["certificate_sha256"], certificate_sha256, "{only:#}");
    }
}

/// Runs the onboarding against the tenant that `description` tells of.
pub fn onboard(home: &Home, description: &str) -> Ended {
    home.run(&["--tenant", description, "run", "onboard", "--yes", "--json"])
}

/// Something in front of a served tenant that breaks answers: see `broken.py`.
pub struct Broken {
    program: Program,
    /// Where it is described.
    pub file: String,
}

impl Broken {
    pub fn new(description: &str, home: &Home, how: &str, first: &str) -> Self {
        let mut program = python_line("broken.py", &[description, how, first]).start();
        let described = program.wait_for("authority");
        Self { program, file: home.file("broken.json", &described) }
    }

    /// Waits until the first request came that is answered wrongly.
    pub fn wait(&mut self) {
        self.program.wait_for("broken:");
    }
}
