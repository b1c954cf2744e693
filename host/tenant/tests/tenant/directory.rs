//! What a fresh tenant holds, principals, grants, users and directory roles.

use base::Timestamp;
use base::virtual_world::VirtualWorld;
use serde_json::{Value, json};

use crate::sign_in::new_user;
use crate::world::{AUTHORITY, ENTRA_CONNECT, SYNCHRONIZATION, World};

const PASSWORD_RESET: &str = "93625bc8-bfe2-437a-97e0-3d0060024faa";

fn bad(answer: &crate::world::Answer) -> String {
    let (status, code) = answer.error();
    assert_eq!((status, code.as_str()), (400, "Request_BadRequest"));
    answer.json()["error"]["message"].as_str().unwrap().to_owned()
}

#[test]
fn a_fresh_tenant_holds_what_a_small_real_one_does_and_nothing_else() {
    let world = World::new();
    let graph = world.administrator();
    let organization = graph.get("/organization").expect(200);
    let domains = &organization["value"][0]["verifiedDomains"];
    assert_eq!(
        (&domains[0]["name"], &domains[0]["isInitial"]),
        (&json!("contoso.onmicrosoft.com"), &json!(true))
    );
    assert_eq!(graph.get("/domains").expect(200)["value"].as_array().unwrap().len(), 2);
    assert_eq!(graph.get("/applications").expect(200)["value"].as_array().unwrap().len(), 1);
    let principals = graph.get("/servicePrincipals").expect(200);
    assert_eq!(principals["value"].as_array().unwrap().len(), 7, "six of Microsoft's, one own");
    assert_eq!(graph.get("/users").expect(200)["value"].as_array().unwrap().len(), 2);

    for (app_id, roles, scopes) in
        [(SYNCHRONIZATION, 1, 1), (PASSWORD_RESET, 3, 1), (ENTRA_CONNECT, 0, 0)]
    {
        let shown = graph.get(&format!("/servicePrincipals(appId='{app_id}')")).expect(200);
        let count = |name: &str| shown[name].as_array().unwrap().len();
        assert_eq!(
            (count("appRoles"), count("oauth2PermissionScopes")),
            (roles, scopes),
            "{app_id}"
        );
        assert_eq!(shown["appOwnerOrganizationId"], "f8cdef31-a31e-4b4a-93e4-5f571e91255a");
    }
    let roles = graph.get("/directoryRoles").expect(200);
    assert_eq!(roles["value"].as_array().unwrap().len(), 8);
    let synchronization =
        "/directoryRoles/roleTemplateId=d29b2b05-8046-44ba-8758-1e26182fcf32/members";
    let members = graph.get(synchronization).expect(200);
    assert_eq!(members["value"][0]["userPrincipalName"], json!(world.sign_ins.legacy_username));
    assert_eq!(members["value"].as_array().unwrap().len(), 1);

    let overview = world.sandbox.show();
    assert_eq!(overview.applications[0].keys.len(), 1);
    assert_eq!(overview.applications[0].keys[0].thumbprint, world.administrator.thumbprint());
    assert_eq!(overview.applications[0].keys[0].days_left, 730);
    assert_eq!(overview.grants.len(), 7);
}

#[test]
fn the_same_seed_makes_the_same_tenant() {
    let (one, two) = (World::new(), World::new());
    assert_eq!(one.sign_ins.tenant_id, two.sign_ins.tenant_id);
    assert_eq!(one.sign_ins.legacy_username, two.sign_ins.legacy_username);
}

#[test]
fn a_world_may_begin_long_ago() {
    let world = VirtualWorld::new(1, Timestamp::from_seconds(1_000)).unwrap();
    let world = World::of(world.ports());
    assert_eq!(world.administrator().get("/applications").status, 200);
}

