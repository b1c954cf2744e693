//! Signing in: as an administrator, and as a connector.

use base::{Code, Diagnostic, Repeat, Result, SecretText};
use entra::well_known::{
    DIRECTORY_SYNCHRONIZATION_ACCOUNTS, ENTRA_CONNECT, GRAPH_COMMAND_LINE,
    ON_PREMISES_DIRECTORY_SYNC_ACCOUNT, SYNCHRONIZATION_ROLE,
};
use entra::{
    AccessToken, CertificateCredential, CertificateInfo, Credential, PasswordCredential, Scope,
    Session,
};
use state::{Certificate, Connector, IdentityType};
use uuid::Uuid;

use crate::connector::add_connector::password_context;
use crate::context::{AdminSignIn, Call, Context, Tenant};

impl Call<'_> {
    /// Lends the tenant's client out; whoever watches the run sees what is waited for.
    pub async fn with_session<T>(
        &self,
        tenant: &Tenant,
        work: impl AsyncFnOnce(Session<'_>) -> Result<T>,
    ) -> Result<T> {
        let observer = self.open.gate().observer();
        let progress = |progress: &entra::WaitProgress<'_>| observer.observe(&progress.event());
        work(tenant.client.session(&progress)).await
    }
}

/// The administrator that `username`, or else the tenant's configuration, names.
///
/// # Errors
/// Where nothing names one, or its certificate cannot be read.
pub async fn administrator(
    call: &Call<'_>,
    tenant: &Tenant,
    username: Option<String>,
) -> Result<Credential> {
    let username = match (username, &tenant.admin) {
        (Some(username), _) => username,
        (None, AdminSignIn::User { username }) => username.clone(),
        (None, AdminSignIn::Certificate { client_id, pem }) => {
            let app_id = guid(client_id, "client_id of the administrator application")?;
            let read = call.context.ports.disk.read(pem).map_err(|error| {
                let file = pem.display();
                Diagnostic::new(Code::DiskFailed, format!("The certificate {file} cannot be read"))
                    .source(&error)
                    .next("Name the PEM file with key and certificate of the administrator application.")
            })?;
            let bytes = base::SecretBytes::new(read);
            let text = SecretText::new(String::from_utf8_lossy(bytes.expose()));
            let own = CertificateCredential::from_pem(app_id, &text).await?;
            return Ok(Credential::Certificate(own));
        }
        (None, AdminSignIn::Unknown) => {
            return Err(Diagnostic::new(
                Code::TenantNotConnected,
                format!("Nothing says who administers the tenant {}", tenant.name),
            )
            .next(
                "Call connect_tenant(#{ username: \"admin@…\" }), or set admin in the profile.",
            ));
        }
    };
    let password = call.context.passwords.password(&username).await?;
    Ok(Credential::Password(PasswordCredential {
        client_id: GRAPH_COMMAND_LINE,
        username,
        password,
    }))
}

/// What a connector signs in with now.
///
/// # Errors
/// [`Code::ConnectorState`] where it has nothing to sign in with; else where its password does not
/// open or its certificate is not on this host.
pub async fn of_connector(context: &Context, connector: &Connector) -> Result<Credential> {
    match connector.identity_type {
        IdentityType::ServiceAccount => service_account(context, connector),
        IdentityType::Application => {
            let (Some(application), Some(sha256)) =
                (&connector.application, &connector.certificate_sha256)
            else {
                return Err(nothing_to_sign_in_with(connector));
            };
            let certificate = context.store().get_certificate(sha256).await?;
            certificate_credential(context, &application.app_id, &certificate)
        }
    }
}

/// The service account that a connector signs in with, or would on the way back.
///
/// # Errors
/// [`Code::ConnectorState`] where it has none; else where its password does not open.
pub fn service_account(context: &Context, connector: &Connector) -> Result<Credential> {
    let account = connector.service_account.as_ref();
    let Some((upn, sealed)) =
        account.and_then(|account| Some((&account.upn, account.password.as_ref()?)))
    else {
        return Err(nothing_to_sign_in_with(connector));
    };
    let client_id = match &connector.client_id {
        Some(client_id) => guid(client_id, "client_id of the connector")?,
        None => ENTRA_CONNECT,
    };
    let password = context.vault.unseal(&sealed.0, &password_context(upn))?;
    Ok(Credential::Password(PasswordCredential { client_id, username: upn.clone(), password }))
}

