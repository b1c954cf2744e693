//! What a fresh tenant holds: what a small real one would, and nothing else.

use std::time::Duration;

use base::{Ports, Random, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::catalog::{
    self, ADMINISTRATOR_ROLES, COMMAND_LINE_CONSENT, FIRST_PARTY, FirstParty, Permission, role,
};
use crate::certificates::{self, Keys};
use crate::graph::properties;
use crate::state::objects::{
    AppRoleAssignment, Application, DirectoryRole, Hashed, KeyCredential, Member, Organization,
    PermissionGrant, Principal, Properties, User,
};
use crate::state::{Seeded, State};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const INITIAL_DOMAIN: &str = "contoso.onmicrosoft.com";
const CUSTOM_DOMAIN: &str = "contoso.com";

/// A fresh tenant, and the administrator application's sign-in: key and certificate in PEM.
pub(crate) struct Fresh {
    pub(crate) state: State,
    pub(crate) administrator_pem: String,
}

struct Seeding<'a> {
    state: State,
    random: &'a (dyn Random + 'static),
    /// Everything is older than any delay.
    since: Timestamp,
}

/// Makes a fresh tenant.
///
/// # Errors
/// Where the administrator's certificate cannot be made.
pub(crate) fn fresh(ports: &Ports, keys: &Keys) -> base::Result<Fresh> {
    let random = &*ports.random;
    let now = ports.clock.now();
    let since = now.minus(DAY * 30);
    let host = account_host(&ports.process.host_name());
    let suffix: String = random.uuid().simple().to_string().chars().take(12).collect();
    let organization = Organization {
        id: random.uuid(),
        name: "Contoso".to_owned(),
        initial_domain: INITIAL_DOMAIN.to_owned(),
        custom_domain: CUSTOM_DOMAIN.to_owned(),
        created: since,
    };
    let seeded = Seeded {
        client_id: random.uuid(),
        username: format!("admin@{INITIAL_DOMAIN}"),
        password: strong_password(random),
        legacy_username: format!("Sync_{host}_{suffix}@{INITIAL_DOMAIN}"),
        legacy_password: strong_password(random),
    };
    let mut seeding = Seeding { state: State::empty(organization, seeded), random, since };
    FIRST_PARTY.iter().for_each(|party| seeding.first_party(party));
    seeding.command_line_consent();
    seeding.accounts();
    let name = "Tenant administration";
    let (from, until) = (now.minus(DAY), now.plus(DAY * 730));
    let certificate = certificates::self_signed(name, &keys.administrator, random, from, until)?;
    let facts = certificates::read_certificate(certificate.der())
        .map_err(|error| certificates::failed("read its own certificate", &error))?;
    let key = KeyCredential {
        key_id: random.uuid(),
        kind: "AsymmetricX509Cert".to_owned(),
        usage: "Verify".to_owned(),
        display_name: Some(facts.subject.clone()),
        custom_key_identifier: Some(facts.thumbprint.clone()),
        start: facts.not_before,
        end: facts.not_after,
        certificate: facts,
        added: since,
    };
    seeding.administrator_application(name, key);
    let administrator_pem = format!("{}{}", keys.administrator.serialize_pem(), certificate.pem());
    Ok(Fresh { state: seeding.state, administrator_pem })
}

/// A host name as it stands in the name of a synchronization account: upper case, 15 characters.
fn account_host(name: &str) -> String {
    let plain = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-');
    let host: String = plain.take(15).collect::<String>().to_ascii_uppercase();
    if host.is_empty() { "HOST".to_owned() } else { host }
}

