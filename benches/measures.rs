//! The measures of this house, each beside a baseline that is measured in the same run: a trivial
//! process, a durable write, and the making of an RSA key. Nothing is asserted: what a machine does
//! in a second is not a matter of right and wrong.
//!
//! Run it with: cargo bench -p credwright-benches
#![expect(clippy::expect_used, reason = "a measure that cannot be taken is of no use to anybody")]

use std::fs::OpenOptions;
use std::hint::black_box;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use aws_lc_rs::rsa::{KeyPair, KeySize};
use credwright_benches::{Sample, heading, line, note, ratio, shown, span};
use prove::{Host, Workshop};

/// Starts of a process.
const STARTS: usize = 50;
/// Onboardings on a fresh home.
const ONBOARDINGS: usize = 5;
/// RSA keys.
const KEYS: usize = 30;
/// Onboardings in the virtual world.
const WORLDS: u64 = 100;
/// Turns of a loop in a script.
const TURNS: u32 = 20_000;

fn main() {
    let binary = binary();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    heading("Medians. The machine's other work shows in the difference between least and median.");
    let key = rsa_key();
    let written = durable_write(folder.path());
    starts(&binary, folder.path(), written);
    onboardings(&binary, folder.path(), key);
    virtual_world(key);
    calls();
}

/// The optimised binary, built where it is not up to date.
fn binary() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--quiet", "--package", "credwright"])
        .current_dir(&root)
        .status();
    assert!(built.is_ok_and(|status| status.success()), "credwright was not built");
    // The folder of temporary files lies in the target folder.
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("../release/credwright")
}

fn rsa_key() -> Duration {
    heading("Baselines");
    let keys = Sample::of(KEYS, || {
        black_box(KeyPair::generate(KeySize::Rsa2048).expect("a key"));
    });
    line("an RSA key of 2048 bits", &keys, ("it", keys.median()));
    keys.median()
}

fn durable_write(folder: &Path) -> Duration {
    let mut file =
        OpenOptions::new().create(true).append(true).open(folder.join("written")).expect("a file");
    let writes = Sample::of(KEYS, || {
        file.write_all(&[7; 256]).expect("room");
        file.sync_data().expect("a disk");
    });
    line("256 bytes, written durably", &writes, ("it", writes.median()));
    writes.median()
}

/// Runs a program to its end, with nothing to read and nobody who reads.
fn process(program: &Path, words: &[&str], home: &Path) {
    let status = Command::new(program)
        .args(words)
        .env("CREDWRIGHT_HOME", home)
        .current_dir(home)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.is_ok_and(|status| status.success()), "{} {words:?}", program.display());
}

fn starts(binary: &Path, folder: &Path, written: Duration) {
    heading(&format!("A whole process, from start to end ({STARTS} of each, in turns)"));
    let home = folder.join("warm");
    std::fs::create_dir(&home).expect("a folder");
    let script = home.join("empty.rhai");
    std::fs::write(&script, "fn main(p) { }\n").expect("a script");
    let script = script.to_str().expect("a plain name");
    process(binary, &["run", script], &home);

    let rows: [(&str, &Path, &[&str]); 5] = [
        ("/bin/true", Path::new("/bin/true"), &[]),
        ("credwright --version", binary, &["--version"]),
        ("credwright connectors", binary, &["connectors"]),
        ("credwright repl, left at once", binary, &["repl"]),
        ("credwright run of an empty script", binary, &["run", script]),
    ];
    let mut spans: Vec<Vec<Duration>> = vec![Vec::new(); rows.len()];
    for _ in 0..STARTS {
        for (row, (_, program, words)) in rows.iter().enumerate() {
            spans[row].push(span(|| process(program, words, &home)));
        }
    }
    let samples: Vec<Sample> = spans.into_iter().map(Sample::new).collect();
    let trivial = samples[0].median();
    for ((name, ..), sample) in rows.iter().zip(&samples) {
        line(name, sample, ("/bin/true", trivial));
    }
    let run = samples[4].median();
    note("the run of an empty script, in durable writes", &ratio(run, written));
}

fn onboardings(binary: &Path, folder: &Path, key: Duration) {
    heading(&format!("The whole onboarding, on a fresh home ({ONBOARDINGS} of each)"));
    let (mut onboarded, mut busy, mut again) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..ONBOARDINGS {
        let home = folder.join(format!("fresh {number}"));
        std::fs::create_dir(&home).expect("a folder");
        let before = children();
        onboarded.push(span(|| process(binary, &["run", "onboard", "--yes"], &home)));
        busy.push(children() - before);
        again.push(span(|| process(binary, &["run", "onboard", "--yes"], &home)));
    }
    let unit = ("RSA keys", key);
    let (onboarded, busy) = (Sample::new(onboarded), Sample::new(busy));
    line("credwright run onboard, tenant included", &onboarded, unit);
    line("  of it computing", &busy, unit);
    note("  of it waiting", &shown(onboarded.median().saturating_sub(busy.median())));
    line("the same again: nothing to do", &Sample::new(again), unit);
}

/// The processor's time of all children that have ended, to a hundredth of a second.
fn children() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap_or_default();
    // The sixteenth and seventeenth field of all: user and system time of children.
    let ticks = fields.split_whitespace().skip(13).take(2);
    let ticks: u64 = ticks.filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

fn virtual_world(key: Duration) {
    heading(&format!("Onboarding in the virtual world, in one process ({WORLDS} worlds)"));
    let workshop = Workshop::new().expect("keys");
    let mut seed = 0;
    let whole = Sample::of(usize::try_from(WORLDS).unwrap_or(1), || {
        seed += 1;
        let host = Host::new(&workshop, seed).expect("a world");
        assert_eq!(host.run("onboard", &[]).exit_code, 0);
    });
    line("a fresh world and its onboarding", &whole, ("RSA keys", key));
    note("in a second, on one core", &format!("{:.0}", 1.0 / whole.median().as_secs_f64()));
}

fn calls() {
    heading(&format!("A call of a script ({TURNS} turns of a loop, least of 5)"));
    let workshop = Workshop::new().expect("keys");
    let host = Host::new(&workshop, 1).expect("a world");
    let turn = |body: &str| {
        let text = format!("for turn in 0..{TURNS} {{ {body} }}");
        Sample::of(5, || drop(host.run_body(&text).result.expect("a loop that ends"))).least()
            / TURNS
    };
    let nothing = turn("");
    let native = turn("abs(turn);").saturating_sub(nothing);
    let read = turn("now();").saturating_sub(nothing);
    note("a turn of the loop", &shown(nothing));
    note("a function of the language", &shown(native));
    note("a cmdlet that reads, through gate and journal", &shown(read));
    note("  beside a function of the language", &ratio(read, native));
}
