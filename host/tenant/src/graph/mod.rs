//! Microsoft Graph v1.0, as far as connectors and their administrators use it.

pub(crate) mod applications;
pub(crate) mod assignments;
pub(crate) mod caller;
pub(crate) mod credentials;
pub(crate) mod deleted;
pub(crate) mod error;
pub(crate) mod filter;
pub(crate) mod grants;
pub(crate) mod keys;
pub(crate) mod organization;
pub(crate) mod owners;
pub(crate) mod passwords;
pub(crate) mod path;
pub(crate) mod permissions;
pub(crate) mod principals;
pub(crate) mod properties;
pub(crate) mod query;
pub(crate) mod role_assignments;
pub(crate) mod roles;
pub(crate) mod routes;
pub(crate) mod users;

use std::sync::Arc;

use base::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use self::caller::Caller;
use self::error::GraphError;
use self::path::Target;
use self::permissions::Need;
use crate::core::Environment;
use crate::state::State;
use crate::state::objects::{Application, DirectoryObject, Principal, User};
use crate::wire::{Answer, Request};

/// One call of Microsoft Graph on its way through a handler.
pub(crate) struct Call<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) request: &'a Request,
    pub(crate) environment: &'a Environment<'a>,
    pub(crate) caller: Caller,
    pub(crate) targets: Vec<Target>,
}

/// What a handler gives back.
pub(crate) type Outcome = Result<Answer, GraphError>;

/// Answers a call. The state is changed in place; the caller drops it where the answer is an error.
pub(crate) fn answer(
    state: &mut State,
    segments: &[String],
    request: &Request,
    environment: &Environment<'_>,
) -> Answer {
    let request_id = environment.random.uuid().to_string();
    let answer = handled(state, segments, request, environment)
        .unwrap_or_else(|error| error.answer(request, environment, &request_id));
    let answer = match &answer.body {
        Some(_) => answer.header(
            "content-type",
            "application/json;odata.metadata=minimal;odata.streaming=true;\
             IEEE754Compatible=false;charset=utf-8",
        ),
        None => answer,
    };
    let client_id = request.header("client-request-id").unwrap_or(&request_id).to_owned();
    let diagnostic = "{\"ServerInfo\":{\"DataCenter\":\"Sandbox\",\"Slice\":\"E\",\"Ring\":\"0\",\
                      \"ScaleUnit\":\"000\",\"RoleInstance\":\"SANDBOX\"}}";
    answer
        .header("odata-version", "4.0")
        .header("cache-control", "no-cache")
        .header("client-request-id", client_id)
        .header("request-id", request_id)
        .header("x-ms-ags-diagnostic", diagnostic)
        .header("x-ms-resource-unit", "1")
}

fn handled(
    state: &mut State,
    segments: &[String],
    request: &Request,
    environment: &Environment<'_>,
) -> Outcome {
    let path = path::parse(segments);
    let caller = caller::authenticate(state, request, environment)?;
    let route = routes::find(&request.method, &path.template, segments)?;
    let mut call = Call { state, request, environment, caller, targets: path.targets };
    call.allow(route.need, None)?;
    (route.handler)(&mut call)
}

