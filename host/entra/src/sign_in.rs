//! Signing in: the token endpoint, and the tokens that are remembered.

use std::time::Duration;

use base::{Result, SecretText};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method};
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use crate::assertion::client_assertion;
use crate::client::Session;
use crate::credential::Credential;
use crate::discovery::Discovery;
use crate::exchange::Outgoing;
use crate::failure;
use crate::retry::Repeatable;
use crate::token::{AccessToken, Claims, Scope};
use crate::wait::Look;

/// A token this close to its end is not used any more.
const MARGIN: Duration = Duration::from_secs(5 * 60);

/// A token that is remembered. Its end is kept on the clock that nobody can set.
pub(crate) struct CachedToken {
    token: AccessToken,
    usable_until_millis: i64,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: Seconds,
    #[serde(default)]
    scope: String,
}

/// The v2.0 endpoint writes a number, others a text (facts 1.2).
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(u32),
    Text(String),
}

impl Session<'_> {
    /// A token of `credential` for `scope`: a remembered one, unless it ends within five minutes.
    ///
    /// # Errors
    /// `sign_in.*`, `clock.skew`, `remote.*`, and where the key cannot sign.
    pub async fn token(&self, credential: &Credential, scope: &Scope) -> Result<AccessToken> {
        let now = self.boot_millis();
        let key = (credential.digest(), scope.clone());
        let remembered =
            self.client().tokens().get(&key).and_then(|cached| {
                (now < cached.usable_until_millis).then(|| cached.token.clone())
            });
        match remembered {
            Some(token) => Ok(token),
            None => self.fresh_token(credential, scope).await,
        }
    }

    /// A token that was issued just now, whatever is remembered: the test of a credential. It is
    /// remembered in place of an older one.
    ///
    /// # Errors
    /// As [`Session::token`].
    pub async fn fresh_token(&self, credential: &Credential, scope: &Scope) -> Result<AccessToken> {
        let discovery = self.discover().await?;
        let body = self.body(credential, scope, &discovery).await?;
        let what = format!("sign in as {credential}");
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        let request = Outgoing {
            what: &what,
            method: Method::POST,
            url: discovery.token_endpoint,
            headers: vec![(CONTENT_TYPE, form)],
            body,
            // A token is only looked at: asking for it twice does no harm.
            repeatable: Repeatable::Read,
        };
        let asked = self.boot_millis();
        let answer = self.exchange(&request).await?;
        if !answer.status.is_success() {
            let said = format!("Sign-in of {credential} was refused");
            return Err(failure::of_token(&request, &answer, &said, self.client().skew()));
        }
        let granted: Granted = answer.json(&request)?;
        let life = match granted.expires_in {
            Seconds::Number(seconds) => u64::from(seconds),
            Seconds::Text(text) => text.parse().unwrap_or(0),
        };
        let token = AccessToken {
            claims: Claims::of(&granted.access_token),
            secret: SecretText::new(granted.access_token),
            expires_at: self.local_now().plus(Duration::from_secs(life)),
            scopes: granted.scope.split_whitespace().map(str::to_owned).collect(),
        };
        self.remember(credential, scope, &token, asked, Duration::from_secs(life));
        Ok(token)
    }

    fn remember(
        &self,
        credential: &Credential,
        scope: &Scope,
        token: &AccessToken,
        asked_millis: i64,
        life: Duration,
    ) {
        let usable = i64::try_from(life.saturating_sub(MARGIN).as_millis()).unwrap_or(0);
        let cached = CachedToken {
            token: token.clone(),
            usable_until_millis: asked_millis.saturating_add(usable),
        };
        self.client().tokens().insert((credential.digest(), scope.clone()), cached);
    }

    /// Forgets a token that was refused.
    pub(crate) fn forget(&self, credential: &Credential, scope: &Scope) {
        self.client().tokens().remove(&(credential.digest(), scope.clone()));
    }

    async fn body(
        &self,
        credential: &Credential,
        scope: &Scope,
        discovery: &Discovery,
    ) -> Result<Bytes> {
        let mut form = Serializer::new(String::new());
        form.append_pair("client_id", &credential.client_id().to_string());
        form.append_pair("scope", scope.as_str());
        match credential {
            Credential::Certificate(own) => {
                let endpoint = discovery.token_endpoint.as_str();
                let assertion = client_assertion(own, endpoint, self.now(), self.random()).await?;
                form.append_pair("grant_type", "client_credentials");
                form.append_pair(
                    "client_assertion_type",
                    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                );
                form.append_pair("client_assertion", assertion.expose());
            }
            Credential::Password(own) => {
                form.append_pair("grant_type", "password");
                form.append_pair("username", &own.username);
                form.append_pair("password", own.password.expose());
            }
        }
        Ok(Bytes::from(form.finish()))
    }

    /// Waits until the token endpoint accepts the credential's key several times in a row.
    ///
    /// # Errors
    /// As [`Session::until`]; errors that do not pass by waiting at once.
    pub async fn key_accepted(
        &self,
        credential: &Credential,
        scope: &Scope,
    ) -> Result<AccessToken> {
        self.until("key accepted", async || {
            Ok(Look::Seen(self.fresh_token(credential, scope).await?))
        })
        .await
    }

    /// Waits until fresh tokens hold all of `roles` (application roles or delegated scopes),
    /// several times in a row.
    ///
    /// # Errors
    /// As [`Session::until`].
    pub async fn role_in_token(
        &self,
        credential: &Credential,
        scope: &Scope,
        roles: &[&str],
    ) -> Result<AccessToken> {
        self.until("role in token", async || {
            let token = self.fresh_token(credential, scope).await?;
            let missing = token.missing(roles);
            if missing.is_empty() {
                return Ok(Look::Seen(token));
            }
            Ok(Look::NotYet(format!("the token lacks {}", missing.join(", "))))
        })
        .await
    }
}
