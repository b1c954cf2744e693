//! Sequences of calls that somebody might make, in any order: after each of them the rules hold that
//! held before it.
//!
//! A sequence that breaks one is made shorter, and printed as the scripts that show it. More of them:
//! `CREDWRIGHT_SEQUENCES=2000`, and others: `CREDWRIGHT_SEED=7`.

mod calls;
mod outside;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use base::process::SystemProcess;
use base::{Disk, Process};
use effect::{Outcome, Recording, RunId};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use prove::rules::{Before, broken_beside};
use prove::{Fate, Host};

use super::host;
use calls::{Act, act};
use outside::{Outside, outside};

/// How many sequences are tried unless the environment says otherwise.
const SEQUENCES: u32 = 60;

/// The name under which the scripts run.
const NAME: &str = "sequence";

/// How a lock-out is told, before the connector's id.
const LOCKED_OUT: &str = "I1: locked out: ";

/// One script, and what happens before and to it.
#[derive(Clone, Debug)]
struct Turn {
    /// What somebody else, or time, does before it.
    outside: Option<Outside>,
    /// Whether a run that was left in the middle is taken back first.
    takes_back: bool,
    /// What the script calls.
    acts: Vec<Act>,
    /// Whether it catches the error of each call.
    catches: bool,
    /// Whether it fails at its end.
    fails: bool,
    /// At which operation its process is killed.
    killed_at: Option<usize>,
}

fn turn() -> impl Strategy<Value = Turn> {
    let outside = prop_oneof![6 => Just(None), 1 => outside().prop_map(Some)];
    let acts = prop_oneof![
        3 => prop::collection::vec(act(), 1),
        1 => prop::collection::vec(act(), 2..4),
    ];
    let killed_at = prop_oneof![8 => Just(None), 1 => (1_usize..60).prop_map(Some)];
    let rarely = || prop::bool::weighted(0.15);
    (outside, rarely(), acts, any::<bool>(), rarely(), killed_at).prop_map(
        |(outside, takes_back, acts, catches, fails, killed_at)| Turn {
            outside,
            takes_back,
            acts,
            catches,
            fails,
            killed_at,
        },
    )
}

/// A world in which a sequence happens, and what happened there, as scripts.
struct Happening {
    host: Host,
    told: Vec<String>,
}

impl Happening {
    fn new() -> Self {
        let host = host(300);
        let wrong = Path::new("/home/admin/wrong");
        host.world.disk.write_atomic(wrong, b"not the password\n", 0o600).unwrap();
        Self { host, told: Vec::new() }
    }

    /// The steps that were done, by name.
    fn steps(&self) -> BTreeSet<String> {
        let executor = &self.host.ports.executor;
        let runs = executor.block_on(self.host.store.find_runs(u32::MAX)).unwrap();
        let journal =
            |run: state::Run| executor.block_on(self.host.store.journal(&RunId(run.id))).unwrap();
        let recordings = runs.into_iter().map(journal).map(Recording::of);
        let mut steps = BTreeSet::new();
        for recording in recordings {
            let all = recording.calls().flat_map(|call| &call.steps);
            let done = all.filter(|step| matches!(step.outcome, Some(Outcome::Done(_))));
            steps.extend(done.map(|step| step.intent.name.clone()));
        }
        steps
    }

    /// Lets a turn happen, and answers which rules it broke.
    fn turn(mut self, turn: &Turn) -> Result<Self, String> {
        if turn.takes_back {
            self.host.take_back(NAME);
            self.told.push("// what stopped is taken back".to_owned());
        }
        if let Some(outside) = &turn.outside {
            self.told.push(format!("// {outside:?}"));
            outside.happen(&self.host);
        }
        let before = Before::of(&self.host).map_err(|error| self.tell(&format!("{error:?}")))?;
        let known = self.broken(None)?;
        // One that is added with an account which somebody else broke was never locked in.
        let old: Vec<String> = self.connectors().into_iter().map(|known| known.id).collect();
        let body = self.script(turn);
        self.told.push(match turn.killed_at {
            Some(operation) => format!("// killed at operation {operation}:\n{body}"),
            None => body.clone(),
        });
        if let Some(operation) = turn.killed_at {
            self.host.plan(operation, Fate::KillBefore);
        }
        let ended = self.host.run_text(NAME, &format!("fn main(p) {{\n{body}\n}}"));
        self.told.push(match &ended.result {
            Ok(value) => format!("// → {value}"),
            Err(error) => format!("// → {}: {error}", ended.exit_code),
        });
        if !self.host.is_alive() {
            self = self.resumed()?;
        }
        let settings = turn.acts.iter().any(Act::sets_the_scheduler);
        let broken = self.broken(Some(&before))?;
        let new: Vec<_> = broken
            .difference(&known)
            .filter(|one| !(settings && one.starts_with("I4: the settings")))
            .filter(|one| one.strip_prefix(LOCKED_OUT).is_none_or(|id| old.iter().any(|o| o == id)))
            .collect();
        if !new.is_empty() {
            return Err(self.tell(&format!("{new:#?}")));
        }
        if let Err(error) = &ended.result
            && error.code == base::Code::Internal
        {
            return Err(self.tell(&format!("a mistake of the program: {error:?}")));
        }
        Ok(self)
    }

