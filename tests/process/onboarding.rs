//! The whole onboarding, against a tenant in another process.

use std::path::Path;

use base::{Clock, clock::SystemClock};
use serde_json::{Value, json};

use super::harness::{Home, python, tool};
use super::served::{Served, onboard};

/// Everything that is kept under a folder, but for folders of these names.
fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
}

fn contains(content: &[u8], secret: &str) -> bool {
    content.windows(secret.len()).any(|window| window == secret.as_bytes())
}

#[test]
fn onboarding_moves_the_connector_and_says_so_in_one_document() {
    let (served, home) = (Served::new(), Home::new());
    let legacy = python("directory.py", &["legacy-roles", &served.file()]);
    let document = onboard(&home, &served.file()).code(0).json();

    let description = served.description();
    assert_eq!(document["changed"], true);
    assert_eq!(document["exit_code"], 0);
    assert_eq!(document["error"], Value::Null);
    let tenant = json!({ "id": description["tenant_id"], "name": "Contoso", "sandbox": true });
    assert_eq!(document["tenant"], tenant);
    let (before, after) = (&document["before"][0], &document["after"][0]);
    assert_eq!(before["connector"], "default", "{document:#}");
    assert_eq!(before["identity_type"], "ServiceAccount");
    assert_eq!(before["service_account"], description["legacy_account"]["username"]);
    assert_eq!(after["identity_type"], "Application", "{document:#}");
    assert_eq!(before["scheduler"], "runs");
    assert_eq!(after["scheduler"], "runs", "the scheduler is not as it was");
    let events: Vec<&Value> =
        document["events"].as_array().unwrap().iter().map(|event| &event["event_id"]).collect();
    assert!(events.contains(&&json!(1014)), "{events:?}");
    assert!(events.contains(&&json!(2622)), "{events:?}");

    // The tenant agrees, asked by another library.
    let value = &document["value"];
    let shown = served.shown();
    shown.assert_one(&value["certificate_sha256"]);
    let only = shown.only();
    assert_eq!(only["app_id"], value["app_id"]);
    assert_eq!(only["id"], value["application_id"]);
    assert_eq!(only["keys"][0]["key_id"], value["key_id"]);
    assert_eq!(only["audience"], "AzureADMyOrg");
    assert_eq!(only["passwords"], 0);
    let roles = only["roles"].as_array().unwrap();
    assert!(roles.contains(&json!("ADSynchronization.ReadWrite.All")), "{roles:?}");
    let unchanged = python("directory.py", &["legacy-roles", &served.file()]);
    assert_eq!(unchanged, legacy, "the way back must stay open");
    assert_eq!(unchanged["enabled"], true);

    // Again: nothing is changed.
    let again = onboard(&home, &served.file()).code(0).says(&["Nothing to do"]).json();
    assert_eq!(again["changed"], false);
    assert_eq!(again["value"]["certificate_sha256"], value["certificate_sha256"]);
    assert_eq!(served.shown().0, shown.0, "the second run changed the tenant");
}

