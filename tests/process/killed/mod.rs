//! SIGKILL anywhere, and going on.
//!
//! Many homes share a tenant in another process. Each of their processes is killed at a point that is drawn from
//! a seed, and so are some of those that recover from it. What must be true in the end is asked of Microsoft
//! Graph, by another library, and of OpenSSL.
//!
//! `CREDWRIGHT_KILLS=5000` kills more often; `CREDWRIGHT_KILL_SEED=…`, which a failure names, draws one
//! scenario again.

mod draw;
mod outside;
mod scenario;

use std::sync::atomic::{AtomicUsize, Ordering};

use base::Process;
use base::process::SystemProcess;

use super::served::Served;
use draw::Draw;
use outside::Outside;
use scenario::{End, Scenario};

/// From what the scenarios of a usual run are drawn.
const SEED: u64 = 20_260_101;
/// So many kills meet a process at work, where nobody wants more.
const KILLS: usize = 200;
/// So many homes share a tenant, and are worked in at once.
const HOMES: usize = 18;

fn wanted<T: std::str::FromStr>(variable: &str) -> Option<T> {
    let text = SystemProcess.environment(variable)?;
    Some(text.parse().ok().unwrap_or_else(|| panic!("{variable}={text} is no number")))
}

/// Does something in every scenario at once. A panic names the seed of its scenario.
fn all(scenarios: &mut [Scenario], work: impl Fn(&mut Scenario) + Sync) {
    let failed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for scenario in scenarios {
            let (work, failed) = (&work, &failed);
            scope.spawn(move || {
                let work = std::panic::AssertUnwindSafe(|| work(scenario));
                if std::panic::catch_unwind(work).is_err() {
                    failed.fetch_add(1, Ordering::Relaxed);
                    eprintln!("{}", scenario.told());
                }
            });
        }
    });
    let failed = failed.into_inner();
    assert_eq!(failed, 0, "{failed} scenarios failed: see above");
}

/// Carries out the scenarios of these seeds against one tenant. Answers how many kills met a process at
/// work, and how many runs were taken back.
fn batch(seeds: &[u64]) -> (usize, usize) {
    let served = Served::new();
    let file = served.file();
    let mut scenarios: Vec<Scenario> =
        seeds.iter().map(|seed| Scenario::new(*seed, &file)).collect();
    all(&mut scenarios, |scenario| {
        scenario.kill_and_recover();
        scenario.require_working();
    });
    let outside = Outside::of(&served);
    outside.require_nothing_else(&scenarios);
    all(&mut scenarios, |scenario| outside.require(scenario));

    let taken_back = scenarios.iter().filter(|scenario| scenario.end == End::ServiceAccount);
    let taken_back = taken_back.count();
    all(&mut scenarios, |scenario| {
        let moved = scenario.onboard_again();
        if moved {
            scenario.require_working();
        }
        scenario.require_records();
    });
    let after = Outside::of(&served);
    after.require_nothing_else(&scenarios);
    all(&mut scenarios, |scenario| after.require(scenario));
    (scenarios.iter().map(|scenario| scenario.kills).sum(), taken_back)
}

#[test]
fn killed_anywhere_and_resumed_it_ends_with_one_of_each_or_with_nothing() {
    if let Some(seed) = wanted("CREDWRIGHT_KILL_SEED") {
        batch(&[seed]);
        return;
    }
    let least = wanted("CREDWRIGHT_KILLS").unwrap_or(KILLS);
    let mut draw = Draw::of(SEED);
    println!("scenarios are drawn from {SEED}");
    let (mut kills, mut taken_back, mut scenarios) = (0, 0, 0);
    while kills < least {
        let seeds: Vec<u64> = (0..HOMES).map(|_| draw.next()).collect();
        let (met, back) = batch(&seeds);
        assert!(met > 0, "no kill met a process at work");
        (kills, taken_back, scenarios) = (kills + met, taken_back + back, scenarios + HOMES);
    }
    println!("{kills} kills in {scenarios} scenarios; {taken_back} runs were taken back");
    assert!(taken_back > 0 && taken_back < scenarios, "{taken_back} of {scenarios}");
}
