//! A tenant in memory with a client that speaks plain HTTP to its router.

use std::sync::OnceLock;
use std::time::Duration;

use axum::body::{Body, Bytes};
use base::clock::SystemClock;
use base::virtual_world::VirtualWorld;
use base::{Clock, Ports, Timestamp};
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tenant::{Delays, Keys, Lost, Sandbox, SignIns};
use tower::ServiceExt as _;

use crate::contract;
use crate::openssl::{Credential, Signing};

pub const AUTHORITY: &str = "https://login.sandbox.invalid";
pub const GRAPH: &str = "https://graph.microsoft.com";
pub const SYNCHRONIZATION: &str = "6bf85cfa-ac8a-4be5-b5de-425a0d0dc016";
pub const ENTRA_CONNECT: &str = "cb1056e2-e479-49de-ae31-7812af012ed8";
pub const COMMAND_LINE: &str = "14d82eec-204b-4c2f-b7e8-296a70dab67e";
pub const AZURE_CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

/// Keys for all tenants of this test process.
pub fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| Keys::generate().unwrap())
}

/// A world whose time starts a little later than now, since OpenSSL makes its certificates now.
pub fn virtual_world() -> VirtualWorld {
    VirtualWorld::new(1, SystemClock.now().plus(Duration::from_secs(60))).unwrap()
}

pub struct World {
    pub ports: Ports,
    pub sandbox: Sandbox,
    pub sign_ins: SignIns,
    pub administrator: Credential,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub lost: Option<Lost>,
    pub bytes: Result<Bytes, String>,
}

impl Answer {
    pub fn json(&self) -> Value {
        let bytes = self.bytes.as_ref().unwrap();
        serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{error}: {bytes:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The answer's body, which must have come with `status`.
    pub fn expect(&self, status: u16) -> Value {
        let content = self.bytes.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        assert_eq!(self.status, status, "{content:?}");
        if status == 204 { Value::Null } else { self.json() }
    }

    /// Status and code of a Graph error.
    pub fn error(&self) -> (u16, String) {
        let body = self.json();
        let inner = &body["error"]["innerError"];
        assert_eq!(inner["request-id"], *self.header("request-id"), "{body}");
        assert!(!inner["date"].as_str().unwrap().ends_with('Z'), "{body}");
        (self.status, body["error"]["code"].as_str().unwrap().to_owned())
    }
}

impl World {
    /// A fresh tenant where everything shows at once.
    pub fn new() -> Self {
        let world = Self::with_delays();
        world.sandbox.faults().set_delays(Delays::none());
        world
    }

    /// A fresh tenant with the delays it comes with.
    pub fn with_delays() -> Self {
        Self::of(virtual_world().ports())
    }

    /// A fresh tenant in a world of one's own.
    pub fn of(ports: Ports) -> Self {
        let sandbox = Sandbox::in_memory_with(&ports, keys()).unwrap();
        let sign_ins = sandbox.sign_ins();
        let administrator = Credential::from_pem(sign_ins.certificate_pem.expose());
        Self { ports, sandbox, sign_ins, administrator }
    }

    pub fn now(&self) -> i64 {
        self.ports.clock.now().as_seconds()
    }

    /// Lets virtual time pass.
    pub fn pass(&self, span: Duration) {
        let until: Timestamp = self.ports.clock.now().plus(span);
        self.ports.executor.block_on(self.ports.clock.sleep_until(until));
    }

    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder()
            .method(method.parse::<Method>().unwrap())
            .uri(format!("{AUTHORITY}{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        self.ports.executor.block_on(async {
            let response = self.sandbox.router().oneshot(request).await.unwrap();
            let (parts, body) = response.into_parts();
            let bytes = body.collect().await.map(|body| body.to_bytes());
            Answer {
                status: parts.status.as_u16(),
                lost: parts.extensions.get::<Lost>().copied(),
                headers: parts.headers,
                bytes: bytes.map_err(|error| error.to_string()),
            }
        })
    }

    /// Asks the token endpoint of `tenant`.
    pub fn token_of(&self, tenant: &str, form: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let kind = ("content-type", "application/x-www-form-urlencoded");
        self.send("POST", &format!("/{tenant}/oauth2/v2.0/token"), &[kind], &body)
    }

    /// Asks this tenant's token endpoint.
    pub fn token(&self, form: &[(&str, &str)]) -> Answer {
        self.token_of(&self.sign_ins.tenant_id.to_string(), form)
    }

    /// The claims that an assertion usually has.
    pub fn assertion_claims(&self, client_id: &str) -> Value {
        let now = self.now();
        json!({
            "aud": format!("{AUTHORITY}/{}/oauth2/v2.0/token", self.sign_ins.tenant_id),
            "iss": client_id, "sub": client_id, "jti": "11111111-1111-4111-8111-111111111111",
            "nbf": now - 10, "exp": now + 300,
        })
    }

    /// Asks for a token by client assertion.
    pub fn by_assertion(&self, client_id: &str, assertion: &str, scope: &str) -> Answer {
        self.token(&[
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("scope", scope),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion),
        ])
    }

