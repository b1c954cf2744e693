//! Evidence that a connector's credential works, and the guard that removals pass (rule I3).

use base::{Code, Diagnostic, Result};
use effect::{Circumstance, Guard, Removal, Settled};
use entra::well_known::SYNCHRONIZATION_ROLE;
use entra::{AccessToken, Credential, Scope, Session};
use futures::future::LocalBoxFuture;
use state::{
    Certificate, CertificateFilter, CertificateStatus, Connector, EvidenceFilter, EvidenceKind,
    IdentityType, NewEvidence, Writer,
};

use crate::context::{Call, Context};
use crate::sign_in;

/// The label of a cycle that proves no more than that tokens are to be had.
const TOKEN_ONLY: &str = "token-only";

/// Records that what the connector signs in with now was seen to work.
///
/// # Errors
/// As the database says.
pub async fn leave_evidence(
    writer: &Writer,
    connector: &Connector,
    kind: EvidenceKind,
    detail: String,
) -> Result<()> {
    let Some(mut new) = credential_of(connector) else { return Ok(()) };
    (new.kind, new.detail) = (kind, detail);
    writer.record_evidence(new).await.map(drop)
}

/// What evidence names of the credential that the connector signs in with now.
fn credential_of(connector: &Connector) -> Option<NewEvidence> {
    let mut new = NewEvidence {
        kind: EvidenceKind::Token,
        connector_id: connector.id.clone(),
        tenant_id: connector.tenant_id.clone(),
        app_id: String::new(),
        principal_id: String::new(),
        key_id: String::new(),
        certificate_sha256: String::new(),
        key_uri: String::new(),
        detail: String::new(),
    };
    match connector.identity_type {
        IdentityType::ServiceAccount => {
            new.principal_id.clone_from(&connector.service_account.as_ref()?.upn);
        }
        IdentityType::Application => {
            let application = connector.application.as_ref()?;
            new.app_id.clone_from(&application.app_id);
            new.principal_id.clone_from(&application.principal_id);
            new.key_id.clone_from(&application.key_id);
            new.certificate_sha256.clone_from(connector.certificate_sha256.as_ref()?);
            new.key_uri.clone_from(connector.key_uri.as_ref()?);
        }
    }
    Some(new)
}

/// Waits until a credential gets tokens that allow to synchronize, several times in a row.
///
/// # Errors
/// [`Code::ReplicationTimeout`]; what does not pass by waiting at once.
pub async fn wait_until_it_works(
    session: Session<'_>,
    credential: &Credential,
    roles: &[&str],
) -> Result<AccessToken> {
    let scope = Scope::synchronization();
    session.key_accepted(credential, &scope).await?;
    session.role_in_token(credential, &scope, roles).await
}

/// Holds removals of other branches up, and makes sure that none of them took away what `linked`, a
/// connector as it would be, signs in with, since [`effect::OpenCall::removals`] answered `mark`: the
/// proof is older than that. Kept until the connector's record is written.
///
/// # Errors
/// [`Code::ConnectorState`] naming what was removed.
pub async fn still_there<'a>(
    call: &Call<'a>,
    mark: usize,
    linked: &Connector,
) -> Result<Settled<'a>> {
    let settled = call.open.settled(mark).await;
    let certificates = call.store().find_certificates(&CertificateFilter::default()).await?;
    let gone = settled
        .since
        .iter()
        .find(|removal| relation(linked, &certificates, removal) == Relation::Depends);
    let Some(gone) = gone else { return Ok(settled) };
    let (name, what) = (&linked.name, named(gone));
    Err(Diagnostic::new(
        Code::ConnectorState,
        format!("The connector '{name}' cannot sign in with {what}: this run removed it meanwhile"),
    )
    .meaning("Another branch of the script removed it. The connector signs in as before.")
    .next("Do not remove in one branch what another one links, then run the script again."))
}

/// What a connector has to do with an object that is to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    /// Nothing, or the object was never in use.
    None,
    /// It could sign in with it, or did before.
    Past,
    /// It signs in with it now.
    Depends,
}

impl Guard for Context {
    fn judge<'a>(
        &'a self,
        removal: &'a Removal,
        circumstance: Circumstance,
    ) -> LocalBoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let certificates =
                self.store().find_certificates(&CertificateFilter::default()).await?;
            let connectors = self.store().find_connectors().await?;
            require_no_orphan(&connectors, &certificates, removal)?;
            for connector in connectors {
                match relation(&connector, &certificates, removal) {
                    Relation::None => {}
                    Relation::Depends => return Err(depended_on(&connector, removal)),
                    Relation::Past => prove(self, &connector, removal, circumstance).await?,
                }
            }
            Ok(())
        })
    }
}

