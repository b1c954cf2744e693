//! Administrators and hosts that are not as they must be: a refusal before the first effect.

use serde_json::{Value, json};

use super::harness::{Home, python};
use super::served::Served;

/// A home whose profile names the served tenant as if it were a real one, with an administrator who
/// signs in by password; its connector is there already.
pub fn with_profile(served: &Served, username: &str) -> Home {
    let home = Home::new();
    let described = served.description();
    let text = |name: &str| described[name].as_str().unwrap().to_owned();
    let profile = format!(
        "default_profile = 'contoso'\n[profiles.contoso]\ntenant = '{}'\nauthority = '{}'\ngraph = '{}'\nca_file = '{}'\nadmin = {{ username = '{username}' }}\n",
        text("tenant_id"),
        text("authority"),
        text("graph"),
        text("ca_file"),
    );
    home.file("config.toml", &profile);
    let ended = home.script(r#"fn main(p) { add_connector(#{ connector: "default" }) }"#).code(0);
    assert_eq!(ended.json()["tenant"]["sandbox"], false);
    home
}

fn onboard(home: &Home, password: &str) -> Value {
    home.line(&["run", "onboard", "--yes", "--json"])
        .variable("CREDWRIGHT_ADMIN_PASSWORD", password)
        .run()
        .refused(2, "prerequisite.failed")
}

/// Fails unless neither tenant nor host were changed, and the scheduler runs.
fn assert_untouched(served: &Served, home: &Home) {
    assert_eq!(served.shown().0, json!([]), "an application was made");
    let certificates = home.path().join("state/certificates");
    assert!(
        std::fs::read_dir(certificates).map_or(0, Iterator::count) == 0,
        "a certificate is left"
    );
    let connectors = home.json(&["connectors"], 0);
    let text = connectors.to_string();
    assert!(text.contains("ServiceAccount"), "{text}");
    let scheduler = home.value(r#"get_scheduler(#{ connector: "default" })"#);
    assert_eq!(scheduler["effective_enabled"], true, "{scheduler:#}");
}

#[test]
fn a_wrong_password_is_named() {
    let served = Served::new();
    let administrator = served.description()["admin"]["username"].as_str().unwrap().to_owned();
    let home = with_profile(&served, &administrator);
    let document = onboard(&home, "not the password");
    let told = document["error"].to_string();
    assert!(told.contains("sign_in.wrong_password"), "{document:#}");
    assert!(told.contains("50126"), "{document:#}");
    assert!(!told.contains("not the password"), "{document:#}");
    assert_untouched(&served, &home);
}

#[test]
fn an_administrator_without_a_role_is_named() {
    let served = Served::new();
    let plain = python("directory.py", &["add-user", &served.file()]);
    let username = plain["username"].as_str().unwrap();
    let home = with_profile(&served, username);
    let document = onboard(&home, plain["password"].as_str().unwrap());
    let told = document["error"].to_string();
    assert!(told.contains("graph.denied"), "{document:#}");
    assert!(told.contains(username), "{document:#}");
    assert_untouched(&served, &home);
}

#[test]
fn nobody_to_ask_for_a_password_is_a_refusal() {
    let served = Served::new();
    let administrator = served.description()["admin"]["username"].as_str().unwrap().to_owned();
    let home = with_profile(&served, &administrator);
    let ended = home.run(&["run", "onboard", "--yes", "--json"]);
    assert!(matches!(ended.code, Some(2 | 5)), "{ended:?}");
    let document = ended.json();
    assert_eq!(document["changed"], false);
    assert!(document["error"].to_string().contains("CREDWRIGHT_ADMIN_PASSWORD"), "{document:#}");
    assert_untouched(&served, &home);
}

#[test]
fn a_clock_that_is_an_hour_off_is_named() {
    let served = Served::new();
    for (offset, direction) in [("+1h", "ahead"), ("-1h", "behind")] {
        let home = Home::new();
        let words = ["--tenant", &served.file(), "run", "onboard", "--yes", "--json"];
        let ended = home.line(&words).under(&["faketime", "-f", offset]).run();
        let document = ended.refused(2, "prerequisite.failed");
        let told = document["error"].to_string();
        assert!(told.contains("clock.skew") && told.contains(direction), "{document:#}");
        assert_eq!(served.shown().0, json!([]), "an application was made");
    }
}