    /// The next process goes on with what was interrupted.
    fn resumed(self) -> Result<Self, String> {
        let Self { host, mut told } = self;
        let host = host.restart().map_err(|error| format!("{error:?}"))?;
        for _ in 0..3 {
            let Ok(Some((id, attempt))) = host.interrupted(NAME) else { break };
            let resumed = host.resume(&id, attempt);
            told.push(format!("// resumed → {}: {:?}", resumed.exit_code, resumed.result));
            if resumed.exit_code == 0 {
                break;
            }
        }
        Ok(Self { host, told })
    }

    /// The script of a turn, with everything written out that it names.
    fn script(&self, turn: &Turn) -> String {
        let mut lines = vec!["connect_tenant();".to_owned()];
        for act in &turn.acts {
            let call = act.written(&self.host);
            lines.push(if turn.catches {
                format!("try {{ {call}; }} catch {{ }}")
            } else {
                format!("{call};")
            });
        }
        if turn.fails {
            lines.push("throw \"at the end\";".to_owned());
        }
        lines.join("\n")
    }

    /// The rules that do not hold. How a lock-out is worded differs from one look to the next, and the
    /// connector may have got another name: it is told by its id.
    fn broken(&self, before: Option<&Before>) -> Result<BTreeSet<String>, String> {
        let broken = broken_beside(&self.host, before);
        let broken = broken.map_err(|error| self.tell(&format!("{error:?}")))?;
        let connectors = self.connectors();
        let short = |one: String| match one.split_once(" is locked out") {
            Some((who, _)) => {
                let known = connectors.iter().find(|known| who == format!("I1: '{}'", known.name));
                known.map_or(one.clone(), |known| format!("{LOCKED_OUT}{}", known.id))
            }
            None => one,
        };
        Ok(broken.into_iter().map(short).collect())
    }

    fn connectors(&self) -> Vec<state::Connector> {
        self.host.ports.executor.block_on(self.host.store.find_connectors()).unwrap()
    }

    fn tell(&self, what: &str) -> String {
        format!("{what}\n\n{}", self.told.join("\n\n"))
    }
}

fn number(name: &str) -> Option<u64> {
    SystemProcess.environment(name).map(|text| text.parse().unwrap())
}

#[test]
fn no_sequence_of_calls_breaks_a_rule() {
    let cases = number("CREDWRIGHT_SEQUENCES");
    let cases = cases.map_or(SEQUENCES, |cases| u32::try_from(cases).unwrap());
    let config =
        Config { cases, failure_persistence: None, max_shrink_iters: 400, ..Config::default() };
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number("CREDWRIGHT_SEED").unwrap_or(1).to_le_bytes());
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(config, random);
    let sequences = prop::collection::vec(turn(), 1..12);
    let seen = RefCell::new(BTreeSet::new());
    let ended = runner.run(&sequences, |turns| {
        let mut happening = Happening::new();
        for turn in &turns {
            happening = happening.turn(turn).map_err(TestCaseError::fail)?;
        }
        seen.borrow_mut().extend(happening.steps());
        Ok(())
    });
    if let Err(error) = ended {
        panic!("{error}");
    }
    // Sequences in which nothing comes about break nothing.
    let expected = [
        "link_application",
        "link_service_account",
        "remove_key",
        "revoke_role",
        "delete_service_principal",
        "delete_application",
        "remove_certificate",
        "remove_private_key",
        "set_connector",
        "remove_connector",
    ];
    let seen = seen.into_inner();
    let missing: Vec<_> = expected.iter().filter(|name| !seen.contains(**name)).collect();
    assert!(missing.is_empty(), "never done: {missing:?}");
}