#[test]
fn the_certificate_is_one_that_openssl_accepts() {
    let (served, home) = (Served::new(), Home::new());
    let before = SystemClock.now();
    let value = onboard(&home, &served.file()).code(0).json()["value"].clone();
    let sha256 = value["certificate_sha256"].as_str().unwrap();
    let file = home.path().join(format!("state/certificates/{sha256}.pem"));
    let file = file.to_str().unwrap();

    let verified = tool(&["openssl", "verify", "-x509_strict", "-CAfile", file, file]);
    assert!(verified.trim().ends_with("OK"), "{verified}");
    let text = tool(&["openssl", "x509", "-in", file, "-noout", "-text"]);
    for expected in [
        "Public-Key: (2048 bit)",
        "Signature Algorithm: sha256WithRSAEncryption",
        "Subject: CN = Entra Connect Sync Provisioning",
        "X509v3 Key Usage: critical\n                Digital Signature\n",
    ] {
        assert!(text.contains(expected), "'{expected}' is not in\n{text}");
    }
    let fingerprint = tool(&["openssl", "x509", "-in", file, "-noout", "-fingerprint", "-sha256"]);
    assert_eq!(fingerprint.trim().rsplit('=').next().unwrap().replace(':', ""), sha256);
    let fingerprint = tool(&["openssl", "x509", "-in", file, "-noout", "-fingerprint", "-sha1"]);
    let thumbprint = value["thumbprint"].as_str().unwrap();
    assert_eq!(fingerprint.trim().rsplit('=').next().unwrap().replace(':', ""), thumbprint);

    // Ninety days, from a moment before the run, for hosts whose clock is a little behind.
    let date = |option: &str| -> i64 {
        let line =
            tool(&["openssl", "x509", "-in", file, "-noout", option, "-dateopt", "iso_8601"]);
        let moment = line.trim().split_once('=').unwrap().1.replace(' ', "T");
        moment.parse::<base::Timestamp>().unwrap().as_millis() / 1000
    };
    let (start, end) = (date("-startdate"), date("-enddate"));
    assert_eq!(end - start, 90 * 24 * 60 * 60);
    assert!(start <= before.as_millis() / 1000, "it is not valid yet for a host behind");
    let checked = tool(&["openssl", "x509", "-in", file, "-noout", "-checkend", "7600000"]);
    assert!(checked.contains("will not expire"), "{checked}");

    // What the tenant holds is this certificate to the byte.
    let der = tool(&["openssl", "x509", "-in", file, "-outform", "PEM"]);
    let body: String = der.lines().filter(|line| !line.starts_with("-----")).collect();
    assert_eq!(served.shown().only()["keys"][0]["certificate"], body);
}

#[test]
fn no_secret_is_said_kept_or_passed() {
    let (served, home) = (Served::new(), Home::new());
    let description = served.description();
    let mut line = home.line(&["--tenant", &served.file(), "run", "onboard", "--yes", "--json"]);
    let mut program = line.variable("CREDWRIGHT_LOG", "trace").start();
    program.wait_for("create the application");
    let arguments = std::fs::read(format!("/proc/{}/cmdline", program.id())).unwrap();
    let ended = program.end().code(0);
    assert!(ended.stderr.contains("TRACE"), "nothing was traced\n{}", ended.stderr);

    let mut kept = vec![
        ("standard output".to_owned(), ended.stdout.into_bytes()),
        ("standard error".to_owned(), ended.stderr.into_bytes()),
        ("the arguments".to_owned(), arguments),
    ];
    let shown = home.run(&["--tenant", &served.file(), "events", "--json"]).code(0);
    kept.push(("the events".to_owned(), shown.stdout.into_bytes()));
    files(home.path(), &mut kept);
    assert!(kept.iter().any(|(name, _)| name.ends_with("state.db")), "no journal");
    assert!(kept.iter().any(|(name, _)| name.ends_with(".sealed")), "no key");

    let password = |account: &str| description[account]["password"].as_str().unwrap().to_owned();
    let administrator = std::fs::read_to_string(served.data().join("admin.pem")).unwrap();
    let secrets = [
        password("admin"),
        password("legacy_account"),
        // Access tokens, assertions and proofs of possession begin like this.
        "eyJ".to_owned(),
        "PRIVATE KEY".to_owned(),
        administrator.lines().nth(2).unwrap().to_owned(),
    ];
    // What is no secret is found in this way.
    let known = "Entra Connect Sync Provisioning";
    for place in ["state.db", "standard output", ".pem"] {
        let mut holders = kept.iter().filter(|(name, _)| name.contains(place));
        let known = if place == ".pem" { "BEGIN CERTIFICATE" } else { known };
        assert!(holders.any(|(_, content)| contains(content, known)), "{place}: no {known}");
    }
    for (name, content) in kept {
        for secret in &secrets {
            assert!(!contains(&content, secret), "{name} holds {secret}");
        }
    }
}
