//! `add_app_registration`: makes a connector's application in the tenant.

use base::{Code, Diagnostic, Result, Timestamp};
use effect::{Change, Effect, Event, Impact, StepIntent, Target, Undo};
use entra::graph::{
    AppRoleAssignment, Application, ApplicationRef, Graph, NewAppRoleAssignment,
    NewApplication, NewKeyCredential, PrincipalRef, RequiredResourceAccess, ResourceAccess, ServicePrincipal,
};
use entra::well_known::{SYNCHRONIZATION_ROLE, SYNCHRONIZATION_SERVICE};
use entra::{CertificateInfo, Session};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use state::{Certificate, Connector};
use uuid::Uuid;

use crate::certificates::normalised_sha256;
use crate::cmdlet::{About, Cmdlet, Example, Replay, Shows};
use crate::context::Call;
use crate::registration::{self, Grant};
use crate::scheduling::require_lease;
use crate::sign_in;

/// The cmdlet `add_app_registration`.
pub struct AddAppRegistration;

/// Makes the application with its key credential, its service principal, and grants the roles that
/// synchronization needs. Ids of resources and roles are asked of the tenant. The connector still signs
/// in as before: `link_app_registration` points it at the application. Called again it makes what is
/// missing and leaves the rest alone.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The connector.
    pub connector: String,
    /// SHA-256 of the certificate, as `prepare_credential` answered it.
    pub certificate_sha256: String,
    /// The roles of password writeback: where the tenant has that service, always, or never.
    #[serde(default)]
    pub password_writeback: Writeback,
}

/// Whether password writeback gets its roles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Writeback {
    /// Where the tenant has the service.
    #[default]
    Auto,
    /// Always; without the service it fails.
    Require,
    /// Never.
    Skip,
}

/// The application as it is registered.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Output {
    /// Client id.
    pub app_id: String,
    /// Object id of the application.
    pub application_id: String,
    /// Object id of the service principal.
    pub principal_id: String,
    /// Its name in the tenant.
    pub application_name: String,
    /// The key credential.
    pub key_id: String,
    /// SHA-256 of the certificate, upper hex.
    pub certificate_sha256: String,
    /// The roles that are granted.
    pub roles: Vec<String>,
}

