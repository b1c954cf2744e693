//! The rules, asked of Microsoft Graph and OpenSSL.

use serde_json::Value;

use super::scenario::{End, Scenario};
use crate::process::harness::{python, tool};
use crate::process::served::Served;

/// The roles that an onboarding grants in the sandbox, each once.
const ROLES: [&str; 4] = [
    "ADSynchronization.ReadWrite.All",
    "PasswordWriteback.OffboardClient.All",
    "PasswordWriteback.RefreshClient.All",
    "PasswordWriteback.RegisterClientVersion.All",
];

/// What Microsoft Graph shows of everything of ours.
pub struct Outside {
    applications: Vec<Value>,
    /// Also those without an application.
    principals: Vec<Value>,
}

impl Outside {
    pub fn of(served: &Served) -> Self {
        let listed = |command: &str| {
            python("directory.py", &[command, &served.file()]).as_array().unwrap().clone()
        };
        Self { applications: listed("show"), principals: listed("principals") }
    }

    /// Fails unless the tenant has as many objects of ours as these homes should have made.
    pub fn require_nothing_else(&self, scenarios: &[Scenario]) {
        let made = scenarios.iter().filter(|scenario| scenario.end == End::Application).count();
        let told = || {
            let all: Vec<String> = scenarios.iter().map(Scenario::told).collect();
            let (applications, principals) = (&self.applications, &self.principals);
            format!("{applications:#?}\n{principals:#?}\n{}", all.join("\n"))
        };
        assert_eq!(self.applications.len(), made, "applications: {}", told());
        assert_eq!(self.principals.len(), made, "principals: {}", told());
    }

    /// Fails unless a home left what it should have: one of each, or nothing.
    pub fn require(&self, scenario: &Scenario) {
        let keys = scenario.files("keys");
        let keys: Vec<&String> =
            keys.iter().filter(|name| !name.starts_with("wrapping.")).collect();
        let certificates = scenario.files("certificates");
        if scenario.end == End::ServiceAccount {
            assert!(keys.is_empty(), "a key is left: {keys:?}");
            assert!(certificates.is_empty(), "a certificate is left: {certificates:?}");
            return;
        }
        assert_eq!(keys.len(), 1, "one key, and no part of another: {keys:?}");
        assert!(keys[0].ends_with(".sealed"), "{keys:?}");
        assert_eq!(certificates.len(), 1, "one certificate: {certificates:?}");

        let file = scenario.folder("certificates").join(&certificates[0]);
        let file = file.to_str().unwrap();
        let verified = tool(&["openssl", "verify", "-x509_strict", "-CAfile", file, file]);
        assert!(verified.trim().ends_with("OK"), "{verified}");
        let words = ["openssl", "x509", "-in", file, "-fingerprint", "-sha256", "-outform", "PEM"];
        let printed = tool(&words);
        let (fingerprint, pem) = printed.split_once('\n').unwrap();
        let sha256 = fingerprint.rsplit('=').next().unwrap().replace(':', "");
        assert_eq!(certificates[0], format!("{sha256}.pem"));
        let certificate: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        self.require_one(&certificate);
    }

    /// Fails unless one application has this certificate, as its only key, and all that belongs to it.
    fn require_one(&self, certificate: &str) {
        let holds = |application: &&Value| {
            let keys = application["keys"].as_array().unwrap();
            keys.iter().any(|key| key["certificate"] == certificate)
        };
        let all: Vec<&Value> = self.applications.iter().filter(holds).collect();
        let [only] = all[..] else { panic!("{} hold the certificate", all.len()) };
        assert_eq!(only["keys"].as_array().unwrap().len(), 1, "{only:#}");
        assert_eq!(only["passwords"], 0, "{only:#}");
        let unique = only["unique_name"].as_str().unwrap();
        assert!(unique.starts_with("credwright-"), "{only:#}");
        let shares =
            |other: &&Value| other["unique_name"] == unique || other["name"] == only["name"];
        assert_eq!(self.applications.iter().filter(shares).count(), 1, "{only:#}");
        let of_it = |principal: &&Value| principal["app_id"] == only["app_id"];
        assert_eq!(self.principals.iter().filter(of_it).count(), 1, "{only:#}");
        let roles: Vec<&str> =
            only["roles"].as_array().unwrap().iter().map(|role| role.as_str().unwrap()).collect();
        assert_eq!(roles, ROLES, "{only:#}");
    }
}
