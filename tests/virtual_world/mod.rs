//! Host and tenant in one process, in virtual time.

mod crash;
mod examples;
mod faults;
mod hostile;
mod interruptions;
mod jobs;
mod onboarding;
mod parallel;
mod partial_states;
mod processes;
mod resume;
mod rules;

use std::sync::OnceLock;

use prove::{Host, Workshop};

/// The keys, which are made once for all tests of this process.
pub fn workshop() -> &'static Workshop {
    static WORKSHOP: OnceLock<Workshop> = OnceLock::new();
    WORKSHOP.get_or_init(|| Workshop::new().expect("keys"))
}

/// Makes a fresh world.
pub fn host(seed: u64) -> Host {
    Host::new(workshop(), seed).expect("a virtual world")
}

/// Fails where a rule that always holds does not hold in this world.
pub fn assert_rules(host: &Host) {
    host.sandbox.faults().clear();
    host.interrupt.clear();
    let broken = prove::rules::broken(host).expect("a world that can be looked at");
    assert!(broken.is_empty(), "{broken:#?}");
}
