//! The calls of a sequence. What they name is chosen by number from what there is, and one more that
//! is not there.

use proptest::prelude::*;
use prove::Host;
use serde_json::{Value, json};
use state::CertificateFilter;

const SYNCHRONIZATION: &str = "ADSynchronization.ReadWrite.All";

/// One call. The numbers choose connectors, certificates, applications, keys and grants.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    Prepare(usize),
    Register(usize, usize),
    Link(usize, usize, usize),
    Onboard(usize),
    Back(usize),
    RemoveApplication(usize),
    RemoveKeyCredential(usize, usize),
    RemovePrincipal(usize, usize),
    RemoveRole(usize, usize, bool),
    RemoveCertificate(usize),
    RemovePrivateKey(usize),
    Pause(usize),
    Resume(usize),
    Cycle(usize),
    Enable(usize, bool),
    SetAccount(usize, bool),
    SetClient(usize, bool),
    Rename(usize),
    Add(usize),
    Forget(usize),
    Test(usize),
    Sleep(u32),
}

pub(super) fn act() -> impl Strategy<Value = Act> {
    let n = || 0_usize..4;
    // What leads further is more frequent: most orders of calls fail at their first one.
    prop_oneof![
        2 => n().prop_map(Act::Prepare),
        3 => (n(), n()).prop_map(|(a, b)| Act::Register(a, b)),
        3 => (n(), n(), n()).prop_map(|(a, b, c)| Act::Link(a, b, c)),
        4 => n().prop_map(Act::Onboard),
        3 => n().prop_map(Act::Back),
        2 => n().prop_map(Act::RemoveApplication),
        2 => (n(), n()).prop_map(|(a, b)| Act::RemoveKeyCredential(a, b)),
        2 => (n(), n()).prop_map(|(a, b)| Act::RemovePrincipal(a, b)),
        2 => (n(), 0_usize..9, any::<bool>()).prop_map(|(a, b, c)| Act::RemoveRole(a, b, c)),
        2 => n().prop_map(Act::RemoveCertificate),
        2 => n().prop_map(Act::RemovePrivateKey),
        1 => n().prop_map(Act::Pause),
        1 => n().prop_map(Act::Resume),
        4 => n().prop_map(Act::Cycle),
        1 => (n(), any::<bool>()).prop_map(|(a, b)| Act::Enable(a, b)),
        1 => (n(), any::<bool>()).prop_map(|(a, b)| Act::SetAccount(a, b)),
        1 => (n(), any::<bool>()).prop_map(|(a, b)| Act::SetClient(a, b)),
        1 => n().prop_map(Act::Rename),
        2 => n().prop_map(Act::Add),
        1 => n().prop_map(Act::Forget),
        1 => n().prop_map(Act::Test),
        1 => (1_u32..90).prop_map(Act::Sleep),
    ]
}

/// One of them, or the value that names nothing.
fn chosen(mut all: Vec<String>, number: usize, nothing: &str) -> String {
    all.push(nothing.to_owned());
    let place = number % all.len();
    all.swap_remove(place)
}

fn connector(host: &Host, number: usize) -> String {
    let known = host.ports.executor.block_on(host.store.find_connectors()).unwrap();
    let names = known.into_iter().map(|connector| connector.name).collect();
    chosen(names, number, "nobody")
}

fn certificate(host: &Host, number: usize) -> String {
    let filter = CertificateFilter::default();
    let known = host.ports.executor.block_on(host.store.find_certificates(&filter)).unwrap();
    let known = known.into_iter().map(|own| own.certificate_sha256).collect();
    chosen(known, number, &"AB".repeat(32))
}

fn application(host: &Host, number: usize) -> String {
    let tenant = host.sandbox.show();
    let own = tenant.applications.iter().filter(|own| own.name.starts_with("ConnectSync"));
    chosen(own.map(|own| own.app_id.to_string()).collect(), number, &tenant.tenant_id.to_string())
}

fn private_key(host: &Host, number: usize) -> String {
    let store = host.keystores().preferred().unwrap();
    let known = host.ports.executor.block_on(store.list()).unwrap();
    let nothing = "software:6f0f3ab0-9b2e-4a39-8d5a-1d7e6b0d2f11";
    chosen(known.iter().map(ToString::to_string).collect(), number, nothing)
}

