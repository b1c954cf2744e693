//! The secrets of a request, taken out of whatever an answer says: a proxy that repeats what it was
//! sent must not bring a password into a journal.

use http::header::AUTHORIZATION;
use url::form_urlencoded;

use crate::exchange::Outgoing;

/// The fields of a form, or the members of a JSON body, that hold secrets.
const FIELDS: [&str; 3] = ["password", "client_assertion", "proof"];

/// What stands in a secret's place.
const HIDDEN: &str = "(secret)";

/// `text` without the secrets of `request`, plain or as its form writes them.
pub(crate) fn hidden(text: &str, request: &Outgoing<'_>) -> String {
    let mut hidden = text.to_owned();
    for secret in of(request) {
        let written: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        for form in [secret, written] {
            // What is shorter would be found in every other word, and protects nothing.
            if form.len() >= 4 {
                hidden = hidden.replace(&form, HIDDEN);
            }
        }
    }
    hidden
}

fn of(request: &Outgoing<'_>) -> Vec<String> {
    let mut secrets: Vec<String> = request
        .headers
        .iter()
        .filter(|(name, _)| name == AUTHORIZATION)
        .filter_map(|(_, value)| value.to_str().ok()?.strip_prefix("Bearer ").map(str::to_owned))
        .collect();
    match serde_json::from_slice::<serde_json::Value>(&request.body) {
        Ok(body) => {
            let members = FIELDS.iter().filter_map(|name| body.get(name)?.as_str());
            secrets.extend(members.map(str::to_owned));
        }
        Err(_) => {
            let fields = form_urlencoded::parse(&request.body);
            let secret = fields.filter(|(name, _)| FIELDS.contains(&name.as_ref()));
            secrets.extend(secret.map(|(_, value)| value.into_owned()));
        }
    }
    secrets
}