/// A certificate that is registered, and whose connector this host has forgotten, may still be what
/// somebody signs in with: nobody here can prove that it is not.
fn require_no_orphan(
    connectors: &[Connector],
    certificates: &[Certificate],
    removal: &Removal,
) -> Result<()> {
    let is_it = |known: &&Certificate| match removal {
        Removal::Certificate { certificate_sha256 } => {
            known.certificate_sha256.eq_ignore_ascii_case(certificate_sha256)
        }
        Removal::PrivateKey { key_uri } => known.key_uri.as_ref() == Some(key_uri),
        _ => false,
    };
    let is_orphan = |known: &&Certificate| {
        let owner = known.connector_id.as_ref();
        known.key_id.is_some()
            && owner.is_some_and(|id| connectors.iter().all(|connector| connector.id != *id))
    };
    let Some(orphan) = certificates.iter().filter(is_it).find(is_orphan) else { return Ok(()) };
    let (thumbprint, what) = (&orphan.thumbprint, named(removal));
    Err(Diagnostic::new(
        Code::EffectNoEvidence,
        format!("The certificate {thumbprint} is registered in the tenant, and its connector is forgotten"),
    )
    .meaning(format!("Nobody here can prove that nothing signs in with it, so {what} stays."))
    .next("Remove the application or its key credential in the Microsoft Entra admin center; this host then keeps a key that nothing knows."))
}

/// What `connector` has to do with what is to be removed.
fn relation(connector: &Connector, certificates: &[Certificate], removal: &Removal) -> Relation {
    let of_application = |is_it: bool, is_active: bool| match (is_it, connector.identity_type) {
        (false, _) => Relation::None,
        (true, IdentityType::Application) if is_active => Relation::Depends,
        (true, _) => Relation::Past,
    };
    let own = connector.application.as_ref();
    match removal {
        Removal::Application { id, app_id } => {
            let is_it =
                own.is_some_and(|own| same(&own.object_id, id) || same(&own.app_id, app_id));
            of_application(is_it, true)
        }
        Removal::ServicePrincipal { id, app_id } => {
            let is_it =
                own.is_some_and(|own| same(&own.principal_id, id) || same(&own.app_id, app_id));
            of_application(is_it, true)
        }
        Removal::AppRoleAssignment { principal_id, role, .. } => {
            let is_it = own.is_some_and(|own| same(&own.principal_id, principal_id));
            of_application(is_it, role == SYNCHRONIZATION_ROLE)
        }
        Removal::ApplicationKey { application_id, app_id, key_id } => {
            let is_it = own.is_some_and(|own| {
                same(&own.object_id, application_id)
                    || same(&own.app_id, app_id)
                    || same(&own.key_id, key_id)
            });
            of_application(is_it, own.is_some_and(|own| same(&own.key_id, key_id)))
        }
        Removal::PrivateKey { key_uri } => {
            let used = certificates
                .iter()
                .filter(|known| known.key_uri.as_ref().is_some_and(|uri| same(uri, key_uri)));
            of_files(
                connector,
                used,
                connector.key_uri.as_ref().is_some_and(|uri| same(uri, key_uri)),
            )
        }
        Removal::Certificate { certificate_sha256: sha256 } => {
            let used = certificates.iter().filter(|known| same(&known.certificate_sha256, sha256));
            of_files(
                connector,
                used,
                connector.certificate_sha256.as_ref().is_some_and(|own| same(own, sha256)),
            )
        }
        Removal::User { id, upn } | Removal::DirectoryRoleMember { user_id: id, upn } => {
            let account = connector.service_account.as_ref();
            let is_it = account.is_some_and(|account| {
                same(&account.upn, upn)
                    || account.object_id.as_ref().is_some_and(|own| same(own, id))
            });
            match (is_it, connector.identity_type) {
                (false, _) => Relation::None,
                (true, IdentityType::ServiceAccount) => Relation::Depends,
                (true, IdentityType::Application) => Relation::Past,
            }
        }
    }
}

/// Ids and names are the same in upper and in lower case.
fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// The same for what lies on this host. A certificate that was prepared and never used protects
/// nobody.
fn of_files<'a>(
    connector: &Connector,
    mut used: impl Iterator<Item = &'a Certificate>,
    named: bool,
) -> Relation {
    if named && connector.identity_type == IdentityType::Application {
        return Relation::Depends;
    }
    let was_used = used.any(|certificate| {
        certificate.connector_id.as_ref() == Some(&connector.id)
            && certificate.status != CertificateStatus::Prepared
    });
    if was_used { Relation::Past } else { Relation::None }
}