#[test]
fn a_service_principal_needs_an_application_and_exists_once() {
    let world = World::new();
    let graph = world.administrator();
    let unknown = json!({ "appId": "11111111-1111-4111-8111-111111111111" });
    assert!(bad(&graph.post("/servicePrincipals", unknown)).contains("does not reference a valid"));
    let (_, app_id) = graph.application("one");
    let made = graph.post("/servicePrincipals", json!({ "appId": app_id })).expect(201);
    assert_ne!(made["id"], made["appId"]);
    assert_eq!(made["appOwnerOrganizationId"], json!(world.sign_ins.tenant_id));
    let again = graph.post("/servicePrincipals", json!({ "appId": app_id }));
    assert_eq!(again.error(), (409, "Request_MultipleObjectsWithSameKeyValue".to_owned()));
    let found = graph.get(&format!("/servicePrincipals?$filter=appId eq '{app_id}'")).expect(200);
    assert_eq!(found["value"][0]["id"], made["id"]);
    let own = graph.get(&format!("/servicePrincipals(appId='{SYNCHRONIZATION}')")).expect(200);
    assert_eq!(
        graph.delete(&format!("/servicePrincipals/{}", own["id"].as_str().unwrap())).status,
        403
    );
}

#[test]
fn application_roles_are_granted_and_taken_back_from_both_sides() {
    let world = World::new();
    let graph = world.administrator();
    let (_, app_id) = graph.application("one");
    let principal = graph.post("/servicePrincipals", json!({ "appId": app_id })).expect(201);
    let principal = principal["id"].as_str().unwrap();
    let resource = graph.get(&format!("/servicePrincipals(appId='{PASSWORD_RESET}')")).expect(200);
    let roles = resource["appRoles"].as_array().unwrap();
    let resource = resource["id"].as_str().unwrap();
    let grant = |role: &Value| json!({ "principalId": principal, "resourceId": resource, "appRoleId": role["id"] });
    let held = format!("/servicePrincipals(appId='{app_id}')/appRoleAssignments");
    let made = graph.post(&held, grant(&roles[0])).expect(201);
    assert_eq!(made["id"].as_str().unwrap().len(), 43);
    assert_eq!(made["principalType"], "ServicePrincipal");
    graph
        .post(&format!("/servicePrincipals/{resource}/appRoleAssignedTo"), grant(&roles[1]))
        .expect(201);
    assert!(bad(&graph.post(&held, grant(&roles[0]))).contains("already exists"));
    let wrong = json!({ "id": "11111111-1111-4111-8111-111111111111" });
    assert!(bad(&graph.post(&held, grant(&wrong))).contains("not found"));
    let strange =
        json!({ "principalId": resource, "resourceId": principal, "appRoleId": roles[0]["id"] });
    bad(&graph.post(&held, strange));
    let count = |path: &str| graph.get(path).expect(200)["value"].as_array().unwrap().len();
    assert_eq!(count(&held), 2);
    let given = format!("/servicePrincipals/{resource}/appRoleAssignedTo");
    assert_eq!(count(&given), 2);
    let one = format!("{held}/{}", made["id"].as_str().unwrap());
    graph.get(&one.replace(&format!("(appId='{app_id}')"), &format!("/{principal}"))).expect(200);
    graph
        .delete(&one.replace(&format!("(appId='{app_id}')"), &format!("/{principal}")))
        .expect(204);
    assert_eq!(count(&given), 1);
}

#[test]
fn delegated_grants_come_and_go() {
    let world = World::new();
    let graph = world.administrator();
    assert_eq!(
        graph.get("/oauth2PermissionGrants").expect(200)["value"].as_array().unwrap().len(),
        1
    );
    let denied = graph.post("/oauth2PermissionGrants", json!({}));
    assert_eq!(denied.status, 403, "the administrator application has no permission for it");
}

