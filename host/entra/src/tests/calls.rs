//! The typed calls of Microsoft Graph.

use base::Code;
use base64::Engine;
use effect::{Permit, Removal, RemovalPermit};
use keystore::Algorithm;
use serde_json::{Value, json};
use uuid::{Uuid, uuid};

use super::fake::{APP, Reply, TENANT, World, password};
use super::permits::{permitted, permitted_removal};
use crate::graph::{
    ApplicationFilter, ApplicationRef, KeyCredential, NewAppRoleAssignment, NewApplication,
    NewKeyCredential, PrincipalRef, UserFilter, UserRef,
};
use crate::{CertificateInfo, Graph};

const KEY: Uuid = uuid!("33333333-3333-4333-8333-333333333333");

fn body(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn application() -> Value {
    json!({"id": TENANT, "appId": APP, "displayName": "A", "uniqueName": "credwright-1"})
}

/// Runs a change with a permit.
async fn change<T, A>(world: &World, act: A) -> base::Result<T>
where
    T: serde::Serialize + serde::de::DeserializeOwned,
    A: AsyncFn(Permit<'_>) -> base::Result<T>,
{
    permitted(&world.ports, act).await
}

/// Makes a change that removes something, which was judged.
async fn remove<A>(world: &World, removal: Removal, act: A) -> base::Result<()>
where
    A: AsyncFn(RemovalPermit<'_>) -> base::Result<()>,
{
    permitted_removal(&world.ports, &removal, act).await
}

fn key(key_id: uuid::Uuid) -> Removal {
    Removal::ApplicationKey {
        application_id: TENANT.to_string(),
        app_id: APP.to_string(),
        key_id: key_id.to_string(),
    }
}

#[test]
fn lists_are_followed_to_their_end_and_not_elsewhere() {
    let world = World::new();
    let admin = password();
    let page =
        |next: &str| Reply::json(200, &json!({"value": [application()], "@odata.nextLink": next}));
    world.fake.graph([
        page("https://graph.test/v1.0/applications?$skiptoken=x%27y"),
        Reply::json(200, &json!({"value": [application(), application()]})),
        page("https://evil.test/v1.0/applications"),
        page("no link"),
    ]);
    world.run(async {
        let graph = world.client.quiet().graph(&admin);
        let filter = ApplicationFilter::DisplayNameStarts("Connect'Sync_".to_owned());
        assert_eq!(graph.applications(&filter).await.unwrap().len(), 3);
        let seen = world.fake.seen();
        assert_eq!(
            seen[0].path.split("&$filter=").nth(1).unwrap(),
            "startswith%28displayName%2C%27Connect%27%27Sync_%27%29"
        );
        assert_eq!(seen[1].path, "/v1.0/applications?$skiptoken=x%27y");
        for _ in 0..2 {
            let error = graph.applications(&ApplicationFilter::All).await.unwrap_err();
            assert_eq!(error.code, Code::RemoteGarbage, "{error}");
        }
    });
    assert!(world.fake.is_done());
}

fn new_application(certificate: &CertificateInfo) -> NewApplication {
    NewApplication {
        unique_name: "credwright-it's".to_owned(),
        display_name: "ConnectSyncProvisioning_HOST_0123456789ab".to_owned(),
        sign_in_audience: "AzureADMyOrg".to_owned(),
        key_credentials: vec![NewKeyCredential::of(certificate)],
        required_resource_access: Vec::new(),
    }
}

#[test]
fn an_application_is_made_once() {
    let world = World::new();
    let admin = password();
    world.run(async {
        let own = world.certificate(Algorithm::Ps256).await;
        let new = new_application(&own.certificate);
        let graph = world.client.quiet().graph(&admin);
        let missing = || Reply::graph(404, "Request_ResourceNotFound", "does not exist");
        world.fake.graph([missing(), Reply::json(201, &application())]);
        let made = change(&world, async |p| graph.create_application(p, &new).await).await.unwrap();
        assert_eq!((made.id, made.app_id), (TENANT, APP));
        let sent = &world.fake.seen()[1];
        assert_eq!(sent.method, "PATCH");
        assert_eq!(sent.path, "/v1.0/applications(uniqueName='credwright-it%27%27s')");
        assert_eq!(sent.headers["prefer"], "create-if-missing");
        let sent = body(&sent.body);
        assert_eq!(sent["signInAudience"], "AzureADMyOrg");
        assert_eq!(sent["keyCredentials"][0]["key"], own.certificate.der.as_str());
        assert_eq!(sent["keyCredentials"][0]["usage"], "Verify");
        assert!(sent.get("uniqueName").is_none());

        world.fake.graph([Reply::json(200, &application())]);
        let again = change(&world, async |p| graph.create_application(p, &new).await).await;
        assert_eq!(again.unwrap(), made, "what is there is given back");
        assert!(world.fake.seen().iter().filter(|seen| seen.method == "PATCH").count() == 1);
    });
    assert!(world.fake.is_done());
}

fn registered(certificate: Option<&CertificateInfo>) -> Value {
    json!({"customKeyIdentifier": "F9D4365A", "displayName": "CN=Old", "key":
        certificate.map(|c| c.der.clone()), "keyId": KEY, "type": "AsymmetricX509Cert",
        "startDateTime": "2026-11-22T14:00:00Z", "endDateTime": "2027-02-20T14:00:00Z",
        "usage": "Verify"})
}

#[test]
fn foreign_keys_survive_a_written_list() {
    let world = World::new();
    let admin = password();
    let by_id = ApplicationRef::Id(TENANT);
    world.run(async {
        let old = world.certificate(Algorithm::Ps256).await.certificate;
        let new = world.certificate(Algorithm::Ps256).await.certificate;
        let graph = world.client.quiet().graph(&admin);
        let list = || Reply::json(200, &json!({"keyCredentials": [registered(Some(&old))]}));
        world.fake.graph([list(), Reply::empty(204)]);
        change(&world, async |p| graph.add_key_to_list(p, &by_id, &new).await).await.unwrap();
        let written = body(&world.fake.seen()[1].body);
        let keys = written["keyCredentials"].as_array().unwrap();
        assert_eq!(keys[0], registered(None), "kept unaltered, without its certificate");
        assert_eq!(keys[1]["key"], new.der.as_str());
        assert_eq!(keys.len(), 2);

        world.fake.graph([list()]);
        change(&world, async |p| graph.add_key_to_list(p, &by_id, &old).await).await.unwrap();
        world.fake.graph([list(), Reply::empty(204)]);
        let removed = async |p: RemovalPermit<'_>| graph.remove_key_from_list(p, &by_id, KEY).await;
        let other = remove(&world, key(APP), removed).await.unwrap_err();
        assert_eq!(other.code, Code::Internal, "another key was judged");
        remove(&world, key(KEY), removed).await.unwrap();
        assert_eq!(body(&world.fake.seen().last().unwrap().body), json!({"keyCredentials": []}));
        world.fake.graph([list()]);
        let absent =
            remove(&world, key(APP), async |p| graph.remove_key_from_list(p, &by_id, APP).await);
        assert_eq!(absent.await.unwrap_err().code, Code::GraphNotFound);
    });
    assert!(world.fake.is_done());
}

#[test]
fn keys_are_recognised_in_every_spelling() {
    let world = World::new();
    let own = world.run(world.certificate(Algorithm::Ps256)).certificate;
    let base64 = base64::engine::general_purpose::STANDARD;
    let sha1 = hex::decode(&own.thumbprint).unwrap();
    let with = |identifier: Option<String>, key: Option<String>| KeyCredential {
        key_id: KEY,
        display_name: None,
        start_date_time: None,
        end_date_time: None,
        kind: None,
        usage: None,
        custom_key_identifier: identifier,
        key,
    };
    for identifier in [
        own.thumbprint.clone(),
        own.thumbprint.to_lowercase(),
        base64.encode(&sha1),
        base64.encode(&own.thumbprint),
    ] {
        assert!(with(Some(identifier.clone()), None).is_of(&own), "{identifier}");
    }
    let lines = own.der.replace('A', "A\n");
    assert!(with(None, Some(lines)).is_of(&own));
    for identifier in ["", "F9D4365A", "not base64!"] {
        assert!(!with(Some(identifier.to_owned()), None).is_of(&own), "{identifier}");
    }
    assert!(!with(None, None).is_of(&own));
}

#[test]
fn keys_are_added_and_removed_by_proof() {
    let world = World::new();
    let admin = password();
    world.run(async {
        let prover = world.certificate(Algorithm::Ps256).await;
        let new = world.certificate(Algorithm::Ps256).await.certificate;
        let graph = world.client.quiet().graph(&admin);
        world.fake.graph([Reply::json(200, &registered(None)), Reply::empty(204)]);
        let added = change(&world, async |p| graph.add_key(p, TENANT, &new, &prover).await).await;
        assert_eq!(added.unwrap().key_id, KEY);
        let removed = async |p: RemovalPermit<'_>| graph.remove_key(p, TENANT, KEY, &prover).await;
        remove(&world, key(KEY), removed).await.unwrap();
        let seen = world.fake.seen();
        assert_eq!(seen[0].path, format!("/v1.0/applications/{TENANT}/addKey"));
        let sent = body(&seen[0].body);
        assert_eq!(sent["passwordCredential"], Value::Null);
        assert_eq!(sent["keyCredential"]["type"], "AsymmetricX509Cert");
        assert_eq!(sent["proof"].as_str().unwrap().split('.').count(), 3);
        assert_eq!(body(&seen[1].body)["keyId"], KEY.to_string());

        let bad = Reply::graph(401, "Authentication_MissingOrMalformed", "Access Token missing");
        world.fake.graph([bad]);
        let tokens = world.fake.seen_tokens().len();
        let refused = change(&world, async |p| graph.add_key(p, TENANT, &new, &prover).await).await;
        assert_eq!(refused.unwrap_err().code, Code::GraphToken);
        assert_eq!(world.fake.seen_tokens().len(), tokens, "a bad proof is no reason to sign in");
    });
}

#[test]
fn principals_and_grants_are_made_once_and_waited_for() {
    let world = World::new();
    let admin = password();
    let principal = json!({"id": TENANT, "appId": APP, "accountEnabled": true, "appRoles": [
        {"id": KEY, "value": "ADSynchronization.ReadWrite.All", "isEnabled": true},
        {"id": APP, "value": "Off", "isEnabled": false}]});
    let young = "The appId of the service principal does not reference a valid application object.";
    let new = NewAppRoleAssignment { principal_id: TENANT, resource_id: APP, app_role_id: KEY };
    let grant = json!({"id": "opaque/id", "appRoleId": KEY, "principalId": TENANT,
        "resourceId": APP, "principalType": "ServicePrincipal"});
    world.run(async {
        let graph = world.client.quiet().graph(&admin);
        let exists = "Request_MultipleObjectsWithSameKeyValue";
        world.fake.graph([
            Reply::graph(400, "Request_BadRequest", young),
            Reply::json(201, &principal),
            Reply::graph(409, exists, "already in use"),
            Reply::json(200, &principal),
        ]);
        for _ in 0..2 {
            let made = change(&world, async |p| graph.create_principal(p, APP).await).await;
            let made = made.unwrap();
            assert_eq!(made.app_role("ADSynchronization.ReadWrite.All").unwrap().id, KEY);
            assert!(made.app_role("Off").is_none() && made.app_role("None").is_none());
        }
        let duplicate = "Permission being assigned already exists on the object";
        world.fake.graph([
            Reply::graph(400, "Request_BadRequest", "Not a valid reference update."),
            Reply::json(201, &grant),
            Reply::graph(400, "Request_BadRequest", duplicate),
            Reply::json(200, &json!({"value": [grant]})),
        ]);
        for _ in 0..2 {
            let made = change(&world, async |p| graph.create_app_role_assignment(p, new).await);
            assert_eq!(made.await.unwrap().id, "opaque/id");
        }
        world.fake.graph([Reply::empty(204)]);
        let id = "opaque/id";
        let grant = Removal::AppRoleAssignment {
            id: id.to_owned(),
            principal_id: TENANT.to_string(),
            role: "R".to_owned(),
        };
        let removed =
            async |p: RemovalPermit<'_>| graph.delete_app_role_assignment(p, TENANT, id).await;
        remove(&world, grant, removed).await.unwrap();
        assert!(world.fake.seen().last().unwrap().path.ends_with("/opaque%2Fid"));
    });
    assert!(world.fake.is_done());
}

async fn look(graph: Graph<'_>) -> base::Result<()> {
    graph.principal(PrincipalRef::Id(APP)).await.map(drop)
}

#[test]
fn a_refused_token_is_renewed_once() {
    let refused = || Reply::graph(401, "InvalidAuthenticationToken", "Access token has expired.");
    let world = World::new();
    let admin = password();
    world.run(async {
        let graph = world.client.quiet().graph(&admin);
        world.fake.graph([refused(), Reply::json(200, &json!({"id": APP, "appId": APP}))]);
        look(graph).await.unwrap();
        assert_eq!(world.fake.seen_tokens().len(), 2);
        world.fake.graph([refused(), refused()]);
        assert_eq!(look(graph).await.unwrap_err().code, Code::GraphToken);
        assert_eq!(world.fake.seen().len(), 4);
    });
}

#[test]
fn users_roles_and_the_organization() {
    let world = World::new();
    let admin = password();
    let user = json!({"id": APP, "userPrincipalName": "Sync_HOST_0@contoso.test"});
    let role = json!({"id": KEY, "roleTemplateId": TENANT, "displayName": "R"});
    let member = json!({"@odata.type": "#microsoft.graph.user", "id": APP});
    let organization = json!({"id": TENANT, "displayName": "Contoso", "verifiedDomains": [
        {"name": "contoso.test", "isDefault": true, "isInitial": false},
        {"name": "contoso.onmicrosoft.com", "isInitial": true}]});
    world.fake.tokens([Reply::token(&json!({"wids": [TENANT], "oid": APP, "scp": "A B"}))]);
    world.run(async {
        let graph = world.client.quiet().graph(&admin);
        let listed = |items: &[&Value]| Reply::json(200, &json!({"value": items}));
        world.fake.graph([
            Reply::json(200, &user),
            Reply::graph(404, "Request_ResourceNotFound", "does not exist"),
            listed(&[&user]),
            listed(&[&role]),
            listed(&[&member]),
            listed(&[]),
            listed(&[&organization]),
            listed(&[]),
            listed(&[&member, &role]),
        ]);
        let by_name = UserRef::PrincipalName("Sync_HOST_0#EXT#@contoso.test".to_owned());
        assert_eq!(graph.user(&by_name).await.unwrap().id, APP);
        assert!(
            world.fake.seen()[0].path.starts_with("/v1.0/users/Sync_HOST_0%23EXT%23%40contoso")
        );
        assert!(graph.find_user(&by_name).await.unwrap().is_none());
        let accounts = UserFilter::PrincipalNameStarts("Sync_".to_owned());
        assert_eq!(graph.users(&accounts).await.unwrap().len(), 1);
        assert_eq!(graph.role_members(TENANT).await.unwrap()[0].id, APP);
        assert!(graph.role_members(APP).await.unwrap().is_empty(), "the role is not active");
        let found = graph.organization().await.unwrap();
        assert_eq!(found.initial_domain(), Some("contoso.onmicrosoft.com"));
        assert_eq!(graph.organization().await.unwrap_err().code, Code::RemoteGarbage);
        assert_eq!(graph.my_directory_roles().await.unwrap().len(), 1);
        let caller = graph.caller().await.unwrap();
        assert!(!caller.application && caller.directory_roles.contains(&TENANT));
        assert_eq!(caller.scopes.len(), 2);
    });
}
