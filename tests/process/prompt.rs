//! The prompt, driven through a pipe, against a tenant in another process.

use super::harness::Home;
use super::served::{Served, onboard};

#[test]
fn a_session_onboards_line_by_line() {
    let (served, home) = (Served::new(), Home::new());
    let lines = r#"
let name = "default";
fn checked(x) { x.identity_type }
undefined_thing(name)
connect_tenant();
let prepared = prepare_credential(#{ connector: name });
let registered = add_app_registration(#{
    connector: name,
    certificate_sha256: prepared.certificate_sha256,
});
link_app_registration(#{ connector: name, app_id: registered.app_id, certificate_sha256: prepared.certificate_sha256 });
let cycle = start_sync_cycle(name);
checked(get_connector_credential(#{ connector: name }))
exit
"#;
    let words = ["--tenant", &served.file(), "repl", "--yes"];
    let ended = home.line(&words).input(lines).run();
    // The worst of its lines: one called something that does not exist.
    let ended = ended.code(2).says(&["There is no function 'undefined_thing'"]);
    let last = ended.stdout.trim().lines().next_back().unwrap_or_default();
    assert_eq!(last, "Application", "{ended:?}");

    // Every line that changed something is a run with a record, and nothing is left to do.
    let document = onboard(&home, &served.file()).code(0).json();
    assert_eq!(document["changed"], false);
    served.shown().assert_one(&document["value"]["certificate_sha256"]);
}

#[test]
fn a_session_that_ends_in_the_middle_leaves_the_scheduler_running() {
    let (served, home) = (Served::new(), Home::new());
    let lines = "pause_scheduler(#{ connector: \"default\", reason: \"a look\" });\nthrow 1;\n";
    let words = ["--tenant", &served.file(), "repl", "--yes"];
    let ended = home.line(&words).input(lines).run();
    assert!(ended.signal.is_none(), "{ended:?}");
    let document = onboard(&home, &served.file()).code(0).json();
    assert_eq!(document["value"]["identity_type"], "Application");
}
