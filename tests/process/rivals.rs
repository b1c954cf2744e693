//! Two processes that want the same.

use rustix::process::Signal;

use super::harness::Home;
use super::served::{Served, onboard};

#[test]
fn a_second_run_says_who_is_at_work() {
    let (served, home) = (Served::new(), Home::new());
    let words = ["--tenant", &served.file(), "run", "onboard", "--yes", "--json"];
    let mut first = home.line(&words).start();
    first.wait_for("create the application");
    let document = onboard(&home, &served.file()).refused(6, "state.locked");
    let told = document["error"].to_string();
    assert!(told.contains("'onboard'") || told.contains("onboard"), "{told}");
    assert!(told.contains(&first.id().to_string()), "the process is not named: {told}");

    let first = first.end().code(0).json();
    let run = first["run"].as_str().unwrap();
    assert!(told.contains(run), "the run {run} is not named: {told}");
    served.shown().assert_one(&first["value"]["certificate_sha256"]);
    assert_eq!(onboard(&home, &served.file()).code(0).json()["changed"], false);
}

#[test]
fn a_port_or_a_folder_in_use_is_named() {
    let (mut served, other) = (Served::new(), Home::new());
    let authority = served.description()["authority"].as_str().unwrap().to_owned();
    let address = authority.trim_start_matches("https://");
    let words = ["tenant", "serve", "--listen", address, "--data", "data"];
    let document = other.run(&[&words[..], &["--json"]].concat()).refused(2, "tenant.sandbox");
    let message = document["error"]["message"].as_str().unwrap();
    assert!(message.contains(address.rsplit(':').next().unwrap()), "{message}");
    assert!(message.contains("in use"), "{message}");

    let data = served.data();
    let words = ["tenant", "serve", "--data", data.to_str().unwrap(), "--json"];
    let document = other.run(&words).refused(2, "tenant.sandbox");
    let next = document["error"]["next"].as_str().unwrap();
    assert!(next.contains("--tenant"), "{next}");
    // What it says to type works.
    let file = next.rsplit(' ').next().unwrap();
    other.json(&["--tenant", file, "tenant", "show"], 0);
    served.stop().code(0);
}

#[test]
fn an_embedded_sandbox_is_shared_with_the_process_that_serves_it() {
    let home = Home::new();
    let mut serving = home.line(&["tenant", "serve"]).start();
    serving.wait_for("Serving the sandbox tenant");
    let document = home.json(&["run", "onboard", "--yes"], 0);
    assert_eq!(document["changed"], true);
    serving.signal(Signal::TERM);
    serving.end().code(0);
    let document = home.json(&["run", "onboard", "--yes"], 0);
    assert_eq!(document["changed"], false);
    let value = home.value(r#"test_credential(#{ connector: "default" }).works"#);
    assert_eq!(value, true);
}