/// 24 characters with all four classes (facts 5), none of which a shell or a form changes.
fn strong_password(random: &(dyn Random + 'static)) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
    let mut bytes = [0; 20];
    random.fill(&mut bytes);
    let letters = bytes.iter().map(|byte| {
        let at = usize::from(*byte) % LETTERS.len();
        LETTERS.get(at).copied().map_or('x', char::from)
    });
    format!("Aa1-{}", letters.collect::<String>())
}

fn permissions(entries: &[Permission], delegated: bool) -> Value {
    let shown = entries.iter().map(|entry| {
        if delegated {
            json!({
                "adminConsentDescription": entry.value, "adminConsentDisplayName": entry.value,
                "id": entry.id, "isEnabled": true, "type": "Admin",
                "userConsentDescription": null, "userConsentDisplayName": null,
                "value": entry.value,
            })
        } else {
            json!({
                "allowedMemberTypes": ["Application"], "description": entry.value,
                "displayName": entry.value, "id": entry.id, "isEnabled": true,
                "origin": "Application", "value": entry.value,
            })
        }
    });
    shown.collect()
}

fn set(properties: &mut Properties, name: &str, value: impl Into<Value>) {
    properties.insert(name.to_owned(), value.into());
}

impl Seeding<'_> {
    fn opaque_id(&self) -> String {
        use base64::Engine as _;
        let mut bytes = [0; 32];
        self.random.fill(&mut bytes);
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
    }

    fn principal(&mut self, app_id: Uuid, properties: Properties) -> Uuid {
        let id = self.random.uuid();
        self.state.put_principal(Principal {
            id,
            app_id,
            created: self.since,
            deleted: None,
            enabled: true,
            keys: Vec::new(),
            passwords: Vec::new(),
            owners: Vec::new(),
            properties,
        });
        id
    }

    fn first_party(&mut self, party: &FirstParty) {
        let owner = catalog::MICROSOFT_TENANT.to_string();
        let app_id = party.app_id.to_string();
        let mut properties = properties::principal_defaults(&app_id, party.name, &owner);
        set(&mut properties, "signInAudience", "AzureADMultipleOrgs");
        set(&mut properties, "appRoles", permissions(party.roles, false));
        set(&mut properties, "oauth2PermissionScopes", permissions(party.scopes, true));
        let names = party.names.iter().map(|name| Value::from(*name));
        let names: Vec<Value> = std::iter::once(Value::from(app_id)).chain(names).collect();
        set(&mut properties, "servicePrincipalNames", names);
        self.principal(party.app_id, properties);
    }

    fn principal_id(&self, app_id: Uuid) -> Uuid {
        self.state.principal_of(app_id).map(|found| found.id).unwrap_or_default()
    }

    fn command_line_consent(&mut self) {
        let grant = PermissionGrant {
            id: self.opaque_id(),
            client: self.principal_id(catalog::GRAPH_COMMAND_LINE),
            resource: self.principal_id(catalog::GRAPH),
            user: None,
            scope: COMMAND_LINE_CONSENT.join(" "),
            created: self.since,
        };
        self.state.put_grant(grant);
    }

    /// The administrator and the legacy synchronization account, with their roles. A role that nobody
    /// was ever given is not activated (facts 4.4).
    fn accounts(&mut self) {
        let seeded = self.state.seeded.clone();
        let administrator = self.user(&seeded.username, "Administrator", &seeded.password);
        let legacy = self.user(
            &seeded.legacy_username,
            "On-Premises Directory Synchronization Service Account",
            &seeded.legacy_password,
        );
        self.role(role::GLOBAL_ADMINISTRATOR, Some(administrator));
        self.role(role::DIRECTORY_SYNCHRONIZATION, Some(legacy));
        for template in [
            role::HYBRID_IDENTITY_ADMINISTRATOR,
            role::ON_PREMISES_SYNC,
            role::APPLICATION_ADMINISTRATOR,
            role::CLOUD_APPLICATION_ADMINISTRATOR,
            role::PRIVILEGED_ROLE_ADMINISTRATOR,
            role::USER_ADMINISTRATOR,
        ] {
            self.role(template, None);
        }
    }

    fn user(&mut self, upn: &str, name: &str, password: &str) -> Uuid {
        let id = self.random.uuid();
        let mut properties = properties::user_defaults();
        set(&mut properties, "displayName", name);
        set(&mut properties, "mailNickname", upn.split('@').next().unwrap_or_default());
        set(&mut properties, "passwordPolicies", "DisablePasswordExpiration");
        self.state.put_user(User {
            id,
            upn: upn.to_owned(),
            created: self.since,
            deleted: None,
            enabled: true,
            needs_mfa: false,
            must_change_password: false,
            password: Hashed::new(password, self.random),
            password_set: self.since,
            properties,
        });
        id
    }

    fn role(&mut self, template: Uuid, member: Option<Uuid>) {
        let members = member.map(|id| Member { id, since: self.since }).into_iter().collect();
        self.state.put_role(DirectoryRole { id: self.random.uuid(), template, members });
    }

    fn administrator_application(&mut self, name: &str, key: KeyCredential) {
        let organization = self.state.organization.clone();
        let app_id = self.state.seeded.client_id;
        let roles: Vec<Uuid> = ADMINISTRATOR_ROLES
            .iter()
            .filter_map(|value| {
                let graph = catalog::first_party(catalog::GRAPH)?;
                graph.roles.iter().find(|role| role.value == *value).map(|role| role.id)
            })
            .collect();
        let access: Vec<Value> =
            roles.iter().map(|id| json!({ "id": id, "type": "Role" })).collect();
        let mut properties = properties::application_defaults(&organization.initial_domain);
        set(&mut properties, "displayName", name);
        set(&mut properties, "signInAudience", "AzureADMyOrg");
        let declared = json!([{ "resourceAppId": catalog::GRAPH, "resourceAccess": access }]);
        set(&mut properties, "requiredResourceAccess", declared);
        self.state.put_application(Application {
            id: self.random.uuid(),
            app_id,
            created: self.since,
            deleted: None,
            unique_name: None,
            keys: vec![key],
            passwords: Vec::new(),
            owners: Vec::new(),
            properties,
        });
        let owner = organization.id.to_string();
        let kept = properties::principal_defaults(&app_id.to_string(), name, &owner);
        let principal = self.principal(app_id, kept);
        let resource = self.principal_id(catalog::GRAPH);
        for role in roles {
            let id = self.opaque_id();
            let created = self.since;
            self.state.put_assignment(AppRoleAssignment { id, role, principal, resource, created });
        }
    }
}
