//! `addKey` and `removeKey` with proofs of possession.

use serde_json::{Value, json};

use crate::openssl::{Credential, Signing};
use crate::world::{GRAPH, World, key};

const SCOPE: &str = "https://graph.microsoft.com/.default";

#[test]
fn an_application_rolls_its_own_key_without_any_permission() {
    let world = World::new();
    let graph = world.administrator();
    let (old, new) = (Credential::new("old", 2048, 30), Credential::new("new", 2048, 30));
    let (id, app_id, _) = graph.connector("rolling", &old);
    let token = |credential: &Credential| {
        let body = world.by_certificate(&app_id, credential, SCOPE).expect(200);
        body["access_token"].as_str().unwrap().to_owned()
    };
    let own = world.graph(token(&old));
    let spellings = [
        format!("/applications/{id}/addKey"),
        format!("/applications(appId='{app_id}')/microsoft.graph.addKey"),
    ];
    let body = |proof: String| json!({ "keyCredential": key(&new), "passwordCredential": null, "proof": proof });
    let added = own.post(&spellings[0], body(old.proof(&id, world.now()))).expect(200);
    assert_eq!(added["customKeyIdentifier"], new.thumbprint());
    assert_eq!(added["key"], Value::Null);
    let third = Credential::new("third", 2048, 30);
    let more = json!({ "keyCredential": key(&third), "proof": new.proof(&id, world.now()) });
    own.post(&spellings[1], more).expect(200);
    world.by_certificate(&app_id, &third, SCOPE).expect(200);

    let own = world.graph(token(&new));
    let shown = graph.get(&format!("/applications/{id}")).expect(200);
    let entries = shown["keyCredentials"].as_array().unwrap().clone();
    assert_eq!(entries.len(), 3);
    let removal = |key_id: &Value, signer: &Credential| json!({ "keyId": key_id, "proof": signer.proof(&id, world.now()) });
    let path = format!("/applications/{id}/removeKey");
    own.post(&path, removal(&entries[0]["keyId"], &new)).expect(204);
    assert_eq!(world.by_certificate(&app_id, &old, SCOPE).status, 401);
    let again = own.post(&path, removal(&entries[0]["keyId"], &new));
    assert_eq!(again.error(), (400, "Request_BadRequest".to_owned()));
    // A removed key proves nothing any more.
    let proof = own.post(&path, removal(&entries[2]["keyId"], &old));
    assert_eq!(proof.error(), (401, "Authentication_MissingOrMalformed".to_owned()));
}

#[test]
fn every_bad_proof_gets_the_same_answer() {
    let world = World::new();
    let graph = world.administrator();
    let (credential, new) = (Credential::new("old", 2048, 30), Credential::new("new", 2048, 30));
    let (id, app_id, principal) = graph.connector("proofs", &credential);
    let now = world.now();
    let audience = "00000002-0000-0000-c000-000000000000";
    let claims = |name: &str, value: Value| {
        let mut claims = json!({ "aud": audience, "iss": id, "nbf": now, "exp": now + 600 });
        claims[name] = value;
        claims
    };
    let by = |claims: Value| credential.usual_jwt(&claims, Signing::Rs256);
    let good = credential.proof(&id, now);
    let (head, tail) = good.split_once('.').unwrap();
    let wrong = [
        String::new(),
        "x.y.z".to_owned(),
        by(claims("aud", json!("00000003-0000-0000-c000-000000000000"))),
        by(claims("iss", json!(app_id))),
        by(claims("iss", json!(principal))),
        by(claims("exp", json!(now + 601))),
        by(claims("exp", json!(now - 301))),
        by(claims("nbf", json!(now + 301))),
        by(claims("exp", Value::Null)),
        new.proof(&id, now),
        credential.usual_jwt(&claims("x", json!(1)), Signing::Pss(32)),
        format!("{head}==.{tail}"),
        format!("{good}="),
    ];
    let path = format!("/applications/{id}/addKey");
    let add =
        |proof: &str| graph.post(&path, json!({ "keyCredential": key(&new), "proof": proof }));
    for proof in wrong {
        let answer = add(&proof);
        assert_eq!(
            answer.error(),
            (401, "Authentication_MissingOrMalformed".to_owned()),
            "{proof}"
        );
        assert_eq!(answer.json()["error"]["message"], "Access Token missing or malformed.");
    }
    add(&good).expect(200);
}

#[test]
fn a_service_principal_has_keys_of_its_own() {
    let world = World::new();
    let graph = world.administrator();
    let (credential, new) = (Credential::new("old", 2048, 30), Credential::new("new", 2048, 30));
    let (_, app_id, principal) = graph.connector("principal", &credential);
    let path = format!("/servicePrincipals/{principal}");
    assert_eq!(graph.get(&path).expect(200)["keyCredentials"], json!([]), "not the application's");
    graph.patch(&path, json!({ "keyCredentials": [key(&credential)] })).expect(204);
    let body =
        json!({ "keyCredential": key(&new), "proof": credential.proof(&principal, world.now()) });
    graph.post(&format!("{path}/addKey"), body).expect(200);
    world.by_certificate(&app_id, &new, &format!("{GRAPH}/.default")).expect(200);
}

#[test]
fn another_application_needs_a_permission_besides_the_proof() {
    let world = World::new();
    let graph = world.administrator();
    let (one, two) = (Credential::new("one", 2048, 30), Credential::new("two", 2048, 30));
    let (id, ..) = graph.connector("one", &one);
    let (_, app_id, _) = graph.connector("two", &two);
    let body = world.by_certificate(&app_id, &two, SCOPE).expect(200);
    let other = world.graph(body["access_token"].as_str().unwrap());
    let body = json!({ "keyCredential": key(&two), "proof": one.proof(&id, world.now()) });
    let answer = other.post(&format!("/applications/{id}/addKey"), body);
    assert_eq!(answer.error(), (403, "Authorization_RequestDenied".to_owned()));
}
