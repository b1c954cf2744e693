//! A tenant whose answers are scripted, in a virtual world.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use base::virtual_world::{VirtualClock, VirtualWorld};
use base::{Clock, Ports, SecretText, Timestamp};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response, StatusCode};
use keystore::{Algorithm, KeyPool, KeyStore, KeyStores, KeyUri, SoftwareStore};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc2822;
use uuid::{Uuid, uuid};

use super::permits::permitted;
use crate::{
    Authority, CertificateCredential, CertificateRequest, Client, ClientParts, Credential, Fault,
    FaultKind, PasswordCredential, Transport, TransportError, self_signed, well_known,
};

pub(super) const TENANT: Uuid = uuid!("11111111-1111-4111-8111-111111111111");
pub(super) const APP: Uuid = uuid!("22222222-2222-4222-8222-222222222222");
pub(super) const TOKEN_PATH: &str = "/11111111-1111-4111-8111-111111111111/oauth2/v2.0/token";
pub(super) const PASSWORD: &str = "correct horse battery staple";

static POOL: LazyLock<Arc<KeyPool>> = LazyLock::new(Arc::default);

/// A scripted reply.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    Answer { status: u16, headers: Vec<(&'static str, String)>, body: Bytes },
    NotSent(FaultKind),
    Lost(FaultKind),
}

impl Reply {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("content-type", "application/json; charset=utf-8".to_owned())];
        Reply::Answer { status, headers, body: Bytes::from(body.to_string()) }
    }

    pub(super) fn empty(status: u16) -> Self {
        Reply::Answer { status, headers: Vec::new(), body: Bytes::new() }
    }

    pub(super) fn text(status: u16, kind: &str, body: &'static str) -> Self {
        let headers = vec![("content-type", kind.to_owned())];
        Reply::Answer { status, headers, body: Bytes::from_static(body.as_bytes()) }
    }

    pub(super) fn header(self, name: &'static str, value: &str) -> Self {
        match self {
            Reply::Answer { status, mut headers, body } => {
                headers.push((name, value.to_owned()));
                Reply::Answer { status, headers, body }
            }
            other => other,
        }
    }

    /// An error of Microsoft Graph.
    pub(super) fn graph(status: u16, code: &str, message: &str) -> Self {
        Self::json(
            status,
            &json!({"error": {"code": code, "message": message,
                "innerError": {"date": "2026-11-22T14:00:00", "request-id": "r-1",
                    "client-request-id": "c-1"}}}),
        )
    }

    /// An error of the token endpoint.
    pub(super) fn aadsts(status: u16, error: &str, number: u32, text: &str) -> Self {
        let description = format!("AADSTS{number}: {text} Trace ID: t-1 Correlation ID: c-1");
        Self::json(
            status,
            &json!({"error": error, "error_description": description, "error_codes": [number],
                "timestamp": "2026-11-22 14:00:00Z", "trace_id": "t-1", "correlation_id": "c-1"}),
        )
    }

    /// A token with these claims.
    pub(super) fn token(claims: &Value) -> Self {
        let text = format!("e30.{}.signature", URL_SAFE_NO_PAD.encode(claims.to_string()));
        Self::json(200, &json!({"token_type": "Bearer", "expires_in": 3599, "access_token": text}))
    }
}

/// A request as it was sent.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: http::HeaderMap,
    pub(super) body: String,
    pub(super) at: Timestamp,
}

#[derive(Default)]
struct Queues {
    configuration: VecDeque<Reply>,
    token: VecDeque<Reply>,
    graph: VecDeque<Reply>,
    seen: Vec<Seen>,
}

/// The scripted tenant. The configuration and tokens are granted unless something else is scripted.
pub(super) struct Fake {
    clock: VirtualClock,
    queues: Mutex<Queues>,
}

impl Fake {
    pub(super) fn configurations(&self, replies: impl IntoIterator<Item = Reply>) {
        self.queues.lock().unwrap().configuration.extend(replies);
    }

    pub(super) fn tokens(&self, replies: impl IntoIterator<Item = Reply>) {
        self.queues.lock().unwrap().token.extend(replies);
    }

    pub(super) fn graph(&self, replies: impl IntoIterator<Item = Reply>) {
        self.queues.lock().unwrap().graph.extend(replies);
    }

    /// The requests to Graph.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen_under("/v1.0/")
    }

    /// The requests for tokens.
    pub(super) fn seen_tokens(&self) -> Vec<Seen> {
        self.seen_under(TOKEN_PATH)
    }

    fn seen_under(&self, path: &str) -> Vec<Seen> {
        let queues = self.queues.lock().unwrap();
        queues.seen.iter().filter(|seen| seen.path.starts_with(path)).cloned().collect()
    }

    pub(super) fn is_done(&self) -> bool {
        let queues = self.queues.lock().unwrap();
        queues.token.is_empty() && queues.graph.is_empty() && queues.configuration.is_empty()
    }

    fn reply(&self, seen: Seen) -> Reply {
        let mut queues = self.queues.lock().unwrap();
        let path = seen.path.clone();
        queues.seen.push(seen);
        if path.ends_with("openid-configuration") {
            let usual = || Reply::json(200, &configuration());
            return queues.configuration.pop_front().unwrap_or_else(usual);
        }
        if path == TOKEN_PATH {
            let usual = || Reply::token(&json!({"tid": TENANT, "roles": ["Application.Read"]}));
            return queues.token.pop_front().unwrap_or_else(usual);
        }
        queues.graph.pop_front().unwrap_or(Reply::NotSent(FaultKind::Refused))
    }
}

