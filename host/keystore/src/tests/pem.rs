//! Keys read from PEM texts, made by OpenSSL.

use std::process::{Command, Stdio};

use base::{Code, SecretText};

use super::world;
use crate::{Algorithm, MemoryKey, Signer};

fn openssl(arguments: &[&str]) -> SecretText {
    let output = Command::new("openssl").args(arguments).stderr(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "openssl {arguments:?}");
    SecretText::new(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn openssl_keys_sign() {
    let world = world();
    for arguments in [
        ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"].as_slice(),
        &["genrsa", "-traditional", "2048"],
    ] {
        let pem = openssl(arguments);
        let padded = SecretText::new(format!("first a line\n{}", pem.expose()));
        world.ports().executor.block_on(async {
            let key = MemoryKey::from_pem(&padded).unwrap();
            let public = key.public_key().await.unwrap();
            let signature = key.sign(Algorithm::Ps256, b"text").await.unwrap();
            assert!(public.verify(Algorithm::Ps256, b"text", &signature));
            assert!(!public.spki().unwrap().is_empty());
            assert!(!format!("{key:?}").contains("PRIVATE"));
        });
    }
}

#[test]
fn what_is_no_usable_key_is_refused_without_showing_it() {
    let small = openssl(&["genrsa", "1024"]);
    let curve = openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    let locked = openssl(&["genrsa", "-aes256", "-passout", "pass:secret", "2048"]);
    for (pem, says) in [
        (small, "RSA key of at least 2048 bits"),
        (curve, "RSA key of at least 2048 bits"),
        (locked, "protected by a passphrase"),
        (SecretText::new("-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----"), "damaged"),
        (SecretText::new("secret nonsense"), "no 'BEGIN PRIVATE KEY'"),
    ] {
        let error = MemoryKey::from_pem(&pem).unwrap_err();
        assert_eq!(error.code, Code::ConfigurationInvalid);
        assert!(error.message.contains(says), "{error}");
        assert!(!format!("{error:?}").contains("secret nonsense"));
    }
}