    /// Asks for a token with a certificate, in the usual way.
    pub fn by_certificate(&self, client_id: &str, credential: &Credential, scope: &str) -> Answer {
        let assertion = credential.usual_jwt(&self.assertion_claims(client_id), Signing::Pss(32));
        self.by_assertion(client_id, &assertion, scope)
    }

    /// Asks for a token with user name and password.
    pub fn by_password(&self, client: &str, scope: &str, user: &str, password: &str) -> Answer {
        self.token(&[
            ("grant_type", "password"),
            ("client_id", client),
            ("scope", scope),
            ("username", user),
            ("password", password),
        ])
    }

    /// A token of the administrator application for Graph.
    pub fn administrator_token(&self) -> String {
        let client_id = self.sign_ins.client_id.to_string();
        let scope = format!("{GRAPH}/.default");
        let answer = self.by_certificate(&client_id, &self.administrator, &scope).expect(200);
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// A Graph client for a token.
    pub fn graph(&self, token: impl Into<String>) -> Graph<'_> {
        Graph { world: self, token: token.into() }
    }

    /// A Graph client for the administrator application.
    pub fn administrator(&self) -> Graph<'_> {
        self.graph(self.administrator_token())
    }
}

/// A client of Graph with one token. Every answer is held against Microsoft's description.
pub struct Graph<'a> {
    world: &'a World,
    pub token: String,
}

impl Graph<'_> {
    pub fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let authorization = format!("Bearer {}", self.token);
        let mut all = vec![("authorization", authorization.as_str())];
        all.push(("content-type", "application/json"));
        all.extend(headers);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let path = format!("/v1.0{path}");
        let answer = self.world.send(method, &path.replace(' ', "%20"), &all, &body);
        let plain = path.split('?').next().unwrap();
        if let Ok(bytes) = &answer.bytes
            && answer.lost.is_none()
        {
            let body: Option<Value> = serde_json::from_slice(bytes).ok();
            let of_service = body
                .as_ref()
                .is_some_and(|body| answer.status < 400 || !body["error"]["innerError"].is_null());
            if of_service || bytes.is_empty() {
                contract::check(method, plain, answer.status, body.as_ref());
            }
        }
        answer
    }

    pub fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &[], &Value::Null)
    }

    pub fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, &[], &body)
    }

    pub fn patch(&self, path: &str, body: Value) -> Answer {
        self.call("PATCH", path, &[], &body)
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path, &[], &Value::Null)
    }

    /// A new application of that name: object id and client id.
    pub fn application(&self, name: &str) -> (String, String) {
        let body = json!({ "displayName": name, "signInAudience": "AzureADMyOrg" });
        let made = self.post("/applications", body).expect(201);
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        (text("id"), text("appId"))
    }

    /// A new application with service principal and certificate: object id, client id, and the
    /// object id of the principal.
    pub fn connector(&self, name: &str, credential: &Credential) -> (String, String, String) {
        let (id, app_id) = self.application(name);
        let principal = self.post("/servicePrincipals", json!({ "appId": app_id })).expect(201);
        self.patch(&format!("/applications/{id}"), json!({ "keyCredentials": [key(credential)] }))
            .expect(204);
        (id, app_id, principal["id"].as_str().unwrap().to_owned())
    }
}

/// A key credential as clients send it.
pub fn key(credential: &Credential) -> Value {
    json!({ "type": "AsymmetricX509Cert", "usage": "Verify", "key": credential.base64() })
}
