//! SIGKILL anywhere, and going on.

use rustix::process::Signal;

use super::harness::Home;
use super::served::{Served, onboard};

const SEED: u64 = 20_260_101;
const ATTEMPTS: usize = 15;
/// So many lines, or a few more, a whole run says.
const LINES: u64 = 22;

/// The next number of a fixed sequence (SplitMix64).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Runs the onboarding and kills it: after so many lines, and a little computing more, so that it
/// also dies between what it says.
fn killed(home: &Home, file: &str, lines: u64, later: u64) -> bool {
    let mut run = home.line(&["--tenant", file, "run", "onboard", "--yes", "--json"]).start();
    if !run.wait_for_lines(usize::try_from(lines).unwrap()) {
        return false;
    }
    let mut state = later;
    for _ in 0..later {
        std::hint::black_box(next(&mut state));
    }
    run.signal(Signal::KILL);
    run.end().signal.is_some()
}

#[test]
fn killed_anywhere_and_run_again_it_ends_with_one_of_each() {
    let mut state = SEED;
    let points: Vec<[(u64, u64); 2]> = (0..ATTEMPTS)
        .map(|_| std::array::from_fn(|_| (next(&mut state) % LINES, next(&mut state) % 20_000_000)))
        .collect();
    let mut kills = 0;
    std::thread::scope(|scope| {
        let threads: Vec<_> = points
            .iter()
            .map(|points| {
                scope.spawn(move || {
                    let (served, home) = (Served::new(), Home::new());
                    // Killed twice: also while it goes on after the first time.
                    let kills = points
                        .iter()
                        .filter(|(lines, later)| killed(&home, &served.file(), *lines, *later))
                        .count();
                    let document = onboard(&home, &served.file()).code(0).json();
                    let value = &document["value"];
                    assert_eq!(value["identity_type"], "Application", "{points:?}: {document:#}");
                    served.shown().assert_one(&value["certificate_sha256"]);

                    let script = r#"fn main(p) { [
                    get_scheduler(#{ connector: "default" }).effective_enabled,
                    test_credential(#{ connector: "default" }).works,
                    start_sync_cycle(#{ connector: "default" }).result,
                ] }"#;
                    let script = home.file("scripts/works.rhai", script);
                    let words = ["--tenant", &served.file(), "run", &script, "--yes", "--json"];
                    let ended = home.run(&words).code(0);
                    let expected = serde_json::json!([true, true, "success"]);
                    assert_eq!(ended.json()["value"], expected, "{points:?}");
                    let again = onboard(&home, &served.file()).code(0).json();
                    assert_eq!(again["changed"], false, "{points:?}");

                    // Each key file has a certificate beside it, and the other way round.
                    let count = |folder: &str, ending: &str| {
                        let folder = std::fs::read_dir(home.path().join(folder)).unwrap();
                        let names =
                            folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
                        names.filter(|name| name.ends_with(ending)).count()
                    };
                    let keys = count("state/keys", ".sealed");
                    let certificates = count("state/certificates", ".pem");
                    assert!(certificates <= keys, "{points:?}: {certificates} {keys}");
                    kills
                })
            })
            .collect();
        for thread in threads {
            kills += thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
    assert!(kills >= ATTEMPTS, "only {kills} kills met a run at work");
}