impl Cmdlet for AddAppRegistration {
    const ABOUT: About = About {
        name: "add_app_registration",
        summary: "Make a connector's application, service principal, key credential and grants",
        effect: Effect::Change(Change {
            target: Target::Application,
            action: "add",
            impact: Impact::Medium,
        }),
        replay: Replay::Recorded,
        search_terms: &[
            "Add-EntraApplicationRegistration",
            "Add-ADSyncApplicationRegistration",
            "New-MgApplication",
            "register",
        ],
        see_also: &["prepare_credential", "link_app_registration", "connect_tenant"],
        errors: &[
            (Code::TenantNotConnected, "connect_tenant() was not called"),
            (Code::CertificateUnknown, "this host has no such certificate"),
            (Code::SchedulerBusy, "another run paused the connector's scheduler"),
            (Code::PrerequisiteFailed, "the tenant lacks the synchronization service"),
        ],
        examples: &[
            Example {
                title: "Register what was prepared",
                script: r#"connect_tenant();
let prepared = prepare_credential(#{ connector: "default" });
add_app_registration(#{ connector: "default", certificate_sha256: prepared.certificate_sha256, password_writeback: "skip" }).roles"#,
                shows: Shows::Value(r#"["ADSynchronization.ReadWrite.All"]"#),
            },
            Example {
                title: "Without a sign-in nothing is made",
                script: r#"let prepared = prepare_credential(#{ connector: "default" });
add_app_registration(#{ connector: "default", certificate_sha256: prepared.certificate_sha256 })"#,
                shows: Shows::Failure(Code::TenantNotConnected),
            },
        ],
    };

    type Parameters = Parameters;
    type Output = Output;

    fn subject(parameters: &Parameters) -> &str {
        &parameters.connector
    }

    async fn run(call: &Call<'_>, parameters: Parameters) -> Result<Output> {
        let (connector, tenant) = call.connector_in_view(&parameters.connector).await?;
        let administrator = call.context.session.administrator()?;
        let sha256 = normalised_sha256(&parameters.certificate_sha256)?;
        require_lease(call, &connector).await?;
        let certificate = call.store().get_certificate(&sha256).await?;
        let info = usable(&connector, &certificate, tenant.client.now())?;
        call.with_session(&tenant, async |session| {
            let registering = Registering {
                call,
                session,
                graph: session.graph(&administrator),
                connector: &connector,
                certificate: &info,
            };
            registering.run(parameters.password_writeback).await
        })
        .await
    }
}

/// The certificate itself, where it can be registered for this connector.
fn usable(
    connector: &Connector,
    certificate: &Certificate,
    now: Timestamp,
) -> Result<CertificateInfo> {
    if certificate.connector_id.as_deref() != Some(&connector.id) {
        let (thumbprint, name) = (&certificate.thumbprint, &connector.name);
        let other = format!("The certificate {thumbprint} was not made for the connector '{name}'");
        return Err(Diagnostic::new(Code::CertificateUnusable, other)
            .next(format!("Make one: prepare_credential(#{{ connector: \"{name}\" }})")));
    }
    let info = sign_in::info(certificate)?;
    info.check_usable(now)?;
    Ok(info)
}

struct Registering<'a> {
    call: &'a Call<'a>,
    session: Session<'a>,
    graph: Graph<'a>,
    connector: &'a Connector,
    certificate: &'a CertificateInfo,
}

impl Registering<'_> {
    async fn run(&self, writeback: Writeback) -> Result<Output> {
        let grants = self.grants(writeback).await?;
        let application = self.application(&grants).await?;
        let reference = ApplicationRef::Id(application.id);
        self.graph.application_readable(&reference).await?;
        registration::require_known_keys(self.call, &self.graph, &reference).await?;
        let key_id = self.key(&reference).await?;
        let principal = self.principal(&application).await?;
        let name = application.display_name.clone().unwrap_or_default();
        let granted = self.granted(principal.id).await?;
        for grant in &grants {
            let new = assignment(principal.id, grant);
            let intent =
                registration::grant_intent(self.connector, principal.id, &name, grant);
            let is_there = granted.iter().any(|granted| new.is(granted));
            if !is_there || self.call.open.was_begun(&intent) {
                self.grant(new, intent).await?;
            }
        }
        Ok(Output {
            app_id: application.app_id.to_string(),
            application_id: application.id.to_string(),
            principal_id: principal.id.to_string(),
            application_name: name,
            key_id: key_id.to_string(),
            certificate_sha256: self.certificate.sha256.clone(),
            roles: grants.into_iter().map(|grant| grant.value).collect(),
        })
    }

    /// What is to be granted, as this tenant knows it.
    async fn grants(&self, writeback: Writeback) -> Result<Vec<Grant>> {
        let service =
            self.graph.find_principal(PrincipalRef::AppId(SYNCHRONIZATION_SERVICE)).await?;
        let role = registration::synchronization_role(service.as_ref())?;
        let mut grants: Vec<Grant> = service
            .iter()
            .map(|service| registration::grant(service, role, SYNCHRONIZATION_ROLE))
            .collect();
        if writeback == Writeback::Skip {
            return Ok(grants);
        }
        match registration::password_writeback_roles(&self.graph).await {
            Ok(found) => grants.extend(found),
            Err(error)
                if writeback == Writeback::Auto && error.code == Code::PrerequisiteFailed =>
            {
                self.call.observe(&Event::Said(&error.message));
            }
            Err(error) => return Err(error),
        }
        Ok(grants)
    }

    /// The connector's application. One that is there is no step of this run, so that undoing the run
    /// cannot take it away; the same holds for principal and grants.
    async fn application(&self, grants: &[Grant]) -> Result<Application> {
        let (call, connector) = (self.call, self.connector);
        let unique_name = registration::unique_name(connector);
        let reference = ApplicationRef::UniqueName(unique_name.clone());
        let find = async || self.graph.find_application(&reference).await;
        let host_name = call.context.ports.process.host_name();
        let host_id = &call.store().host().id;
        // A list of keys takes the place of the one that is there. A replica that lags can hide an
        // application which this connector may sign in with, so that one never gets such a list.
        let is_first = connector.application.is_none();
        let new = NewApplication {
            unique_name: unique_name.clone(),
            display_name: registration::display_name(&host_name, host_id, connector),
            sign_in_audience: "AzureADMyOrg".to_owned(),
            key_credentials: is_first
                .then(|| NewKeyCredential::of(self.certificate))
                .into_iter()
                .collect(),
            required_resource_access: required(grants),
        };
        let intent = StepIntent {
            name: registration::CREATE_APPLICATION.to_owned(),
            summary: format!("create the application {}", new.display_name),
            marker: json!({ "unique_name": unique_name }),
            undo: Undo::cmdlet("remove_application", json!({ "connector": connector.name })),
        };
        let look = async || self.session.look_for("application", find).await;
        let act = async |permit: effect::Permit<'_>| {
            self.graph.create_application(permit, &new).await
        };
        call.ensure(intent, find, look, act).await
    }

    /// Makes sure that the certificate is registered: an application that an earlier run made may
    /// hold another one.
    async fn key(&self, application: &ApplicationRef) -> Result<Uuid> {
        let registered = async || {
            let keys = self.graph.key_credentials(application).await?;
            let key = keys.into_iter().find(|key| key.is_of(self.certificate));
            Result::Ok(key.map(|key| key.key_id))
        };
        let look = async || self.session.look_for("key credential", registered).await;
        let seen = async || Ok(look().await?.map(Some));
        let key_id = match self.register_key(application, seen).await? {
            Some(key_id) => key_id,
            // Waited for outside of the step: the key is registered, however long it takes to show.
            None => self.graph.key_registered(application, self.certificate).await?.key_id,
        };
        self.record_key(key_id).await?;
        Ok(key_id)
    }

    async fn register_key(
        &self,
        application: &ApplicationRef,
        look: impl AsyncFn() -> Result<Option<Option<Uuid>>>,
    ) -> Result<Option<Uuid>> {
        let sha256 = &self.certificate.sha256;
        let application_id = match application {
            ApplicationRef::Id(id) => Some(id),
            _ => None,
        };
        let intent = StepIntent {
            name: registration::REGISTER_KEY.to_owned(),
            summary: format!("register the certificate {} on {application}", self.certificate),
            marker: json!({
                "certificate_sha256": sha256,
                "application_id": application_id,
            }),
            undo: Undo::cmdlet(
                "remove_app_key",
                json!({ "connector": self.connector.name, "certificate_sha256": sha256 }),
            ),
        };
        let act = async |permit: effect::Permit<'_>| {
            self.graph.add_key_to_list(permit, application, self.certificate).await.map(|()| None)
        };
        self.call.ensure(intent, &look, &look, act).await
    }