/// Proves by a token, here and now, that the connector works without the object; where the object was
/// its way back, a cycle must have ended well as well.
async fn prove(
    context: &Context,
    connector: &Connector,
    removal: &Removal,
    circumstance: Circumstance,
) -> Result<()> {
    let tenant = context.tenants.open().await?;
    if tenant.id != connector.tenant_id {
        let other = format!("its tenant {} is not in view", connector.tenant_name);
        return Err(no_evidence(connector, removal, other));
    }
    let session = tenant.client.quiet();
    let credential = sign_in::of_connector(context, connector).await?;
    let token = match &credential {
        Credential::Certificate(_) => {
            wait_until_it_works(session, &credential, &[SYNCHRONIZATION_ROLE]).await
        }
        Credential::Password(_) => sign_in::synchronization_token(session, &credential).await,
    };
    let token = token.map_err(|error| match error.code.kind() {
        base::codes::Kind::Unavailable => error,
        _ => no_evidence(connector, removal, "what it signs in with does not work").cause(&error),
    })?;
    let detail = sign_in::permissions(&token).join(" ");
    leave_evidence(&context.writer, connector, EvidenceKind::Token, detail).await?;
    // What this very run made is younger than all that was proved before it.
    let is_retired_key = matches!(removal, Removal::ApplicationKey { .. });
    if circumstance == Circumstance::Undone || is_retired_key {
        return Ok(());
    }
    require_cycle(context, connector, removal).await
}

/// Requires a cycle that ended well since the connector signs in with what it signs in with now.
async fn require_cycle(context: &Context, connector: &Connector, removal: &Removal) -> Result<()> {
    let Some(credential) = credential_of(connector) else {
        return Err(no_evidence(connector, removal, "it has nothing to sign in with"));
    };
    let filter = EvidenceFilter {
        connector_id: Some(connector.id.clone()),
        tenant_id: Some(connector.tenant_id.clone()),
        app_id: Some(credential.app_id),
        key_id: Some(credential.key_id),
        certificate_sha256: Some(credential.certificate_sha256),
        kind: Some(EvidenceKind::SyncCycle),
        after: Some(connector.evidence_after),
        run: None,
    };
    let cycles = context.store().find_evidence(&filter).await?;
    let is_account = matches!(removal, Removal::User { .. } | Removal::DirectoryRoleMember { .. });
    // The built-in job synchronizes nothing: on a real tenant it is no reason to burn the bridge.
    let needs_job = is_account && !connector.sandbox;
    if cycles.iter().any(|cycle| !needs_job || cycle.detail != TOKEN_ONLY) {
        return Ok(());
    }
    let what = match (needs_job, cycles.is_empty()) {
        (true, false) => "its cycles since then only proved tokens: it has no sync job configured",
        _ => "no synchronization cycle ended well since it signs in with what it signs in with now",
    };
    Err(no_evidence(connector, removal, what))
}

fn depended_on(connector: &Connector, removal: &Removal) -> Diagnostic {
    no_evidence(connector, removal, "it signs in with it")
}

fn no_evidence(connector: &Connector, removal: &Removal, why: impl Into<String>) -> Diagnostic {
    let (name, what, why) = (&connector.name, named(removal), why.into());
    Diagnostic::new(
        Code::EffectNoEvidence,
        format!("The connector '{name}' would not be safe without {what}: {why}"),
    )
    .meaning("Nothing was removed. What a connector may need is removed only once it works without.")
    .next(format!(
        "Look what it signs in with: get_connector_credential(#{{ connector: \"{name}\" }}). A cycle \
         that ends well is evidence: start_sync_cycle(#{{ connector: \"{name}\" }})"
    ))
}

/// An object as a person knows it.
fn named(removal: &Removal) -> String {
    match removal {
        Removal::Application { app_id, .. } => format!("the application {app_id}"),
        Removal::ApplicationKey { key_id, .. } => format!("the key credential {key_id}"),
        Removal::ServicePrincipal { app_id, .. } => {
            format!("the service principal of the application {app_id}")
        }
        Removal::AppRoleAssignment { principal_id, role, .. } => {
            format!("the role {role} of the service principal {principal_id}")
        }
        Removal::PrivateKey { key_uri } => format!("the private key {key_uri}"),
        Removal::Certificate { certificate_sha256 } => {
            format!("the certificate {certificate_sha256}")
        }
        Removal::User { upn, .. } => format!("the account {upn}"),
        Removal::DirectoryRoleMember { upn, .. } => format!("the role of the account {upn}"),
    }
}
