//! Tokens: their claims, and whether an independent library verifies them.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use crate::openssl::Credential;
use crate::world::{
    AUTHORITY, AZURE_CLI, COMMAND_LINE, ENTRA_CONNECT, GRAPH, SYNCHRONIZATION, World,
};

const SYNC_ROLE: &str = "ab43b826-2c7a-4aff-9ecd-d0629d0ca6a9";

/// Verifies a token with the keys that the tenant publishes; its claims.
fn verified(world: &World, token: &str, audience: &str, issuer: &str) -> Value {
    let path = format!("/{}/discovery/v2.0/keys", world.sign_ins.tenant_id);
    let keys: JwkSet =
        serde_json::from_value(world.send("GET", &path, &[], "").expect(200)).unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    let key = keys.find(header.kid.as_deref().unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[audience]);
    validation.set_issuer(&[issuer]);
    let decoded =
        jsonwebtoken::decode::<Value>(token, &DecodingKey::from_jwk(key).unwrap(), &validation);
    decoded.unwrap().claims
}

fn v1_issuer(world: &World) -> String {
    format!("https://sts.windows.net/{}/", world.sign_ins.tenant_id)
}

#[test]
fn an_app_only_token_verifies_and_has_the_claims_of_a_real_one() {
    let world = World::new();
    let client_id = world.sign_ins.client_id.to_string();
    let scope = format!("{GRAPH}/.default");
    let answer = world.by_certificate(&client_id, &world.administrator, &scope);
    let body = answer.expect(200);
    assert_eq!(body["expires_in"], 3599);
    assert_eq!(body.as_object().unwrap().len(), 4, "no refresh or id token: {body}");
    assert_eq!(answer.header("cache-control"), "no-store, no-cache");
    assert!(!answer.header("x-ms-request-id").is_empty());
    assert!(answer.header("date").ends_with("GMT"));

    let token = body["access_token"].as_str().unwrap();
    let claims = verified(&world, token, GRAPH, &v1_issuer(&world));
    let lifetime = |name: &str| claims[name].as_i64().unwrap() - world.now();
    assert_eq!((lifetime("iat"), lifetime("nbf"), lifetime("exp")), (-300, -300, 3600));
    let principal = world.administrator().get(&format!("/servicePrincipals(appId='{client_id}')"));
    let principal = principal.expect(200);
    for (name, expected) in [
        ("oid", &principal["id"]),
        ("sub", &principal["id"]),
        ("appid", &json!(client_id)),
        ("appidacr", &json!("2")),
        ("idtyp", &json!("app")),
        ("ver", &json!("1.0")),
        ("wids", &json!(["0997a1d0-0d1d-4acb-b408-d5ca73121e90"])),
        ("tid", &json!(world.sign_ins.tenant_id)),
        (
            "roles",
            &json!([
                "AppRoleAssignment.ReadWrite.All",
                "Application.ReadWrite.All",
                "AuditLog.Read.All",
                "Domain.Read.All",
                "Organization.Read.All",
                "RoleManagement.ReadWrite.Directory",
                "User.ReadWrite.All"
            ]),
        ),
    ] {
        assert_eq!(&claims[name], expected, "{name}");
    }
    assert!(claims.get("scp").is_none());
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!(header.kid, header.x5t, "v1 tokens carry both, with one value");
}

