//! Every example of every cmdlet is executed, each in a fresh world.

use cmdlets::{Shows, registry};
use serde_json::Value;

use super::host;

#[test]
fn every_example_of_every_cmdlet_shows_what_it_says() {
    let mut wrong = Vec::new();
    for cmdlet in registry::all() {
        let about = cmdlet.about();
        for example in about.examples {
            let ended = host(7).run_body(example.script);
            let label = format!("{}: {}", about.name, example.title);
            match (example.shows, &ended.result) {
                (Shows::Success, Ok(_)) => {}
                (Shows::Value(expected), Ok(value)) => {
                    let expected: Value = serde_json::from_str(expected).unwrap();
                    if *value != expected {
                        wrong.push(format!("{label}: {value} instead of {expected}"));
                    }
                }
                (Shows::Failure(code), Err(error)) if error.code == code => {}
                (shows, result) => wrong.push(format!("{label}: {shows:?}, but {result:?}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A declared change does something, and an example that only reads changes nothing.
#[test]
fn an_example_of_a_reading_cmdlet_alone_changes_nothing() {
    for cmdlet in registry::all() {
        let about = cmdlet.about();
        for example in about.examples {
            let others = registry::all().filter(|other| {
                matches!(other.about().effect, effect::Effect::Change(_))
                    && example.script.contains(other.about().name)
            });
            if others.count() == 0 {
                let ended = host(7).run_body(example.script);
                assert!(!ended.changed, "{}: {}", about.name, example.title);
            }
        }
    }
}
