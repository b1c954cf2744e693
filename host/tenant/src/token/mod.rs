//! The v2.0 token endpoint.

pub(crate) mod client;
pub(crate) mod error;
pub(crate) mod issue;
pub(crate) mod jwt;
pub(crate) mod password;
pub(crate) mod scope;

use http::Method;
use serde_json::json;

use self::error::{TokenError, answer_of, uncached};
use crate::core::Environment;
use crate::discovery::{TenantName, tenant_named};
use crate::state::State;
use crate::wire::{Answer, Request};

/// What every grant looks at.
pub(crate) struct TokenCall<'a> {
    pub(crate) state: &'a State,
    pub(crate) request: &'a Request,
    pub(crate) environment: &'a Environment<'a>,
}

/// The fields of the request's body. A field that is sent empty counts as missing.
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// The value of a field, where it is there.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(field, value)| field == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// The value of a field that must be there.
    ///
    /// # Errors
    /// 900144.
    pub(crate) fn required(&self, name: &str) -> Result<&str, TokenError> {
        self.get(name).ok_or_else(|| TokenError::missing_parameter(name))
    }
}

/// Answers a request to the token endpoint of `tenant`.
pub(crate) fn answer(
    state: &State,
    tenant: &str,
    request: &Request,
    environment: &Environment<'_>,
) -> Answer {
    let call = TokenCall { state, request, environment };
    match granted(&call, tenant) {
        Ok(answer) => uncached(
            answer
                .header("x-ms-request-id", environment.random.uuid().to_string())
                .header("x-ms-clitelem", "1,0,0,,"),
            request,
        ),
        Err(error) => answer_of(&error, request, environment),
    }
}

fn granted(call: &TokenCall<'_>, tenant: &str) -> Result<Answer, TokenError> {
    if call.request.method != Method::POST {
        let text = format!(
            "The endpoint only accepts POST requests. Received a {} request.",
            call.request.method
        );
        return Err(TokenError::new(400, "invalid_request", 900_561, text));
    }
    let named = tenant_named(call.state, tenant)?;
    let form = Form(call.request.form());
    match form.required("grant_type")? {
        "client_credentials" => {
            if named == TenantName::AnyOf {
                let text = "No tenant-identifying information found in either the request or \
                            implied by any provided credentials.";
                return Err(TokenError::new(400, "invalid_request", 50059, text.to_owned()));
            }
            client_credentials(call, &form)
        }
        grant @ ("password" | "refresh_token") => {
            if ["common", "consumers"].contains(&tenant) && grant == "password" {
                let text = "The grant type is not supported over the /common or /consumers \
                            endpoints. Please use the /organizations or tenant-specific endpoint.";
                return Err(TokenError::new(400, "invalid_request", 9_001_023, text.to_owned()));
            }
            if grant == "password" {
                password::by_password(call, &form)
            } else {
                password::by_refresh_token(call, &form)
            }
        }
        other => Err(TokenError::new(
            400,
            "unsupported_grant_type",
            70003,
            format!("The app requested an unsupported grant type '{other}'."),
        )),
    }
}

fn client_credentials(call: &TokenCall<'_>, form: &Form) -> Result<Answer, TokenError> {
    let application = client::application(call, form.required("client_id")?)?;
    let proof = client::authenticate(call, form, application)?;
    let principal = client::principal(call, application.app_id)?;
    let resource = scope::default_resource(call, form.required("scope")?)?;
    let token = issue::app_only(call, principal, &resource, proof)?;
    Ok(Answer::json(
        200,
        json!({
            "token_type": "Bearer",
            "expires_in": issue::EXPIRES_IN,
            "ext_expires_in": issue::EXPIRES_IN,
            "access_token": token,
        }),
    ))
}