#[test]
fn a_token_has_the_roles_of_its_resource_only_and_none_without_a_grant() {
    let world = World::new();
    let graph = world.administrator();
    let credential = Credential::new("roles", 2048, 30);
    let (_, app_id, principal) = graph.connector("roles", &credential);
    let scope = format!("{SYNCHRONIZATION}/.default");
    let claims = |scope: &str, audience: &str| {
        let body = world.by_certificate(&app_id, &credential, scope).expect(200);
        verified(&world, body["access_token"].as_str().unwrap(), audience, &v1_issuer(&world))
    };
    assert!(claims(&scope, SYNCHRONIZATION).get("roles").is_none(), "a token all the same");

    let path = format!("/servicePrincipals(appId='{SYNCHRONIZATION}')?$select=id,appRoles");
    let resource = graph.get(&path).expect(200);
    let role = &resource["appRoles"][0];
    assert_eq!(
        (&role["id"], &role["value"]),
        (&json!(SYNC_ROLE), &json!("ADSynchronization.ReadWrite.All"))
    );
    let grant =
        json!({ "principalId": principal, "resourceId": resource["id"], "appRoleId": role["id"] });
    graph.post(&format!("/servicePrincipals/{principal}/appRoleAssignments"), grant).expect(201);
    assert_eq!(
        claims(&scope, SYNCHRONIZATION)["roles"],
        json!(["ADSynchronization.ReadWrite.All"])
    );
    assert!(claims(&format!("{GRAPH}/.default"), GRAPH).get("roles").is_none());
}

#[test]
fn a_resource_that_wants_v2_tokens_gets_them() {
    let world = World::new();
    let graph = world.administrator();
    let (_, app_id) = {
        let body = json!({
            "displayName": "resource", "signInAudience": "AzureADMyOrg",
            "identifierUris": ["api://resource.contoso.com"], "api": { "requestedAccessTokenVersion": 2 },
        });
        let made = graph.post("/applications", body).expect(201);
        (made["id"].clone(), made["appId"].as_str().unwrap().to_owned())
    };
    graph.post("/servicePrincipals", json!({ "appId": app_id })).expect(201);
    let client_id = world.sign_ins.client_id.to_string();
    for name in ["api://resource.contoso.com", &format!("api://{app_id}"), &app_id] {
        let scope = format!("{name}/.default");
        let body = world.by_certificate(&client_id, &world.administrator, &scope).expect(200);
        let token = body["access_token"].as_str().unwrap();
        let issuer = format!("{AUTHORITY}/{}/v2.0", world.sign_ins.tenant_id);
        let claims = verified(&world, token, &app_id, &issuer);
        assert_eq!((&claims["ver"], &claims["azpacr"]), (&json!("2.0"), &json!("2")), "{name}");
        assert_eq!(jsonwebtoken::decode_header(token).unwrap().x5t, None);
    }
}

#[test]
fn the_legacy_account_signs_in_as_entra_connect_does() {
    let world = World::new();
    let sign_ins = &world.sign_ins;
    assert!(sign_ins.legacy_username.starts_with("Sync_HOST_"), "{}", sign_ins.legacy_username);
    let scope = format!("{SYNCHRONIZATION}/.default openid profile offline_access");
    let (user, password) = (&sign_ins.legacy_username, sign_ins.legacy_password.expose());
    let body = world.by_password(ENTRA_CONNECT, &scope, user, password).expect(200);
    let token = body["access_token"].as_str().unwrap();
    let claims = verified(&world, token, SYNCHRONIZATION, &v1_issuer(&world));
    assert_eq!(claims["scp"], "ADSynchronization.ReadWrite.All");
    assert_eq!(claims["appidacr"], "0");
    assert_eq!(claims["upn"], json!(user));
    let wids = claims["wids"].as_array().unwrap();
    assert!(wids.contains(&json!("d29b2b05-8046-44ba-8758-1e26182fcf32")), "{wids:?}");
    assert!(claims.get("roles").is_none());

    let scopes: Vec<&str> = body["scope"].as_str().unwrap().split(' ').collect();
    assert!(scopes.contains(&format!("{SYNCHRONIZATION}/.default").as_str()), "{scopes:?}");
    let issuer = format!("{AUTHORITY}/{}/v2.0", sign_ins.tenant_id);
    let identity = verified(&world, body["id_token"].as_str().unwrap(), ENTRA_CONNECT, &issuer);
    assert_eq!(identity["oid"], claims["oid"]);
    assert!(body.get("client_info").is_none(), "not asked for");

    let refresh = body["refresh_token"].as_str().unwrap();
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", ENTRA_CONNECT),
        ("refresh_token", refresh),
        ("scope", &scope),
    ];
    let again = world.token(&form).expect(200);
    assert!(again["refresh_token"].is_string());
    let other =
        form.map(|(name, value)| (name, if value == ENTRA_CONNECT { AZURE_CLI } else { value }));
    assert_eq!(world.token(&other).status, 400, "another client's refresh token");
}