fn nothing_to_sign_in_with(connector: &Connector) -> Diagnostic {
    let name = &connector.name;
    Diagnostic::new(
        Code::ConnectorState,
        format!("The connector '{name}' has nothing to sign in with on this host"),
    )
    .next(format!(
        "Give it its account: set_connector(#{{ connector: \"{name}\", service_account: \"…\" }})"
    ))
}

/// A certificate of this host, as what the application `app_id` signs in with.
///
/// # Errors
/// [`Code::CertificateUnusable`] where its key is not on this host.
pub fn certificate_credential(
    context: &Context,
    app_id: &str,
    certificate: &Certificate,
) -> Result<Credential> {
    let Some(key_uri) = &certificate.key_uri else {
        let without = format!("The private key of {} is not on this host", certificate.thumbprint);
        return Err(Diagnostic::new(Code::CertificateUnusable, without)
            .next("Use a certificate that was made or imported together with its key."));
    };
    let uri = key_uri.parse()?;
    Ok(Credential::Certificate(CertificateCredential {
        app_id: guid(app_id, "app_id")?,
        certificate: info(certificate)?,
        algorithm: match certificate.algorithm {
            Some(state::Algorithm::Rs256) => keystore::Algorithm::Rs256,
            Some(state::Algorithm::Ps256) | None => keystore::Algorithm::Ps256,
        },
        signer: context.keystores.signer(&uri)?,
    }))
}

/// The certificate itself, from its record.
///
/// # Errors
/// [`Code::StateCorrupt`] where the record holds none.
pub fn info(certificate: &Certificate) -> Result<CertificateInfo> {
    let pem =
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", certificate.der);
    CertificateInfo::from_pem(&pem).map_err(|error| {
        let damaged =
            format!("The record of the certificate {} is damaged", certificate.thumbprint);
        Diagnostic::new(Code::StateCorrupt, damaged).cause(error)
    })
}

/// A GUID that somebody wrote.
///
/// # Errors
/// [`Code::ConfigurationInvalid`].
pub fn guid(text: &str, what: &str) -> Result<Uuid> {
    text.trim().parse().map_err(|_| {
        let shown: String = text.chars().take(80).collect();
        Diagnostic::new(Code::ConfigurationInvalid, format!("The {what} '{shown}' is no GUID"))
            .next("It looks like 14d82eec-204b-4c2f-b7e8-296a70dab67e.")
    })
}

/// Gets a fresh token for the synchronization service and checks that it allows to synchronize: an
/// application by its role, an account by scope and directory role.
///
/// # Errors
/// [`Code::CredentialTest`] naming what is missing; else as the sign-in fails.
pub async fn synchronization_token(
    session: Session<'_>,
    credential: &Credential,
) -> Result<AccessToken> {
    let token = session.fresh_token(credential, &Scope::synchronization()).await?;
    require_synchronization(credential, &token)?;
    Ok(token)
}

fn require_synchronization(credential: &Credential, token: &AccessToken) -> Result<()> {
    let lacks = |what: String, next: &str| {
        let wrong = format!("The token of {credential} lacks {what}");
        Err(Diagnostic::new(Code::CredentialTest, wrong)
            .repeat(Repeat::Later)
            .meaning("It signs in, but the synchronization service would refuse it.")
            .next(next))
    };
    // An application is allowed by its role; a scope beside it would not count for one.
    let allowed = match credential {
        Credential::Certificate(_) => token.claims.roles.contains(SYNCHRONIZATION_ROLE),
        Credential::Password(_) => token.missing(&[SYNCHRONIZATION_ROLE]).is_empty(),
    };
    if !allowed {
        return lacks(
            SYNCHRONIZATION_ROLE.to_owned(),
            "A new grant takes minutes to reach every token: run this again shortly.",
        );
    }
    let sync_roles = [DIRECTORY_SYNCHRONIZATION_ACCOUNTS, ON_PREMISES_DIRECTORY_SYNC_ACCOUNT];
    let has_role = sync_roles.iter().any(|role| token.claims.directory_roles.contains(role));
    if matches!(credential, Credential::Password(_)) && !has_role {
        return lacks(
            "the directory role 'Directory Synchronization Accounts'".to_owned(),
            "Give the account that role, then run this again after some minutes.",
        );
    }
    Ok(())
}

/// Roles or scopes of a token, for records and people.
pub fn permissions(token: &AccessToken) -> Vec<String> {
    let roles = token.claims.roles.iter().chain(&token.claims.scopes);
    roles.cloned().collect()
}
