//! What a tenant says of itself: its OpenID configuration.

use base::{Code, Diagnostic, Result};
use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use url::Url;
use uuid::Uuid;

use crate::client::Session;
use crate::exchange::Outgoing;
use crate::failure;
use crate::retry::Repeatable;

/// What a tenant says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// The tenant's id, whatever name it was asked for by.
    pub tenant_id: Uuid,
    /// Who issues its tokens.
    pub issuer: Url,
    /// Where credentials are sent.
    pub token_endpoint: Url,
    /// The Graph host of the tenant's cloud, where it is told.
    pub graph_host: Option<String>,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    token_endpoint: String,
    #[serde(default)]
    msgraph_host: Option<String>,
}

impl Session<'_> {
    /// The tenant's OpenID configuration, asked for once. It is checked: the issuer must carry the
    /// tenant's id, which must be the one asked for, and the token endpoint must be on the login
    /// host, because credentials are sent there.
    ///
    /// # Errors
    /// `remote.*`; `sign_in.refused` where there is no such tenant; `configuration.invalid` where
    /// another tenant answers.
    pub async fn discover(&self) -> Result<Discovery> {
        if let Some(known) = self.client().discovery().clone() {
            return Ok(known);
        }
        let authority = self.client().authority();
        let what = format!("read the OpenID configuration of the tenant {}", authority.tenant());
        let request = Outgoing {
            what: &what,
            method: Method::GET,
            url: authority.configuration(),
            headers: Vec::new(),
            body: Bytes::new(),
            repeatable: Repeatable::Read,
        };
        let answer = self.exchange(&request).await?;
        if !answer.status.is_success() {
            let said = format!("The tenant {} was not found", authority.tenant());
            return Err(failure::of_token(&request, &answer, &said, self.client().skew()));
        }
        let document: Document = answer.json(&request)?;
        let url = |text: &str| {
            Url::parse(text).map_err(|error| {
                failure::garbage(&request, &answer, &format!("'{text}' is no URL: {error}"))
            })
        };
        let discovery = self.check(
            url(&document.issuer)?,
            url(&document.token_endpoint)?,
            document.msgraph_host,
        )?;
        *self.client().discovery() = Some(discovery.clone());
        Ok(discovery)
    }

    fn check(
        &self,
        issuer: Url,
        token_endpoint: Url,
        graph_host: Option<String>,
    ) -> Result<Discovery> {
        let authority = self.client().authority();
        let wrong = |what: String| {
            Diagnostic::new(Code::ConfigurationInvalid, what)
                .meaning("Signing in there could give the credential to somebody else.")
                .next("Check the authority and the tenant of the profile.")
        };
        let tenant_id = issuer
            .path_segments()
            .and_then(|mut segments| segments.find_map(|part| Uuid::try_parse(part).ok()))
            .ok_or_else(|| wrong(format!("The issuer {issuer} names no tenant")))?;
        if let Ok(asked) = Uuid::try_parse(authority.tenant())
            && asked != tenant_id
        {
            return Err(wrong(format!("The tenant {tenant_id} answered in place of {asked}")));
        }
        if !authority.is_login(&token_endpoint) {
            return Err(wrong(format!(
                "The token endpoint {token_endpoint} is not on the host {}",
                authority.login().host_str().unwrap_or_default()
            )));
        }
        Ok(Discovery { tenant_id, issuer, token_endpoint, graph_host })
    }
}