#[test]
fn client_info_and_optional_tokens_come_only_when_asked_for() {
    let world = World::new();
    let (user, password) = (world.sign_ins.username.clone(), world.sign_ins.password.clone());
    let form = [
        ("grant_type", "password"),
        ("client_id", COMMAND_LINE),
        ("scope", "User.Read Application.ReadWrite.All"),
        ("username", user.as_str()),
        ("password", password.expose()),
        ("client_info", "1"),
    ];
    let body = world.token_of("organizations", &form).expect(200);
    assert!(body["client_info"].is_string());
    assert!(body.get("id_token").is_none() && body.get("refresh_token").is_none());
    let claims =
        verified(&world, body["access_token"].as_str().unwrap(), GRAPH, &v1_issuer(&world));
    assert_eq!(claims["scp"], "User.Read Application.ReadWrite.All");
    let me = world.graph(body["access_token"].as_str().unwrap()).get("/me").expect(200);
    assert_eq!(me["userPrincipalName"], json!(user));
}

#[test]
fn discovery_leads_to_itself() {
    let world = World::new();
    let id = world.sign_ins.tenant_id.to_string();
    for tenant in [id.as_str(), "contoso.onmicrosoft.com", "CONTOSO.com"] {
        let path = format!("/{tenant}/v2.0/.well-known/openid-configuration");
        let answer = world.send("GET", &path, &[], "");
        let body = answer.expect(200);
        assert_eq!(body["issuer"], format!("{AUTHORITY}/{id}/v2.0"));
        assert_eq!(body["token_endpoint"], format!("{AUTHORITY}/{tenant}/oauth2/v2.0/token"));
        assert_eq!(answer.header("cache-control"), "max-age=86400, private");
        let keys = body["jwks_uri"].as_str().unwrap().strip_prefix(AUTHORITY).unwrap().to_owned();
        let keys = world.send("GET", &keys, &[], "").expect(200);
        assert!(keys["keys"][0]["x5c"][0].is_string());
    }
    let common = world.send("GET", "/organizations/v2.0/.well-known/openid-configuration", &[], "");
    assert_eq!(common.expect(200)["issuer"], format!("{AUTHORITY}/{{tenantid}}/v2.0"));

    let asked = format!("{AUTHORITY}/{id}/oauth2/v2.0/authorize");
    let path = "/common/discovery/instance?api-version=1.1&authorization_endpoint=";
    let body = world.send("GET", &format!("{path}{asked}"), &[], "").expect(200);
    assert_eq!(
        body["tenant_discovery_endpoint"],
        format!("{AUTHORITY}/{id}/v2.0/.well-known/openid-configuration")
    );
    assert_eq!(body["metadata"][0]["aliases"], json!(["login.sandbox.invalid"]));
    let foreign = world.send("GET", &format!("{path}https://elsewhere.example/x"), &[], "");
    assert_eq!(foreign.expect(400)["error_codes"], json!([50049]));
    let unknown =
        world.send("GET", "/nobody.example/v2.0/.well-known/openid-configuration", &[], "");
    assert_eq!(unknown.expect(400)["error_codes"], json!([90002]));
    for (user, kind) in [("admin@contoso.com", "Managed"), ("x@elsewhere.example", "Unknown")] {
        let path = format!("/common/UserRealm/{user}?api-version=1.0");
        assert_eq!(world.send("GET", &path, &[], "").expect(200)["account_type"], kind);
    }
}
