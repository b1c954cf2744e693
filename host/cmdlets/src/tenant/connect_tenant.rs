//! `connect_tenant`: signs the run in as an administrator.

use base::{Code, Result};
use effect::Effect;
use entra::{AccessToken, Credential};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::{Call, Tenant};
use crate::sign_in;

/// The cmdlet `connect_tenant`.
pub struct ConnectTenant;

/// Signs in to the tenant in view: as the administrator of its profile (an application with a
/// certificate, or a user), or as `username`, whose password is asked for. The sign-in belongs to the
/// run and ends with it; no token is ever written down.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// User principal name of an administrator; without it the profile decides.
    pub username: Option<String>,
}

/// Who is signed in where.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Output {
    /// The tenant.
    pub tenant_id: String,
    /// The tenant's name.
    pub tenant_name: String,
    /// Whether it is a sandbox.
    pub sandbox: bool,
    /// `application` or `user`.
    pub kind: String,
    /// Client id of the application, or user principal name.
    pub signed_in_as: String,
    /// Application roles or scopes of the token for Microsoft Graph.
    pub permissions: Vec<String>,
}

impl Cmdlet for ConnectTenant {
    const ABOUT: About = About {
        name: "connect_tenant",
        summary: "Sign the run in as an administrator of the tenant",
        effect: Effect::Read,
        replay: Replay::Standing,
        search_terms: &["Connect-MgGraph", "Connect-Entra", "sign in", "login", "admin"],
        see_also: &["disconnect_tenant", "check_prerequisites"],
        errors: &[
            (Code::SignInWrongPassword, "user name or password is wrong"),
            (Code::TenantNotConnected, "nothing says who the administrator is"),
        ],
        examples: &[Example {
            title: "Sign in to the sandbox",
            script: "connect_tenant().kind",
            shows: Shows::Value(r#""application""#),
        }],
    };

    type Parameters = Parameters;
    type Output = Output;

    async fn run(call: &Call<'_>, parameters: Parameters) -> Result<Output> {
        let tenant = call.context.tenants.open().await?;
        let (credential, token) = sign_in(call, &tenant, parameters.username).await?;
        let (kind, signed_in_as) = match &credential {
            Credential::Certificate(own) => ("application", own.app_id.to_string()),
            Credential::Password(own) => ("user", own.username.clone()),
        };
        call.context.session.connect(credential);
        Ok(Output {
            tenant_id: tenant.id.clone(),
            tenant_name: tenant.name.clone(),
            sandbox: tenant.sandbox,
            kind: kind.to_owned(),
            signed_in_as,
            permissions: sign_in::permissions(&token),
        })
    }
    async fn establish(call: &Call<'_>, parameters: Parameters) -> Result<()> {
        let tenant = call.context.tenants.open().await?;
        let (credential, _token) = sign_in(call, &tenant, parameters.username).await?;
        call.context.session.connect(credential);
        Ok(())
    }
}

async fn sign_in(
    call: &Call<'_>,
    tenant: &Tenant,
    username: Option<String>,
) -> Result<(Credential, AccessToken)> {
    let credential = sign_in::administrator(call, tenant, username).await?;
    let token = call
        .with_session(tenant, async |session| session.graph(&credential).token().await)
        .await?;
    Ok((credential, token))
}
