//! What this host is not the cause of: time, and another administrator.

use std::time::Duration;

use base::Clock;
use http::Method;
use proptest::prelude::*;
use prove::Host;
use serde_json::{Value, json};

/// Something that happens between two scripts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outside {
    /// Days pass; certificates expire.
    Days(u64),
    /// The clock of the machine is set that many days ahead.
    SetClock(u64),
    /// The account's password is another one from now on.
    OtherPassword,
    /// The account's password is the right one again.
    RightPassword,
    /// An application of this host is deleted.
    DeleteApplication,
    /// A principal of this host is deleted.
    DeletePrincipal,
    /// All keys of an application of this host are removed.
    RemoveKeys,
    /// A key is registered beside those of this host.
    AddKey,
}

pub(super) fn outside() -> impl Strategy<Value = Outside> {
    prop_oneof![
        2 => (1_u64..100).prop_map(Outside::Days),
        1 => (0_u64..3).prop_map(Outside::SetClock),
        1 => Just(Outside::OtherPassword),
        2 => Just(Outside::RightPassword),
        1 => Just(Outside::DeleteApplication),
        1 => Just(Outside::DeletePrincipal),
        1 => Just(Outside::RemoveKeys),
        1 => Just(Outside::AddKey),
    ]
}

const DAY: u64 = 24 * 60 * 60;

impl Outside {
    /// Lets it happen, and lets every replica know.
    pub(super) fn happen(self, host: &Host) {
        let rival = host.rival();
        let tenant = host.sandbox.show();
        let own = |name: &str| name.starts_with("ConnectSync");
        let application = tenant.applications.iter().find(|found| own(&found.name));
        // What is not there is not changed; nor does it matter whether the tenant refuses.
        let ask = |method: Method, path: String, body: Value| drop(rival.ask(method, &path, &body));
        let password = |password: &str| {
            let profile = json!({ "password": password, "forceChangePasswordNextSignIn": false });
            let path = format!("users/{}", host.sandbox.sign_ins().legacy_username);
            ask(Method::PATCH, path, json!({ "passwordProfile": profile }));
        };
        match self {
            Outside::Days(days) => pass(host, days * DAY),
            Outside::SetClock(days) => {
                host.set_clock(host.world.clock.now().plus(Duration::from_secs(days * DAY)));
            }
            Outside::OtherPassword => password("Another-password-1"),
            Outside::RightPassword => {
                password(host.sandbox.sign_ins().legacy_password.expose());
            }
            Outside::DeleteApplication => {
                if let Some(found) = application {
                    ask(Method::DELETE, format!("applications/{}", found.id), Value::Null);
                }
            }
            Outside::DeletePrincipal => {
                if let Some(found) = tenant.principals.iter().find(|found| own(&found.name)) {
                    ask(Method::DELETE, format!("servicePrincipals/{}", found.id), Value::Null);
                }
            }
            Outside::RemoveKeys => {
                if let Some(found) = application {
                    let path = format!("applications/{}", found.id);
                    ask(Method::PATCH, path, json!({ "keyCredentials": [] }));
                }
            }
            Outside::AddKey => {
                if let Some(found) = application.filter(|found| found.keys.len() == 1) {
                    super::super::add_foreign_key(host, found);
                }
            }
        }
        pass(host, 60);
    }
}

fn pass(host: &Host, seconds: u64) {
    host.ports.executor.block_on(host.world.clock.sleep(Duration::from_secs(seconds)));
}