pub(super) fn configuration() -> Value {
    json!({
        "issuer": format!("https://login.test/{TENANT}/v2.0"),
        "token_endpoint": format!("https://login.test{TOKEN_PATH}"),
        "msgraph_host": "graph.test", "unknown_member": [1, 2, 3],
    })
}

impl Transport for Fake {
    fn send(
        &self,
        request: Request<Bytes>,
        _limit: Duration,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        let uri = request.uri();
        let path = uri.path_and_query().map_or_else(String::new, ToString::to_string);
        assert_eq!(uri.scheme_str(), Some("https"));
        let now = self.clock.now();
        let seen = Seen {
            method: request.method().to_string(),
            path,
            headers: request.headers().clone(),
            body: String::from_utf8(request.body().to_vec()).unwrap(),
            at: now,
        };
        let date = now.to_offset().format(&Rfc2822).unwrap().replace("+0000", "GMT");
        let answer = match self.reply(seen) {
            Reply::NotSent(kind) => Err(TransportError::NotSent(Fault::new(kind))),
            Reply::Lost(kind) => Err(TransportError::AnswerLost(Fault::new(kind))),
            Reply::Answer { status, headers, body } => {
                let mut answer = Response::new(body);
                *answer.status_mut() = StatusCode::from_u16(status).unwrap();
                answer.headers_mut().insert("date", date.parse().unwrap());
                for (name, value) in headers {
                    answer.headers_mut().insert(name, value.parse().unwrap());
                }
                Ok(answer)
            }
        };
        Box::pin(std::future::ready(answer))
    }
}

/// A virtual world with a scripted tenant and a client of it.
pub(super) struct World {
    pub(super) ports: Ports,
    pub(super) fake: Arc<Fake>,
    pub(super) client: Client,
    pub(super) stores: KeyStores,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut ClientParts)) -> Self {
        let start = "2026-11-22T14:00:00Z".parse().unwrap();
        let world = VirtualWorld::new(7, start).unwrap();
        let fake = Arc::new(Fake { clock: world.clock.clone(), queues: Mutex::default() });
        let tenant = TENANT.to_string();
        let authority =
            Authority::new("https://login.test", "https://graph.test/v1.0", &tenant).unwrap();
        let mut parts = ClientParts::new(&world.ports(), fake.clone(), authority);
        change(&mut parts);
        let store: Arc<dyn KeyStore> =
            Arc::new(SoftwareStore::in_virtual_world(&world, "/keys", POOL.clone()));
        Self {
            ports: parts.ports.clone(),
            fake,
            client: Client::new(parts),
            stores: KeyStores::new(vec![store]),
        }
    }

    /// A world whose host has a clock that is `skew` fast.
    pub(super) fn fast_by(skew: Duration) -> Self {
        Self::with(|parts| {
            let start = parts.ports.clock.now();
            // The virtual clock itself is the tenant's; the host reads another one.
            let host = HostClock { tenant: parts.ports.clock.clone(), skew };
            parts.ports.clock = Arc::new(host);
            assert_eq!(parts.ports.clock.now().since(start), skew);
        })
    }

    pub(super) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.ports.executor.block_on(work)
    }

    /// A new key in the store and its certificate, as a credential of [`APP`].
    pub(super) async fn certificate(&self, algorithm: Algorithm) -> CertificateCredential {
        let uri: KeyUri = self.stores.preferred().unwrap().choose_uri();
        permitted(&self.ports, async |permit| self.stores.generate(permit, &uri).await)
            .await
            .unwrap();
        let signer = self.stores.signer(&uri).unwrap();
        let request = CertificateRequest::managed(self.client.now());
        let certificate = self_signed(&*signer, &request, &*self.ports.random).await.unwrap();
        CertificateCredential { app_id: APP, certificate, algorithm, signer }
    }
}

struct HostClock {
    tenant: Arc<dyn Clock>,
    skew: Duration,
}

impl Clock for HostClock {
    fn now(&self) -> Timestamp {
        self.tenant.now().plus(self.skew)
    }

    fn boot_time(&self) -> base::clock::BootTime {
        self.tenant.boot_time()
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        self.tenant.sleep(span)
    }
}

pub(super) fn password() -> Credential {
    Credential::Password(PasswordCredential {
        client_id: well_known::GRAPH_COMMAND_LINE,
        username: "admin@contoso.test".to_owned(),
        password: SecretText::new(PASSWORD),
    })
}
