//! Applications and their key credentials.

use serde_json::{Value, json};

use crate::openssl::Credential;
use crate::sign_in::new_user;
use crate::world::{AUTHORITY, COMMAND_LINE, GRAPH, World, key};

fn code(code: &str) -> (u16, String) {
    (400, code.to_owned())
}

#[test]
fn a_new_application_is_whole_and_is_found_by_every_name() {
    let world = World::new();
    let graph = world.administrator();
    let answer = graph.post("/applications", json!({ "displayName": "One" }));
    let made = answer.expect(201);
    let (id, app_id) = (made["id"].as_str().unwrap(), made["appId"].as_str().unwrap());
    assert!(answer.header("location").ends_with("/Microsoft.DirectoryServices.Application"));
    assert_eq!(made["@odata.context"], format!("{AUTHORITY}/v1.0/$metadata#applications/$entity"));
    assert_eq!(made["api"]["requestedAccessTokenVersion"], 2, "Microsoft accounts want v2");
    assert_eq!(
        made["createdDateTime"].as_str().unwrap().len(),
        "2026-11-22T14:00:00.1234567Z".len()
    );
    for path in [format!("/applications/{id}"), format!("/applications(appId='{app_id}')")] {
        let shown = graph.get(&path).expect(200);
        assert_eq!((&shown["id"], &shown["appId"]), (&made["id"], &made["appId"]));
        assert_eq!(shown["createdDateTime"].as_str().unwrap().len(), "2026-11-22T14:00:00Z".len());
    }
    let found = graph.get(&format!("/applications?$filter=appId eq '{app_id}'")).expect(200);
    assert_eq!(found["value"].as_array().unwrap().len(), 1);
    assert_eq!(found["value"][0]["id"], made["id"]);
    let none = graph.get(&format!("/applications?$filter=appId eq '{id}'")).expect(200);
    assert_eq!(none["value"], json!([]));
    let selected = graph.get(&format!("/applications/{id}?$select=id,displayName")).expect(200);
    assert_eq!(selected.as_object().unwrap().len(), 3, "{selected}");

    let own = json!({ "displayName": "Two", "signInAudience": "AzureADMyOrg" });
    let own = graph.post("/applications", own).expect(201);
    assert_eq!(own["api"]["requestedAccessTokenVersion"], Value::Null);
}

#[test]
fn wrong_applications_are_refused() {
    let world = World::new();
    let graph = world.administrator();
    let (id, _) = graph.application("right");
    for wrong in [
        json!({}),
        json!({ "displayName": "" }),
        json!({ "displayName": "x", "unknown": 1 }),
        json!({ "displayName": "x", "appId": "11111111-1111-4111-8111-111111111111" }),
        json!({ "displayName": 7 }),
        json!({ "displayName": "x".repeat(121) }),
        json!({ "displayName": "x", "signInAudience": "Everyone" }),
        json!({ "displayName": "x", "passwordCredentials": [{ "displayName": "y" }] }),
    ] {
        let answer = graph.post("/applications", wrong.clone());
        assert_eq!(answer.error(), code("Request_BadRequest"), "{wrong}");
    }
    assert_eq!(graph.patch(&format!("/applications/{id}"), json!({ "unknown": 1 })).status, 400);
    let raw = world.send(
        "POST",
        "/v1.0/applications",
        &[("authorization", &format!("Bearer {}", graph.token))],
        "{ no json",
    );
    assert_eq!(raw.error(), code("BadRequest"));
    assert_eq!(
        graph.get("/applications/11111111-1111-4111-8111-111111111111").error(),
        (404, "Request_ResourceNotFound".to_owned())
    );
    assert_eq!(graph.get("/applikations").error(), code("BadRequest"));
    assert_eq!(graph.delete("/applications").error(), (405, "Request_BadRequest".to_owned()));
    assert_eq!(graph.get("/applications?$filter=displayName eq").error(), code("BadRequest"));
    assert_eq!(graph.get("/applications?$top=1000").error(), code("Request_BadRequest"));
    let advanced = "/applications?$filter=displayName ne 'x'";
    assert_eq!(graph.get(advanced).error(), code("Request_UnsupportedQuery"));
    let eventual = [("ConsistencyLevel", "eventual")];
    let answer = graph.call("GET", &format!("{advanced}&$count=true"), &eventual, &Value::Null);
    assert_eq!(answer.expect(200)["@odata.count"], 2);
}

