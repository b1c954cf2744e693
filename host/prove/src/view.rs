//! What a process of a virtual host sees besides its ports: its tenant, and its admin.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base::virtual_world::VirtualWorld;
use base::{Code, Diagnostic, Disk, Result, SecretText};
use cmdlets::context::{AdminSignIn, Passwords, Tenant, Tenants};
use effect::{Approval, ApprovalRequest, Approver, Impact};
use entra::{Authority, Client, ClientParts};
use futures::future::{BoxFuture, FutureExt};
use tenant::{Sandbox, SignIns};

use crate::host::{Answers, LOGIN};
use crate::traffic::Traffic;
use crate::transport::RouterTransport;

/// Where the private key of the tenant's administrator lies.
pub(crate) const ADMIN_PEM: &str = "/home/admin/admin.pem";

/// Writes the administrator's key to the world's disk.
///
/// # Errors
/// Where that disk is broken already.
pub(crate) fn keep_admin_key(world: &VirtualWorld, sandbox: &Sandbox) -> Result<()> {
    let known = sandbox.sign_ins();
    let kept = world.disk.create_folder(Path::new("/home/admin"), 0o700).and_then(|()| {
        let content = known.certificate_pem.expose().as_bytes();
        world.disk.write_atomic(Path::new(ADMIN_PEM), content, 0o600)
    });
    kept.map_err(|error| {
        Diagnostic::new(Code::Internal, "The virtual disk is broken").source(&error)
    })
}

/// The tenant in view of one process, and who knows the passwords.
pub(crate) struct InView {
    tenant: Arc<Tenant>,
    known: SignIns,
    wrong_passwords: Arc<AtomicBool>,
}

impl InView {
    pub(crate) fn of(
        world: &VirtualWorld,
        sandbox: &Sandbox,
        traffic: &Arc<Traffic>,
        wrong_passwords: &Arc<AtomicBool>,
    ) -> Result<Self> {
        let ports = world.ports();
        let known = sandbox.sign_ins();
        let transport = RouterTransport::of_process(sandbox, world, traffic.clone());
        let id = known.tenant_id.to_string();
        let authority = Authority::new(LOGIN, &format!("{LOGIN}/v1.0"), &id)?;
        let tenant = Tenant {
            name: sandbox.show().name,
            sandbox: true,
            client: Client::new(ClientParts::new(&ports, Arc::new(transport), authority)),
            admin: AdminSignIn::Certificate {
                client_id: known.client_id.to_string(),
                pem: PathBuf::from(ADMIN_PEM),
            },
            id,
        };
        let wrong_passwords = wrong_passwords.clone();
        Ok(Self { tenant: Arc::new(tenant), known, wrong_passwords })
    }
}

impl Tenants for InView {
    fn open(&self) -> BoxFuture<'_, Result<Arc<Tenant>>> {
        std::future::ready(Ok(self.tenant.clone())).boxed()
    }
}

impl Passwords for InView {
    fn password<'a>(&'a self, account: &'a str) -> BoxFuture<'a, Result<SecretText>> {
        let known = &self.known;
        let password = if self.wrong_passwords.load(Ordering::SeqCst) {
            SecretText::new("not the password")
        } else if account.eq_ignore_ascii_case(&known.legacy_username) {
            known.legacy_password.clone()
        } else {
            known.password.clone()
        };
        std::future::ready(Ok(password)).boxed()
    }
}

/// The admin of a virtual world.
pub(crate) struct Admin(pub(crate) Answers);

impl Approver for Admin {
    fn approve<'a>(&'a self, request: &'a ApprovalRequest) -> BoxFuture<'a, Result<Approval>> {
        let answer = match self.0 {
            Answers::Everything => Approval::Granted,
            Answers::Ordinary if request.impact < Impact::High => Approval::Granted,
            Answers::Ordinary | Answers::Nothing => Approval::Refused,
            Answers::Absent => Approval::NobodyThere("Answer with --yes.".to_owned()),
        };
        std::future::ready(Ok(answer)).boxed()
    }
}
