//! One home, whose processes are killed.

use std::fmt::Write as _;
use std::path::PathBuf;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::draw::{Draw, Point};
use crate::process::harness::{Ended, Home};

/// So many lines, or a few more, a whole onboarding says.
const LINES: u64 = 24;
/// So many lines every process says.
const LEAST: u64 = 4;
/// So many of the processes that recover are killed too, at most.
const AGAIN: usize = 3;
/// More attempts than that to end a run mean that it does not end.
const ATTEMPTS: usize = 5;

/// How a connector signs in when its interrupted run was dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Application,
    ServiceAccount,
}

/// A home in which the onboarding is killed.
pub struct Scenario {
    seed: u64,
    draw: Draw,
    tenant: String,
    pub home: Home,
    /// Whether what the run did is taken back in the end.
    back: bool,
    /// So many lines, or a few less, are still to be said: a replay is silent.
    ahead: u64,
    pub kills: usize,
    pub end: End,
    story: Vec<String>,
}

impl Scenario {
    pub fn new(seed: u64, tenant: &str) -> Self {
        let mut draw = Draw::of(seed);
        let back = draw.happens(1, 3);
        Self {
            seed,
            draw,
            tenant: tenant.to_owned(),
            home: Home::new(),
            back,
            ahead: LINES,
            kills: 0,
            end: End::Application,
            story: Vec::new(),
        }
    }

    /// What happened, and how to see it again.
    pub fn told(&self) -> String {
        let mut told = format!("what happened in {}:\n", self.home.path().display());
        for line in &self.story {
            let _ = writeln!(told, "  {line}");
        }
        let _ = write!(
            told,
            "to see it again: CREDWRIGHT_KILL_SEED={} cargo nextest run -p credwright-tests \
             killed_anywhere",
            self.seed
        );
        told
    }

    fn words<'a>(&'a self, words: &[&'a str]) -> Vec<&'a str> {
        [&["--tenant", &self.tenant], words, &["--yes", "--json"]].concat()
    }

    /// Runs it to its end.
    fn whole(&mut self, words: &[&str]) -> Ended {
        let ended = self.home.run(&self.words(words));
        let said = ended.stdout.lines().map(str::trim).filter(|line| line.starts_with("\"code\""));
        let code = said.collect::<String>();
        self.story.push(format!("{words:?}: {:?} {code}", ended.code));
        ended
    }

    /// Kills it on its way; where it ended before, gives that end.
    fn killed(&mut self, words: &[&str]) -> Option<Ended> {
        let point = Point::drawn(&mut self.draw, self.ahead);
        let mut program = self.home.line(&self.words(words)).start();
        if program.wait_for_lines(point.lines) {
            point.pass();
            program.signal(Signal::KILL);
        }
        let ended = program.end();
        if ended.signal.is_some() {
            let last = ended.stderr.lines().last().unwrap_or_default();
            self.story.push(format!("{words:?}: killed at {point:?}, after '{}'", last.trim()));
            self.kills += 1;
            let said = u64::try_from(point.lines).unwrap();
            self.ahead = self.ahead.saturating_sub(said).max(LEAST);
            return None;
        }
        self.story.push(format!("{words:?}: {:?} before it was killed", ended.code));
        Some(ended)
    }

    /// Kills the onboarding, and then deals with the run until nothing of it is open.
    pub fn kill_and_recover(&mut self) {
        if let Some(ended) = self.killed(&["run", "onboard"]) {
            assert_eq!(ended.code(0).json()["value"]["identity_type"], "Application");
            return;
        }
        for _ in 0..AGAIN {
            if !self.draw.happens(5, 6) {
                break;
            }
            let words = self.recovery(false);
            if let Some(ended) = self.killed(words) {
                return self.recovered(&ended);
            }
        }
        let words = self.recovery(true);
        let ended = self.whole(words);
        self.recovered(&ended);
    }

    /// What takes up the run. The admin who takes it back in the end may have gone on with it before.
    fn recovery(&mut self, last: bool) -> &'static [&'static str] {
        match self.back && (last || self.draw.happens(2, 3)) {
            true => &["resume", "--unwind"],
            false => &["resume"],
        }
    }

    /// What becomes of the home once a recovery ended.
    fn recovered(&mut self, ended: &Ended) {
        let mut document = ended.json();
        for _ in 0..ATTEMPTS {
            let next = document["error"]["next"].as_str().unwrap_or_default().to_owned();
            if document["error"]["code"] == "run.ended" {
                // It was the one that makes the connector, a run without a script; or one past its
                // point of no return. What can be done is said.
                let (_, typed) = next.rsplit_once("credwright ").unwrap();
                let typed = typed.to_owned();
                document = self.whole(&typed.split(' ').collect::<Vec<_>>()).json();
                continue;
            }
            assert_eq!(document["error"], Value::Null, "{document:#}");
            if document["value"]["identity_type"] == "Application" {
                self.end = End::Application;
                return;
            }
            if self.signs_in_as() == End::ServiceAccount && self.back {
                self.end = End::ServiceAccount;
                return;
            }
            // It had not begun, or it had ended.
            document = self.whole(&["run", "onboard"]).code(0).json();
        }
        panic!("the run does not end");
    }

    /// How the connector signs in, and that this works, the scheduler runs and a cycle ends well.
    fn signs_in_as(&mut self) -> End {
        let script = r#"fn main(p) { [
            get_scheduler(#{ connector: "default" }).effective_enabled,
            test_credential(#{ connector: "default" }).works,
            start_sync_cycle(#{ connector: "default" }).result,
            get_connector_credential(#{ connector: "default" }).identity_type,
        ] }"#;
        let script = self.home.file("scripts/works.rhai", script);
        let mut value = self.whole(&["run", &script]).code(0).json()["value"].take();
        let signs_in = value.as_array_mut().unwrap().pop().unwrap();
        assert_eq!(value, json!([true, true, "success"]));
        match signs_in.as_str() {
            Some("Application") => End::Application,
            Some("ServiceAccount") => End::ServiceAccount,
            _ => panic!("it signs in as {signs_in}"),
        }
    }

    /// Fails unless the connector works and signs in as it should.
    pub fn require_working(&mut self) {
        assert_eq!(self.signs_in_as(), self.end);
    }

    /// Onboards once more: nothing is changed where that was done before. Answers whether it was not.
    pub fn onboard_again(&mut self) -> bool {
        let document = self.whole(&["run", "onboard"]).code(0).json();
        assert_eq!(document["value"]["identity_type"], "Application", "{document:#}");
        let moved = self.end == End::ServiceAccount;
        assert_eq!(document["changed"], moved, "{document:#}");
        self.end = End::Application;
        moved
    }

    /// Fails unless the host's own records are whole, and no run is open.
    pub fn require_records(&mut self) {
        self.home.run(&["audit", "verify"]).code(0);
        let runs = self.home.json(&["runs"], 0);
        for run in runs["value"].as_array().unwrap() {
            let status = run["status"].as_str().unwrap();
            assert!(matches!(status, "done" | "failed"), "{run:#}");
        }
    }

    /// The names of the files in a folder of the state.
    pub fn files(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.folder(folder)) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    pub fn folder(&self, folder: &str) -> PathBuf {
        self.home.path().join("state").join(folder)
    }
}