#[test]
fn lists_come_in_pages_without_gaps_or_repeats() {
    let world = World::new();
    let graph = world.administrator();
    let mut made: Vec<String> = (0..7).map(|n| graph.application(&format!("page {n}")).0).collect();
    let mut path =
        "/applications?$filter=startswith(displayName,'page')&$top=3&$select=id".to_owned();
    let (mut seen, mut sizes) = (Vec::new(), Vec::new());
    loop {
        let page = graph.get(&path).expect(200);
        let ids = page["value"].as_array().unwrap().iter();
        let ids: Vec<String> = ids.map(|item| item["id"].as_str().unwrap().to_owned()).collect();
        sizes.push(ids.len());
        seen.extend(ids);
        let Some(next) = page["@odata.nextLink"].as_str() else { break };
        path = next.strip_prefix(&format!("{AUTHORITY}/v1.0")).unwrap().to_owned();
        if sizes.len() == 1 {
            // An object that goes away between two pages takes nothing else with it.
            let gone = seen.last().unwrap().clone();
            graph.delete(&format!("/applications/{gone}")).expect(204);
        }
    }
    assert_eq!(sizes, [3, 3, 1]);
    seen.sort();
    made.sort();
    assert_eq!(seen, made);
    let broken = graph.get("/applications?$skiptoken=***");
    assert_eq!(broken.error(), code("Directory_ExpiredPageToken"));
}

#[test]
fn a_key_credential_looks_as_the_service_shows_it() {
    let world = World::new();
    let graph = world.administrator();
    let credential = Credential::new("Entra Connect Sync Provisioning", 2048, 90);
    let (id, ..) = graph.connector("keys", &credential);
    let shown = graph.get(&format!("/applications/{id}")).expect(200);
    let entry = &shown["keyCredentials"][0];
    assert_eq!(entry["key"], Value::Null);
    assert_eq!(entry["customKeyIdentifier"], credential.thumbprint());
    assert_eq!(entry["displayName"], "CN=Entra Connect Sync Provisioning");
    assert_eq!((&entry["type"], &entry["usage"]), (&json!("AsymmetricX509Cert"), &json!("Verify")));
    let selected = graph.get(&format!("/applications/{id}?$select=keyCredentials")).expect(200);
    assert_eq!(selected["keyCredentials"][0]["key"], credential.base64());
    let listed = graph.get("/applications?$select=id,keyCredentials").expect(200);
    let keys =
        listed["value"].as_array().unwrap().iter().map(|item| &item["keyCredentials"][0]["key"]);
    assert!(keys.into_iter().all(Value::is_null), "never in lists");
}

#[test]
fn patching_key_credentials_replaces_the_whole_collection() {
    let world = World::new();
    let graph = world.administrator();
    let (one, two) = (Credential::new("one", 2048, 30), Credential::new("two", 2048, 30));
    let (id, ..) = graph.connector("whole", &one);
    let path = format!("/applications/{id}");
    let shown = || graph.get(&path).expect(200)["keyCredentials"].clone();
    let put = |entries: Value| graph.patch(&path, json!({ "keyCredentials": entries }));
    let first = shown()[0].clone();

    put(json!([first, key(&two)])).expect(204);
    assert_eq!(shown().as_array().unwrap().len(), 2);
    assert_eq!(shown()[0], first);
    put(json!([key(&two)])).expect(204);
    assert_eq!(shown()[0]["customKeyIdentifier"], two.thumbprint(), "the other one is gone");
    assert_eq!(shown().as_array().unwrap().len(), 1);

    let mut changed = shown()[0].clone();
    changed["displayName"] = json!("another name");
    let answer = put(json!([changed]));
    assert_eq!(answer.json()["error"]["details"][0]["code"], "KeyNotUpdatable");
    let with = |name: &str, value: Value| {
        let mut entry = key(&one);
        entry[name] = value;
        put(json!([entry]))
    };
    for (name, value, expected) in [
        ("usage", json!("Encryption"), "Request_BadRequest"),
        ("type", json!("Symmetric"), "Request_BadRequest"),
        ("key", json!("%%%"), "Request_BadRequest"),
        ("key", json!("AAAA"), "KeyCredentialsInvalidValue"),
        ("key", Value::Null, "KeyCredentialsInvalidValue"),
        ("keyId", json!("no GUID"), "Request_BadRequest"),
        ("endDateTime", json!("2099-01-01T00:00:00Z"), "KeyCredentialsInvalidEndDate"),
        ("endDateTime", json!("2020-01-01T00:00:00Z"), "KeyCredentialsInvalidEndDate"),
        ("startDateTime", json!("2020-01-01T00:00:00Z"), "KeyCredentialsInvalidStartDate"),
    ] {
        assert_eq!(with(name, value.clone()).error(), code(expected), "{name}: {value}");
    }
    assert_eq!(shown()[0]["customKeyIdentifier"], two.thumbprint(), "refusals changed nothing");
}

