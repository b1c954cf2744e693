//! Ctrl-C at every moment of the onboarding.

use base::Code;

use super::{assert_rules, host};

#[test]
fn an_interruption_at_any_moment_locks_nobody_out_and_the_next_run_ends_well() {
    let lines = host(40).run("onboard", &[]).story.len();
    assert!(lines > 30, "the story is too short to be interrupted: {lines} lines");
    for line in 1..lines {
        let host = host(40);
        host.interrupt_after(line);
        let ended = host.run("onboard", &[]);
        let seen = ended.story.last().cloned().unwrap_or_default();
        match &ended.result {
            Ok(_) => assert_eq!(ended.exit_code, 0, "after line {line} ({seen})"),
            Err(error) => {
                assert_eq!(
                    error.code,
                    Code::RunInterrupted,
                    "after line {line} ({seen}): {error:?}"
                );
                assert_eq!(ended.exit_code, 4, "after line {line} ({seen})");
            }
        }
        host.interrupt.clear();
        assert_rules(&host);
        let again = host.run("onboard", &[]);
        assert_eq!(again.exit_code, 0, "after line {line} ({seen}): {:?}", again.result);
        let after = host.credential("default").unwrap();
        assert_eq!(after["identity_type"], "Application", "after line {line} ({seen})");
        let found = host.run_body(
            r#"[find_sync_runs(#{ connector: "default" }).some(|cycle| cycle.result == "success"),
                find_events(#{ event_id: 2622 }).len()]"#,
        );
        let label = format!("after line {line} ({seen}): a cycle, event 2622");
        assert_eq!(found.result.unwrap(), serde_json::json!([true, 1]), "{label}");
        assert_rules(&host);
        let keys = host.ports.executor.block_on(host.keystores().preferred().unwrap().list());
        assert_eq!(keys.unwrap().len(), 1, "after line {line} ({seen}): a key is left over");
    }
}

#[test]
fn a_wait_is_left_at_once() {
    let host = host(41);
    host.interrupt_after(1);
    let before = host.ports.clock.now();
    let ended = host.run_body(r#"sleep("1h")"#);
    assert_eq!(ended.exit_code, 4);
    assert_eq!(host.ports.clock.now(), before, "time passed");
}