#[test]
fn users_are_made_changed_deleted_and_restored() {
    let world = World::new();
    let graph = world.administrator();
    let made = graph.post("/users", new_user("someone", "Correct-horse-1")).expect(201);
    assert_eq!(made.as_object().unwrap().len(), 12, "the default properties: {made}");
    let id = made["id"].as_str().unwrap();
    let shown = graph.get("/users/Someone@contoso.com?$select=id,accountEnabled").expect(200);
    assert_eq!((&shown["id"], &shown["accountEnabled"]), (&made["id"], &json!(true)));
    let found = graph.get("/users?$filter=startswith(userPrincipalName,'Sync_')").expect(200);
    assert_eq!(found["value"][0]["userPrincipalName"], json!(world.sign_ins.legacy_username));

    let with = |name: &str, value: Value| {
        let mut user = new_user("other", "Correct-horse-1");
        user[name] = value;
        graph.post("/users", user)
    };
    let taken = with("userPrincipalName", json!("SOMEONE@contoso.com"));
    assert!(bad(&taken).starts_with("Another object with the same value"));
    assert_eq!(taken.json()["error"]["details"][0]["code"], "ObjectConflict");
    assert!(
        bad(&with("userPrincipalName", json!("x@elsewhere.example"))).contains("domain portion")
    );
    assert!(
        bad(&with("passwordProfile", json!({ "password": "weakweak" }))).contains("complexity")
    );
    assert!(bad(&with("passwordProfile", Value::Null)).contains("A password must be specified"));

    graph.delete(&format!("/users/{id}")).expect(204);
    assert_eq!(graph.get(&format!("/users/{id}")).status, 404);
    let deleted = graph.get("/directory/deletedItems/microsoft.graph.user").expect(200);
    assert_eq!(deleted["value"][0]["id"], made["id"]);
    graph.post(&format!("/directory/deletedItems/{id}/restore"), Value::Null).expect(200);
    graph.get(&format!("/users/{id}")).expect(200);
    // An application with User.ReadWrite.All alone may not touch an administrator.
    let path = format!("/users/{}", world.sign_ins.username);
    assert_eq!(graph.delete(&path).status, 403);
    graph.delete(&format!("/users/{}", world.sign_ins.legacy_username)).expect(204);
}

#[test]
fn members_of_a_directory_role_come_and_go() {
    let world = World::new();
    let graph = world.administrator();
    let made = graph.post("/users", new_user("someone", "Correct-horse-1")).expect(201);
    let id = made["id"].as_str().unwrap();
    let template = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3";
    let role =
        graph.get(&format!("/directoryRoles?$filter=roleTemplateId eq '{template}'")).expect(200);
    let role = role["value"][0]["id"].as_str().unwrap();
    let by_template = format!("/directoryRoles/roleTemplateId={template}/members");
    let reference = json!({ "@odata.id": format!("{AUTHORITY}/v1.0/directoryObjects/{id}") });
    graph.post(&format!("{by_template}/$ref"), reference.clone()).expect(204);
    assert!(bad(&graph.post(&format!("{by_template}/$ref"), reference)).contains("already exist"));
    let member_of = graph.get(&format!("/users/{id}/memberOf")).expect(200);
    assert_eq!(member_of["value"][0]["roleTemplateId"], template);
    let assignments =
        format!("/roleManagement/directory/roleAssignments?$filter=principalId eq '{id}'");
    let listed = graph.get(&assignments).expect(200);
    assert_eq!(listed["value"][0]["roleDefinitionId"], template);
    graph.delete(&format!("/directoryRoles/{role}/members/{id}/$ref")).expect(204);
    assert_eq!(graph.delete(&format!("{by_template}/{id}/$ref")).status, 404);

    let body = json!({ "principalId": id, "roleDefinitionId": template, "directoryScopeId": "/" });
    let path = "/roleManagement/directory/roleAssignments";
    let made = graph.post(path, body.clone()).expect(201);
    bad(&graph.post(path, body));
    graph.delete(&format!("{path}/{}", made["id"].as_str().unwrap())).expect(204);
    assert_eq!(graph.get(&assignments).expect(200)["value"], json!([]));
    bad(&graph.post("/directoryRoles", json!({ "roleTemplateId": template })));
}
