//! What is wrong with one case.

use base::virtual_world::{Fate, Operation};
use base::{Code, Result};

use super::{Case, Scenario, Strike};
use crate::host::{Ended, Host, Workshop};
use crate::rules::{self, Before};

/// What a run on a full disk is told by, itself or as a cause: the disk's own code, or that of what
/// needed it.
const FULL: [Code; 4] =
    [Code::DiskFull, Code::JournalFailed, Code::SyncFailed, Code::PrerequisiteFailed];

/// What came of a case.
pub(super) struct Judged {
    /// What was struck, in words.
    pub(super) operations: Vec<String>,
    /// Whether everything that was planned struck.
    pub(super) struck: bool,
    /// What is wrong, in words.
    pub(super) complaints: Vec<String>,
}

/// Runs a case to its end and looks at what it left.
pub(super) fn judge(
    scenario: &Scenario,
    workshop: &Workshop,
    case: &Case,
    expected: &[Operation],
) -> Judged {
    let mut judged = Judged { operations: Vec::new(), struck: true, complaints: Vec::new() };
    if let Err(error) = judged.follow(scenario, workshop, case, expected) {
        judged.complaints.push(format!("it cannot be looked at: {error:?}"));
    }
    judged
}

impl Judged {
    fn follow(
        &mut self,
        scenario: &Scenario,
        workshop: &Workshop,
        case: &Case,
        expected: &[Operation],
    ) -> Result<()> {
        let host = scenario.begin(workshop, case.seed)?;
        let before = Before::of(&host)?;
        let met = self.strike(&host, case.first, |host| scenario.run(host));
        let planned = expected.get(case.first.number.saturating_sub(1)).map(ToString::to_string);
        if met != planned {
            self.complain(format!(
                "the same seed does not give the same run: {met:?} instead of {planned:?}"
            ));
        }
        let mut host = host.restart()?;
        self.complaints.extend(rules::broken_in_between(&host, &before)?);
        if let Some(second) = case.second {
            let met = self.strike(&host, second, |host| (scenario.recover)(host));
            self.struck = met.is_some();
            host = host.restart()?;
            self.complaints.extend(rules::broken_in_between(&host, &before)?);
        }
        let recovered = (scenario.recover)(&host);
        if recovered.exit_code != 0 {
            let (code, result) = (recovered.exit_code, &recovered.result);
            self.complain(format!("the recovery ended with {code}: {result:?}"));
        }
        self.complaints.extend(rules::broken_since(&host, &before)?);
        self.complaints.extend((scenario.check)(&host)?);
        Ok(())
    }

    fn complain(&mut self, what: String) {
        self.complaints.push(what);
    }

    /// Lets a run be struck, and answers by which operation it was.
    fn strike(
        &mut self,
        host: &Host,
        strike: Strike,
        run: impl FnOnce(&Host) -> Ended,
    ) -> Option<String> {
        host.plan(strike.number, strike.fate);
        let ended = run(host);
        let operations = host.operations();
        let struck = operations.iter().find(|operation| operation.fate.is_some());
        let met = struck.map(ToString::to_string);
        self.operations.extend(met.clone());
        let dies = strike.fate.is_death() && struck.is_some();
        match (dies, host.is_alive()) {
            (true, true) => self.complain("the process outlived its death".to_owned()),
            (false, false) => self.complain("the process died of nothing".to_owned()),
            (false, true) => self.told(strike.fate, &ended),
            (true, false) => {}
        }
        met
    }

    /// A process that lives tells what went wrong so that a person can go on.
    fn told(&mut self, fate: Fate, ended: &Ended) {
        match &ended.result {
            Ok(_) if ended.exit_code != 0 => {
                self.complain(format!("it ended well, with exit code {}", ended.exit_code));
            }
            Ok(_) => {}
            Err(error) => {
                if error.code == Code::Internal {
                    self.complain(format!("it is told as a mistake of the program: {error:?}"));
                }
                let told = format!("{error:?}");
                let is_full = FULL.iter().any(|code| told.contains(code.as_str()));
                if matches!(fate, Fate::DiskFull | Fate::DiskStaysFull) && !is_full {
                    self.complain(format!("it is not told that the disk is full: {error:?}"));
                }
                // The author of a script says what its own failure asks for, and what to type for a run
                // that was not taken back to its end is said by whoever shows it.
                let is_ours = !matches!(error.code, Code::ScriptFailed | Code::EffectUnfinished);
                if error.next.is_none() && is_ours {
                    self.complain(format!("nothing to type next: {error:?}"));
                }
                if ended.exit_code == 0 {
                    self.complain(format!("it failed with exit code 0: {error:?}"));
                }
            }
        }
    }
}