    /// Keeps the key credential's id with the certificate: it is what a removal will need.
    async fn record_key(&self, key_id: Uuid) -> Result<()> {
        let sha256 = &self.certificate.sha256;
        let key_id = key_id.to_string();
        let recorded = async || {
            let certificate = self.call.store().get_certificate(sha256).await?;
            Result::Ok((certificate.key_id.as_deref() == Some(&key_id)).then_some(()))
        };
        let intent = StepIntent {
            name: "record_key".to_owned(),
            summary: format!("note the key credential {key_id}"),
            marker: json!({ "certificate_sha256": sha256, "key_id": key_id }),
            undo: Undo::unneeded("a note of what is in the tenant does no harm"),
        };
        let act = async |permit: effect::Permit<'_>| {
            let writer = self.call.writer();
            writer.set_certificate_key(permit, sha256, Some(&key_id)).await.map(drop)
        };
        self.call.ensure(intent, recorded, recorded, act).await
    }

    async fn principal(&self, application: &Application) -> Result<ServicePrincipal> {
        let reference = PrincipalRef::AppId(application.app_id);
        let find = async || self.graph.find_principal(reference).await;
        let app_id = application.app_id;
        let intent = StepIntent {
            name: registration::CREATE_PRINCIPAL.to_owned(),
            summary: format!("create {reference}"),
            marker: json!({ "app_id": app_id }),
            undo: Undo::cmdlet(
                "remove_service_principal",
                json!({ "connector": self.connector.name, "app_id": app_id }),
            ),
        };
        let look = async || self.session.look_for("service principal", find).await;
        let act = async |permit: effect::Permit<'_>| {
            self.graph.create_principal(permit, app_id).await
        };
        self.call.ensure(intent, find, look, act).await
    }

    async fn granted(&self, principal_id: Uuid) -> Result<Vec<AppRoleAssignment>> {
        match self.graph.app_role_assignments(principal_id).await {
            // A principal that was just made is not known to every replica, and has no grants.
            Err(unknown) if unknown.code == Code::GraphNotFound => Ok(Vec::new()),
            granted => granted,
        }
    }

    async fn grant(&self, new: NewAppRoleAssignment, intent: StepIntent) -> Result<()> {
        let find = async || {
            let granted = self.graph.app_role_assignments(new.principal_id).await?;
            Ok(granted.into_iter().find(|granted| new.is(granted)))
        };
        let look = async || self.session.look_for("role assignment", find).await;
        let act = async |permit: effect::Permit<'_>| -> Result<AppRoleAssignment> {
            self.graph.create_app_role_assignment(permit, new).await
        };
        self.call.step(intent, look, act).await.map(drop)
    }
}

fn assignment(principal_id: Uuid, grant: &Grant) -> NewAppRoleAssignment {
    NewAppRoleAssignment {
        principal_id,
        resource_id: grant.resource_id,
        app_role_id: grant.role_id,
    }
}

/// The grants as the application declares its needs, by resource.
fn required(grants: &[Grant]) -> Vec<RequiredResourceAccess> {
    let mut all: Vec<RequiredResourceAccess> = Vec::new();
    for grant in grants {
        let access = ResourceAccess::role(grant.role_id);
        match all.iter_mut().find(|known| known.resource_app_id == grant.resource_app_id) {
            Some(known) => known.resource_access.push(access),
            None => all.push(RequiredResourceAccess {
                resource_app_id: grant.resource_app_id,
                resource_access: vec![access],
            }),
        }
    }
    all
}
