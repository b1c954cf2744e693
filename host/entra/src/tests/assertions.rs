//! Signed statements, judged by OpenSSL and by an independent JWT library.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use keystore::Algorithm;
use serde_json::Value;

use super::fake::{APP, TENANT, TOKEN_PATH, World, password};
use super::openssl::Folder;
use crate::assertion::{client_assertion, proof_of_possession};
use crate::{CertificateCredential, Credential, Scope};

const AUDIENCE: &str = "https://login.test/contoso/oauth2/v2.0/token";

/// Verifies with OpenSSL; PSS must have a salt of exactly 32 bytes.
fn openssl_verifies(statement: &str, own: &CertificateCredential, algorithm: Algorithm) {
    let folder = Folder::new();
    let (signed, signature) = statement.rsplit_once('.').unwrap();
    folder.file("signed", signed);
    folder.file("signature", URL_SAFE_NO_PAD.decode(signature).unwrap());
    folder.file("certificate.pem", own.certificate.pem());
    let key = folder.run(&["x509", "-in", "certificate.pem", "-noout", "-pubkey"]).unwrap();
    folder.file("key.pem", key);
    let mut arguments = vec!["dgst", "-sha256", "-verify", "key.pem", "-signature", "signature"];
    if algorithm == Algorithm::Ps256 {
        arguments.extend(["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"]);
    }
    arguments.push("signed");
    folder.run(&arguments).unwrap();
}

/// Verifies with the JWT library, and gives the claims.
fn library_verifies(statement: &str, key: &[u8], algorithm: Algorithm, audience: &str) -> Value {
    let algorithm = match algorithm {
        Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::Ps256 => jsonwebtoken::Algorithm::PS256,
    };
    let mut validation = Validation::new(algorithm);
    validation.set_audience(&[audience]);
    // The world's clock is not the machine's.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    let key = DecodingKey::from_rsa_der(key);
    decode::<Value>(statement, &key, &validation).unwrap().claims
}

#[test]
fn assertions_verify_and_say_what_they_must() {
    let world = World::new();
    for algorithm in [Algorithm::Ps256, Algorithm::Rs256] {
        world.run(async {
            let own = world.certificate(algorithm).await;
            let now = world.client.now();
            let random = &*world.ports.random;
            let statement = client_assertion(&own, AUDIENCE, now, random).await.unwrap();
            let statement = statement.expose();
            assert!(!statement.contains('='), "padded");
            openssl_verifies(statement, &own, algorithm);
            let key = own.signer.public_key().await.unwrap();
            let claims = library_verifies(statement, key.pkcs1(), algorithm, AUDIENCE);
            assert_eq!(claims["iss"], APP.to_string());
            assert_eq!(claims["sub"], APP.to_string());
            let at = |name: &str| claims[name].as_i64().unwrap();
            assert_eq!(at("exp") - at("nbf"), 300, "five minutes");
            assert_eq!(now.as_seconds() - at("nbf"), 30, "slightly in the past");
            assert_eq!(at("iat"), at("nbf"));
            let header = decode_header(statement).unwrap();
            let (x5t, x5t_s256) = (header.x5t, header.x5t_s256);
            match algorithm {
                Algorithm::Ps256 => {
                    assert_eq!((x5t, x5t_s256), (None, Some(own.certificate.x5t_s256().unwrap())));
                }
                Algorithm::Rs256 => {
                    assert_eq!((x5t, x5t_s256), (Some(own.certificate.x5t().unwrap()), None));
                }
            }
            let again = client_assertion(&own, AUDIENCE, now, random).await.unwrap();
            let again = library_verifies(again.expose(), key.pkcs1(), algorithm, AUDIENCE);
            assert_ne!(again["jti"], claims["jti"]);
        });
    }
}

#[test]
fn proofs_verify_and_say_what_they_must() {
    let world = World::new();
    world.run(async {
        let own = world.certificate(Algorithm::Ps256).await;
        let now = world.client.now();
        let proof = proof_of_possession(&*own.signer, &own.certificate, TENANT, now).await.unwrap();
        let proof = proof.expose();
        assert!(!proof.contains('='), "padded");
        // Proofs are RS256, whatever the key could do.
        openssl_verifies(proof, &own, Algorithm::Rs256);
        let key = own.signer.public_key().await.unwrap();
        let audience = "00000002-0000-0000-c000-000000000000";
        let claims = library_verifies(proof, key.pkcs1(), Algorithm::Rs256, audience);
        assert_eq!(claims["iss"], TENANT.to_string(), "the object id");
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["nbf"].as_i64().unwrap(), 300);
        assert_eq!(decode_header(proof).unwrap().x5t, Some(own.certificate.x5t().unwrap()));
    });
}

#[test]
fn a_clock_one_hour_off_is_corrected() {
    let world = World::fast_by(Duration::from_secs(3600));
    world.run(async {
        assert_eq!(world.client.skew(), None);
        let own = world.certificate(Algorithm::Ps256).await;
        let key = own.signer.public_key().await.unwrap();
        let credential = Credential::Certificate(own);
        world.client.quiet().token(&credential, &Scope::graph()).await.unwrap();
        let sent = &world.fake.seen_tokens()[0];
        let form: std::collections::HashMap<_, _> =
            url::form_urlencoded::parse(sent.body.as_bytes()).into_owned().collect();
        assert_eq!(form["grant_type"], "client_credentials");
        assert_eq!(form["scope"], "00000003-0000-0000-c000-000000000000/.default");
        let audience = format!("https://login.test{TOKEN_PATH}");
        let statement = &form["client_assertion"];
        let claims = library_verifies(statement, key.pkcs1(), Algorithm::Ps256, &audience);
        let late = sent.at.as_seconds() - claims["nbf"].as_i64().unwrap();
        assert!((29..=32).contains(&late), "nbf is {late} s before the tenant's time");
        let skew = world.client.skew().unwrap();
        assert!(skew.magnitude().abs_diff(Duration::from_secs(3600)) < Duration::from_secs(2));
        assert!(skew.to_string().contains("ahead of the tenant's"), "{skew}");
    });
}

#[test]
fn a_refusal_for_the_clock_names_the_difference() {
    let world = World::fast_by(Duration::from_secs(3600));
    let text = "Client assertion is not within its valid time range.";
    world.fake.tokens([super::fake::Reply::aadsts(401, "invalid_client", 700024, text)]);
    world.run(async {
        let refused = world.client.quiet().token(&password(), &Scope::graph()).await.unwrap_err();
        assert_eq!(refused.code, base::Code::ClockSkew);
        assert!(refused.message.contains("ahead of the tenant's"), "{refused}");
        assert_eq!(
            refused.next.as_deref(),
            Some("Set this host's clock: timedatectl set-ntp true")
        );
    });
}