#[test]
fn an_upsert_by_unique_name_makes_one_application() {
    // With the delays that a tenant comes with: the answer does not wait for a replica.
    let world = World::with_delays();
    let graph = world.administrator();
    let path = "/applications(uniqueName='credwright-1')";
    let body = json!({ "displayName": "upserted", "signInAudience": "AzureADMyOrg" });
    assert_eq!(graph.patch(path, body.clone()).status, 404, "not without being asked to");
    let prefer = [("Prefer", "create-if-missing")];
    let made = graph.call("PATCH", path, &prefer, &body).expect(201);
    assert_eq!(made["uniqueName"], "credwright-1");
    graph.call("PATCH", path, &prefer, &json!({ "displayName": "again" })).expect(204);
    graph.call("PATCH", path, &prefer, &json!({ "displayName": "again" })).expect(204);
    world.pass(std::time::Duration::from_secs(1));
    let shown = graph.get(path).expect(200);
    assert_eq!((&shown["id"], &shown["displayName"]), (&made["id"], &json!("again")));
    let id = made["id"].as_str().unwrap();
    graph.delete(&format!("/applications/{id}")).expect(204);
    assert_eq!(graph.get(path).status, 404);
    graph.call("PATCH", path, &prefer, &body).expect(201);
    let restore = graph.post(&format!("/directory/deletedItems/{id}/restore"), Value::Null);
    assert_eq!(restore.status, 409, "the name is taken");
}

#[test]
fn a_deleted_application_can_be_restored_until_it_is_purged() {
    let world = World::new();
    let graph = world.administrator();
    let (id, app_id) = graph.application("deleted");
    graph.post("/servicePrincipals", json!({ "appId": app_id })).expect(201);
    let listed = |graph: &crate::world::Graph<'_>, kind: &str| {
        let page =
            graph.get(&format!("/directory/deletedItems/microsoft.graph.{kind}")).expect(200);
        page["value"].as_array().unwrap().len()
    };
    graph.delete(&format!("/applications(appId='{app_id}')")).expect(204);
    assert_eq!(graph.get(&format!("/applications/{id}")).status, 404);
    assert_eq!((listed(&graph, "application"), listed(&graph, "servicePrincipal")), (1, 1));
    let item = format!("/directory/deletedItems/{id}");
    assert!(graph.get(&item).expect(200)["deletedDateTime"].is_string());
    let restored = graph.post(&format!("{item}/restore"), Value::Null).expect(200);
    assert_eq!(restored["@odata.type"], "#microsoft.graph.application");
    graph.get(&format!("/applications/{id}")).expect(200);
    graph.delete(&format!("/applications/{id}")).expect(204);
    graph.delete(&item).expect(204);
    assert_eq!(graph.get(&item).status, 404);
    assert_eq!(listed(&graph, "application"), 0);

    let (id, _) = graph.application("forgotten");
    graph.delete(&format!("/applications/{id}")).expect(204);
    world.pass(std::time::Duration::from_secs(31 * 24 * 60 * 60));
    let graph = world.administrator();
    assert_eq!(graph.get(&format!("/directory/deletedItems/{id}")).status, 404, "after 30 days");
}

