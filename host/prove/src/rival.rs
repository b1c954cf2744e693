//! Another administrator of the tenant, who does what this host knows nothing of.

use std::sync::Arc;
use std::time::Duration;

use base::{Code, Diagnostic, Executor, Result};
use bytes::Bytes;
use entra::Transport;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request};
use serde_json::Value;
use tenant::SignIns;

use crate::host::LOGIN;
use crate::transport::RouterTransport;

/// The public client that the administrator signs in with: Microsoft Graph Command Line Tools.
const CLIENT: &str = "14d82eec-204b-4c2f-b7e8-296a70dab67e";

/// Another administrator of a virtual world's tenant. Speaks plain HTTP, past every gate.
pub struct Rival {
    pub(crate) transport: RouterTransport,
    pub(crate) executor: Arc<dyn Executor>,
    pub(crate) sign_ins: SignIns,
}

impl Rival {
    /// Sends one request of Microsoft Graph, and gives the answer's body (null where it has none).
    ///
    /// # Errors
    /// What the tenant answers where it refuses.
    pub fn ask(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        let token = self.token()?;
        let request = Request::builder()
            .method(method)
            .uri(format!("{LOGIN}/v1.0/{path}"))
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .header(CONTENT_TYPE, "application/json");
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        self.send(request.body(body).map_err(|error| broken(error.to_string()))?)
    }

    fn token(&self) -> Result<String> {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "password")
            .append_pair("client_id", CLIENT)
            .append_pair("scope", "https://graph.microsoft.com/.default")
            .append_pair("username", &self.sign_ins.username)
            .append_pair("password", self.sign_ins.password.expose())
            .finish();
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{LOGIN}/{}/oauth2/v2.0/token", self.sign_ins.tenant_id))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Bytes::from(form))
            .map_err(|error| broken(error.to_string()))?;
        let answer = self.send(request)?;
        Ok(answer["access_token"].as_str().unwrap_or_default().to_owned())
    }

    fn send(&self, request: Request<Bytes>) -> Result<Value> {
        let sent = self.transport.send(request, Duration::from_secs(60));
        let answer = self.executor.block_on(sent).map_err(|error| broken(error.to_string()))?;
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        if !answer.status().is_success() {
            return Err(broken(format!("{}: {text}", answer.status())));
        }
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).map_err(|error| broken(error.to_string()))
    }
}

fn broken(why: String) -> Diagnostic {
    Diagnostic::new(Code::Internal, "The rival administrator was refused").cause(why)
}