/// The arguments that name a grant that this host made, in the order of the journal.
fn grant(host: &Host, number: usize, forged: bool) -> String {
    let done = host.ports.executor.block_on(host.store.done_steps("application.add")).unwrap();
    let grants: Vec<Value> =
        done.into_iter().filter(|step| step.name == "grant_role").map(|step| step.marker).collect();
    let id = "6f0f3ab0-9b2e-4a39-8d5a-1d7e6b0d2f11";
    let nothing = json!({ "principal_id": id, "resource_id": id, "app_role_id": id });
    let marker = grants.get(number % (grants.len() + 1)).unwrap_or(&nothing);
    let role = if forged { "PasswordWriteback.OffboardClient.All" } else { SYNCHRONIZATION };
    format!(
        "principal_id: {}, resource_id: {}, app_role_id: {}, role: \"{role}\"",
        marker["principal_id"], marker["resource_id"], marker["app_role_id"]
    )
}

impl Act {
    pub(super) fn sets_the_scheduler(&self) -> bool {
        matches!(self, Act::Enable(..))
    }

    /// The call as a script writes it.
    pub(super) fn written(&self, host: &Host) -> String {
        let of = |number: usize| format!("connector: \"{}\"", connector(host, number));
        let sha = |number| format!("certificate_sha256: \"{}\"", certificate(host, number));
        let app = |number| format!("app_id: \"{}\"", application(host, number));
        match *self {
            Act::Prepare(n) => format!("prepare_credential(#{{ {} }})", of(n)),
            Act::Register(n, c) => format!("add_app_registration(#{{ {}, {} }})", of(n), sha(c)),
            Act::Link(n, a, c) => {
                format!("link_app_registration(#{{ {}, {}, {} }})", of(n), app(a), sha(c))
            }
            Act::Onboard(n) => format!(
                "{{ let p = prepare_credential(#{{ {0} }}); \
                 let r = add_app_registration(#{{ {0}, certificate_sha256: p.certificate_sha256 }}); \
                 link_app_registration(#{{ {0}, app_id: r.app_id, certificate_sha256: r.certificate_sha256 }}); }}",
                of(n)
            ),
            Act::Back(n) => format!("link_service_account(#{{ {} }})", of(n)),
            Act::RemoveApplication(n) => format!("remove_application(#{{ {} }})", of(n)),
            Act::RemoveKeyCredential(n, c) => {
                format!("remove_app_key(#{{ {}, {} }})", of(n), sha(c))
            }
            Act::RemovePrincipal(n, a) => {
                format!("remove_service_principal(#{{ {}, {} }})", of(n), app(a))
            }
            Act::RemoveRole(n, g, forged) => {
                format!("remove_app_role_assignment(#{{ {}, {} }})", of(n), grant(host, g, forged))
            }
            Act::RemoveCertificate(c) => format!("remove_certificate(#{{ {} }})", sha(c)),
            Act::RemovePrivateKey(k) => {
                format!("remove_private_key(#{{ key_uri: \"{}\" }})", private_key(host, k))
            }
            Act::Pause(n) => format!("pause_scheduler(#{{ {}, reason: \"r\" }})", of(n)),
            Act::Resume(n) => format!("resume_scheduler(#{{ {} }})", of(n)),
            Act::Cycle(n) => format!("start_sync_cycle(#{{ {} }})", of(n)),
            Act::Enable(n, on) => {
                format!("set_scheduler(#{{ {}, sync_cycle_enabled: {on} }})", of(n))
            }
            Act::SetAccount(n, right) => {
                let account = host.sandbox.sign_ins().legacy_username;
                let file = if right { "" } else { ", password_file: \"/home/admin/wrong\"" };
                format!("set_connector(#{{ {}, service_account: \"{account}\"{file} }})", of(n))
            }
            Act::SetClient(n, right) => {
                let id = if right { "" } else { "6f0f3ab0-9b2e-4a39-8d5a-1d7e6b0d2f11" };
                format!("set_connector(#{{ {}, client_id: \"{id}\" }})", of(n))
            }
            Act::Rename(n) => {
                let name = connector(host, n);
                let other =
                    if name.ends_with('2') { name.replace('2', "") } else { name.clone() + "2" };
                format!("set_connector(#{{ connector: \"{name}\", name: \"{other}\" }})")
            }
            Act::Add(n) => {
                let account = host.sandbox.sign_ins().legacy_username;
                let name = ["default", "second", "second", "second"][n];
                format!(
                    "add_connector(#{{ connector: \"{name}\", service_account: \"{account}\" }})"
                )
            }
            Act::Forget(n) => format!("remove_connector(#{{ {} }})", of(n)),
            Act::Test(n) => format!("test_credential(#{{ {} }})", of(n)),
            Act::Sleep(minutes) => format!("sleep(\"{minutes}m\")"),
        }
    }
}