#[test]
fn an_application_may_only_touch_what_its_roles_and_its_ownership_allow() {
    let world = World::new();
    let graph = world.administrator();
    let credential = Credential::new("owner", 2048, 30);
    let (_, app_id, principal) = graph.connector("owner", &credential);
    let resource = graph.get("/servicePrincipals(appId='00000003-0000-0000-c000-000000000000')");
    let resource = resource.expect(200);
    let roles = resource["appRoles"].as_array().unwrap();
    let owned = roles.iter().find(|r| r["value"] == "Application.ReadWrite.OwnedBy").unwrap();
    let grant =
        json!({ "principalId": principal, "resourceId": resource["id"], "appRoleId": owned["id"] });
    graph.post(&format!("/servicePrincipals/{principal}/appRoleAssignments"), grant).expect(201);
    let body = world.by_certificate(&app_id, &credential, &format!("{GRAPH}/.default")).expect(200);
    let owner = world.graph(body["access_token"].as_str().unwrap());

    let (mine, _) = owner.application("mine");
    let (other, _) = graph.application("not mine");
    let owners = graph.get(&format!("/applications/{mine}/owners")).expect(200);
    assert_eq!(owners["value"][0]["id"], json!(principal));
    assert_eq!(graph.get(&format!("/applications/{other}/owners")).expect(200)["value"], json!([]));
    let change = json!({ "notes": "changed" });
    owner.patch(&format!("/applications/{mine}"), change.clone()).expect(204);
    let denied = (403, "Authorization_RequestDenied".to_owned());
    assert_eq!(owner.patch(&format!("/applications/{other}"), change.clone()).error(), denied);
    assert_eq!(owner.delete(&format!("/applications/{other}")).error(), denied);
    assert_eq!(owner.get("/users").error(), denied);
    let reference =
        json!({ "@odata.id": format!("{AUTHORITY}/v1.0/directoryObjects/{principal}") });
    graph.post(&format!("/applications/{other}/owners/$ref"), reference).expect(204);
    owner.patch(&format!("/applications/{other}"), change).expect(204);
    graph.delete(&format!("/applications/{other}/owners/{principal}/$ref")).expect(204);
    assert_eq!(owner.delete(&format!("/applications/{other}")).error(), denied);
}

#[test]
fn a_user_may_only_do_what_scope_and_directory_role_allow() {
    let world = World::new();
    let graph = world.administrator();
    let (id, _) = graph.application("target");
    graph.post("/users", new_user("hybrid", "Correct-horse-1")).expect(201);
    let scope = format!("{GRAPH}/.default");
    let token = || {
        let body = world
            .by_password(COMMAND_LINE, &scope, "hybrid@contoso.com", "Correct-horse-1")
            .expect(200);
        body["access_token"].as_str().unwrap().to_owned()
    };
    let path = format!("/applications/{id}");
    let denied = (403, "Authorization_RequestDenied".to_owned());
    let user = world.graph(token());
    user.get(&path).expect(200);
    assert_eq!(user.patch(&path, json!({ "notes": "x" })).error(), denied);

    let me = user.get("/me").expect(200)["id"].clone();
    let member = json!({ "@odata.id": format!("{AUTHORITY}/v1.0/directoryObjects/{}", me.as_str().unwrap()) });
    let role = "/directoryRoles/roleTemplateId=8ac3fc64-6eca-42ea-9e69-59f4c7b60eb2/members";
    graph.post(&format!("{role}/$ref"), member).expect(204);
    user.patch(&path, json!({ "notes": "x" })).expect(204);
    let credential = Credential::new("target", 2048, 30);
    let keys = json!({ "keyCredentials": [key(&credential)] });
    assert_eq!(user.patch(&path, keys).error(), denied, "basic properties only");
    assert_eq!(user.post("/users", new_user("x", "Correct-horse-1")).error(), denied);
    user.delete(&path).expect(204);
}

#[test]
fn tokens_that_do_not_fit_are_refused() {
    let world = World::new();
    let client_id = world.sign_ins.client_id.to_string();
    let refused = (401, "InvalidAuthenticationToken".to_owned());
    let none = world.send("GET", "/v1.0/applications", &[], "");
    assert_eq!(none.error(), refused);
    assert!(none.header("www-authenticate").starts_with("Bearer realm=\"\", authorization_uri="));
    let token = world.administrator_token();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let flipped: String = signature.chars().rev().collect();
    for wrong in ["x".to_owned(), "a.b.c".to_owned(), format!("{message}.{flipped}")] {
        assert_eq!(world.graph(wrong).get("/applications").error(), refused);
    }
    let scope = format!("{}/.default", crate::world::SYNCHRONIZATION);
    let other = world.by_certificate(&client_id, &world.administrator, &scope).expect(200);
    let other = world.graph(other["access_token"].as_str().unwrap());
    assert_eq!(other.get("/applications").error(), refused, "another audience");
    world.pass(std::time::Duration::from_secs(2 * 60 * 60));
    assert_eq!(world.graph(token).get("/applications").error(), refused, "expired");
    assert_eq!(world.administrator().get("/me").error(), (400, "BadRequest".to_owned()));
}
