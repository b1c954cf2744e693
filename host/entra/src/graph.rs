//! Microsoft Graph, version 1.0, as typed calls.
//!
//! Structs hold only what is used, and take unknown members as they come. `find_*` answers none
//! where the object is not there; after a change that may only mean "not yet", so a look that
//! decides something goes through [`crate::Session::look_for`].

mod applications;
mod assignments;
mod keys;
mod organization;
mod principals;
mod roles;
mod users;

use base::{Code, Diagnostic, Result};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::client::Session;
use crate::credential::Credential;
use crate::exchange::{Answer, Outgoing};
use crate::failure;
use crate::retry::Repeatable;
use crate::token::{AccessToken, Scope};

pub use applications::{
    Application, ApplicationFilter, ApplicationPatch, ApplicationRef, NewApplication,
    RequiredResourceAccess, ResourceAccess,
};
pub use assignments::{AppRoleAssignment, NewAppRoleAssignment};
pub use keys::{KeyCredential, NewKeyCredential};
pub use organization::{Organization, VerifiedDomain};
pub use principals::{AppRole, PermissionScope, PrincipalRef, ServicePrincipal};
pub use roles::{DirectoryObject, DirectoryRole};
pub use users::{Caller, User, UserFilter, UserRef};

/// The most pages of one list that are followed.
const MOST_PAGES: usize = 1000;

/// Microsoft Graph as one credential sees it. Made by [`Session::graph`].
#[derive(Clone, Copy)]
pub struct Graph<'a> {
    pub(crate) session: Session<'a>,
    pub(crate) credential: &'a Credential,
}

#[derive(Deserialize)]
struct Page<T> {
    value: Vec<T>,
    #[serde(rename = "@odata.nextLink", default)]
    next: Option<String>,
}

impl<'a> Graph<'a> {
    /// The session.
    pub fn session(&self) -> Session<'a> {
        self.session
    }

    /// Who calls.
    pub fn credential(&self) -> &'a Credential {
        self.credential
    }

    /// The token that calls are made with.
    ///
    /// # Errors
    /// As [`Session::token`].
    pub async fn token(&self) -> Result<AccessToken> {
        self.session.token(self.credential, &Scope::graph()).await
    }

    /// A URL of Graph. `path` is already encoded; the values of `query` are not.
    fn url(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.session.client().authority().graph().clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/{path}"));
        if !query.is_empty() {
            let query: Vec<String> =
                query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
            url.set_query(Some(&query.join("&")));
        }
        url
    }

    async fn get<T: DeserializeOwned>(&self, what: &str, url: Url) -> Result<T> {
        let request = outgoing(what, Method::GET, url, Repeatable::Read);
        self.call(&request).await?.json(&request)
    }

    /// As [`Graph::get`], but none where the object is not there.
    async fn find<T: DeserializeOwned>(&self, what: &str, url: Url) -> Result<Option<T>> {
        match self.get(what, url).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.code == Code::GraphNotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Every item of a list, page by page.
    async fn all<T: DeserializeOwned>(&self, what: &str, url: Url) -> Result<Vec<T>> {
        let graph = self.session.client().authority().graph().origin();
        let mut items = Vec::new();
        let mut next = Some(url);
        for _ in 0..MOST_PAGES {
            let Some(url) = next else { return Ok(items) };
            // The token goes with the request, so it must not follow a link to elsewhere.
            if url.origin() != graph {
                let wrong = format!(
                    "Could not {what}: its next page is on {}",
                    url.host_str().unwrap_or("no host")
                );
                return Err(Diagnostic::new(Code::RemoteGarbage, wrong));
            }
            let page: Page<T> = self.get(what, url).await?;
            items.extend(page.value);
            next = match page.next.as_deref().map(Url::parse).transpose() {
                Ok(next) => next,
                Err(error) => {
                    let wrong = format!("Could not {what}: the link to its next page is broken");
                    return Err(Diagnostic::new(Code::RemoteGarbage, wrong).source(&error));
                }
            };
        }
        let wrong = format!("Could not {what}: the list has more than {MOST_PAGES} pages");
        Err(Diagnostic::new(Code::RemoteGarbage, wrong))
    }

    /// A change with a JSON body. Its answer is of whatever 2xx status.
    async fn send<B: Serialize>(
        &self,
        request: &mut Outgoing<'_>,
        body: Option<&B>,
    ) -> Result<Answer> {
        if let Some(body) = body {
            let json = serde_json::to_vec(body).map_err(|error| {
                Diagnostic::new(Code::Internal, "A request cannot be written").source(&error)
            })?;
            request.body = Bytes::from(json);
            request.headers.push((CONTENT_TYPE, HeaderValue::from_static("application/json")));
        }
        self.call(request).await
    }

    /// A change whose answer is an object.
    async fn create<T: DeserializeOwned, B: Serialize>(
        &self,
        what: &str,
        url: Url,
        repeatable: Repeatable,
        body: &B,
    ) -> Result<T> {
        let mut request = outgoing(what, Method::POST, url, repeatable);
        self.send(&mut request, Some(body)).await?.json(&request)
    }

    /// Sends a request with a token, and once more with a fresh one where the token is refused.
    async fn call(&self, request: &Outgoing<'_>) -> Result<Answer> {
        let scope = Scope::graph();
        let sent = with_token(request, &self.token().await?)?;
        let answer = self.session.exchange(&sent).await?;
        if answer.status != http::StatusCode::UNAUTHORIZED {
            return accepted(&sent, answer);
        }
        let refused = failure::of_graph(&sent, &answer);
        let token_refused = refused
            .remote
            .as_ref()
            .and_then(|remote| remote.code.as_deref())
            .is_none_or(|code| code == "InvalidAuthenticationToken");
        if !token_refused {
            return Err(refused);
        }
        // Nothing was done with a refused token, so even a change may be sent again.
        self.session.forget(self.credential, &scope);
        let sent = with_token(request, &self.token().await?)?;
        let answer = self.session.exchange(&sent).await?;
        accepted(&sent, answer)
    }
}

fn with_token<'a>(request: &Outgoing<'a>, token: &AccessToken) -> Result<Outgoing<'a>> {
    let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.secret.expose()))
        .map_err(|_| Diagnostic::new(Code::RemoteGarbage, "The access token is malformed"))?;
    bearer.set_sensitive(true);
    let mut headers = request.headers.clone();
    headers.push((AUTHORIZATION, bearer));
    Ok(Outgoing {
        what: request.what,
        method: request.method.clone(),
        url: request.url.clone(),
        headers,
        body: request.body.clone(),
        repeatable: request.repeatable,
    })
}

fn accepted(request: &Outgoing<'_>, answer: Answer) -> Result<Answer> {
    if answer.status.is_success() {
        return Ok(answer);
    }
    if answer.status.is_client_error() || answer.status.is_server_error() {
        return Err(failure::of_graph(request, &answer));
    }
    Err(failure::garbage(request, &answer, "Microsoft Graph never answers so"))
}

fn outgoing(what: &str, method: Method, url: Url, repeatable: Repeatable) -> Outgoing<'_> {
    Outgoing { what, method, url, headers: Vec::new(), body: Bytes::new(), repeatable }
}

/// The header that makes an update create what is missing.
fn create_if_missing() -> (HeaderName, HeaderValue) {
    (HeaderName::from_static("prefer"), HeaderValue::from_static("create-if-missing"))
}

/// Percent-encodes all but unreserved characters (RFC 3986, 2.3).
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// A text as an OData string, quotes doubled.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