impl Call<'_> {
    /// The tenant's clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.environment.now
    }

    /// A new id.
    pub(crate) fn new_id(&self) -> Uuid {
        self.environment.random.uuid()
    }

    /// A new opaque id of 43 characters (facts 4.3).
    pub(crate) fn opaque_id(&self) -> String {
        use base64::Engine as _;
        let mut bytes = [0; 32];
        self.environment.random.fill(&mut bytes);
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Checks a permission. Without `owners` the object that the path names decides ownership.
    ///
    /// # Errors
    /// 403.
    pub(crate) fn allow(&self, need: Need, owners: Option<&[Uuid]>) -> Result<(), GraphError> {
        let owns = match (owners, need) {
            (Some(owners), _) => {
                self.caller.object_id().is_some_and(|caller| owners.contains(&caller))
            }
            // What is made becomes the caller's.
            (None, Need::CreateApplication) => true,
            (None, _) => self.owns_target(),
        };
        permissions::check(&self.caller, need, owns)
    }

    /// Who owns what the caller makes: a user, or an application that may only make its own. One that
    /// may change all of them does not become an owner (facts 2.6).
    pub(crate) fn new_owners(&self) -> Vec<Uuid> {
        if let caller::Identity::Application { roles, .. } = &self.caller.identity
            && roles.iter().any(|role| role == "Application.ReadWrite.All")
        {
            return Vec::new();
        }
        self.caller.object_id().into_iter().collect()
    }

    fn owns_target(&self) -> bool {
        let Some(caller) = self.caller.object_id() else { return false };
        let application = self.find_application(0).filter(|found| found.owners.contains(&caller));
        let principal = self.find_principal(0).filter(|found| {
            let application = self.state.application_of(found.app_id);
            found.owners.contains(&caller)
                || application.is_some_and(|application| application.owners.contains(&caller))
        });
        application.is_some() || principal.is_some()
    }

    /// The request's body as a JSON object.
    ///
    /// # Errors
    /// 400 where it is none.
    pub(crate) fn body(&self) -> Result<Map<String, Value>, GraphError> {
        if self.request.body.is_empty() {
            return Err(GraphError::unparsed("Empty Payload. JSON content expected."));
        }
        match serde_json::from_slice(&self.request.body) {
            Ok(Value::Object(object)) => Ok(object),
            _ => Err(GraphError::unparsed("Unable to read JSON request payload.")),
        }
    }

    /// The object id, or whatever else the path has in that place, for messages.
    pub(crate) fn target_text(&self, at: usize) -> String {
        match self.targets.get(at) {
            Some(Target::Id(id)) => id.clone(),
            Some(Target::Key { value, .. }) => value.clone(),
            None => String::new(),
        }
    }

    /// The object id in that place of the path.
    ///
    /// # Errors
    /// 400 where it is no GUID.
    pub(crate) fn target_id(&self, at: usize) -> Result<Uuid, GraphError> {
        let text = self.target_text(at);
        text.parse()
            .map_err(|_| GraphError::bad_request(format!("Invalid object identifier '{text}'.")))
    }

    /// The living application that the path names, replicated or not.
    pub(crate) fn find_application(&self, at: usize) -> Option<&Arc<Application>> {
        match self.targets.get(at)? {
            Target::Id(id) => {
                let found = self.state.applications.get(&id.parse::<Uuid>().ok()?)?;
                found.deleted.is_none().then_some(found)
            }
            Target::Key { name, value } if name.eq_ignore_ascii_case("appId") => {
                self.state.application_of(value.parse().ok()?)
            }
            Target::Key { name, value } if name.eq_ignore_ascii_case("uniqueName") => {
                self.state.application_named(value)
            }
            Target::Key { .. } => None,
        }
    }

    /// The living service principal that the path names, replicated or not.
    pub(crate) fn find_principal(&self, at: usize) -> Option<&Arc<Principal>> {
        match self.targets.get(at)? {
            Target::Id(id) => {
                let found = self.state.principals.get(&id.parse::<Uuid>().ok()?)?;
                found.deleted.is_none().then_some(found)
            }
            Target::Key { name, value } if name.eq_ignore_ascii_case("appId") => {
                self.state.principal_of(value.parse().ok()?)
            }
            Target::Key { .. } => None,
        }
    }

    /// Whether an object is replicated.
    pub(crate) fn is_readable(&self, object: &impl DirectoryObject) -> bool {
        self.environment.delays.object_ready(object.created(), self.environment.now)
    }

    /// The application that the path names, replicated; a copy to change.
    ///
    /// # Errors
    /// 404.
    pub(crate) fn application(&self) -> Result<Application, GraphError> {
        self.find_application(0)
            .filter(|found| self.is_readable(found.as_ref()))
            .map(|found| Application::clone(found))
            .ok_or_else(|| GraphError::not_found(&self.target_text(0)))
    }

    /// The service principal that the path names, replicated; a copy to change.
    ///
    /// # Errors
    /// 404.
    pub(crate) fn principal(&self) -> Result<Principal, GraphError> {
        self.find_principal(0)
            .filter(|found| self.is_readable(found.as_ref()))
            .map(|found| Principal::clone(found))
            .ok_or_else(|| GraphError::not_found(&self.target_text(0)))
    }

    /// The user that the path names by id or name, replicated; a copy to change.
    ///
    /// # Errors
    /// 404.
    pub(crate) fn user(&self) -> Result<User, GraphError> {
        let text = self.target_text(0);
        let found = match text.parse::<Uuid>() {
            Ok(id) => self.state.users.get(&id).filter(|user| user.deleted.is_none()),
            Err(_) => self.state.user_named(&text),
        };
        found
            .filter(|found| self.is_readable(found.as_ref()))
            .map(|found| User::clone(found))
            .ok_or_else(|| GraphError::not_found(&text))
    }
}
