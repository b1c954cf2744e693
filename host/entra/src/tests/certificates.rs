//! Certificates, judged by OpenSSL.

use std::time::Duration;

use base::{Code, SecretText, Timestamp};
use keystore::Algorithm;
use proptest::prelude::*;

use super::fake::World;
use super::openssl::Folder;
use crate::{CertificateCredential, CertificateInfo, CertificateRequest, due_at, self_signed};

const DAY: u64 = 24 * 60 * 60;

#[test]
fn openssl_accepts_managed_certificates() {
    let world = World::new();
    let own = world.run(world.certificate(Algorithm::Ps256)).certificate;
    let folder = Folder::new();
    folder.file("own.pem", own.pem());
    // The world's clock is not the machine's.
    let at = world.client.now().as_seconds().to_string();
    let verify = ["verify", "-attime", &at, "-CAfile", "own.pem", "own.pem"];
    assert!(folder.run(&verify).unwrap().contains("own.pem: OK"));
    let strict = [
        "verify",
        "-x509_strict",
        "-attime",
        &at,
        "-partial_chain",
        "-trusted",
        "own.pem",
        "own.pem",
    ];
    assert!(folder.run(&strict).unwrap().contains("own.pem: OK"));

    let text = folder.run(&["x509", "-in", "own.pem", "-noout", "-text"]).unwrap();
    for expected in [
        "Version: 3",
        "Signature Algorithm: sha256WithRSAEncryption",
        "Subject: CN = Entra Connect Sync Provisioning",
        "Issuer: CN = Entra Connect Sync Provisioning",
        "Public-Key: (2048 bit)",
        "X509v3 Key Usage: critical",
        "Digital Signature\n",
        "CA:FALSE",
    ] {
        assert!(text.contains(expected), "{expected} is not in {text}");
    }
    let print = |option: &str| {
        let all = ["x509", "-in", "own.pem", "-noout", option, "-sha256"];
        folder.run(&all).unwrap().trim().split_once('=').unwrap().1.replace(':', "")
    };
    assert_eq!(print("-fingerprint"), own.sha256);
    assert_eq!(print("-serial"), own.serial_number);
    let sha1 = folder.run(&["x509", "-in", "own.pem", "-noout", "-fingerprint", "-sha1"]).unwrap();
    assert!(sha1.trim().replace(':', "").ends_with(&own.thumbprint));
}

#[test]
fn a_managed_certificate_is_what_was_asked_for() {
    let world = World::new();
    world.run(async {
        let own = world.certificate(Algorithm::Ps256).await;
        let certificate = &own.certificate;
        let now = world.client.now();
        assert_eq!(certificate.subject, "CN=Entra Connect Sync Provisioning");
        assert_eq!(certificate.issuer, certificate.subject);
        assert_eq!(certificate.not_before, now.minus(Duration::from_secs(300)));
        let life = certificate.not_after.since(certificate.not_before);
        assert_eq!(life, Duration::from_secs(90 * DAY));
        assert_eq!(
            certificate.due_at(),
            certificate.not_after.minus(Duration::from_secs(27 * DAY))
        );
        assert_eq!((certificate.key_bits, certificate.serial_number.len()), (2048, 32));
        assert_eq!(certificate.public_key().unwrap(), own.signer.public_key().await.unwrap());
        assert_eq!(
            (certificate.x5t().unwrap().len(), certificate.x5t_s256().unwrap().len()),
            (27, 43)
        );
        certificate.check_usable(now).unwrap();
        let late = certificate.check_usable(certificate.not_after).unwrap_err();
        assert_eq!(late.code, Code::CertificateUnusable);
        assert_eq!(&CertificateInfo::from_pem(&certificate.pem()).unwrap(), certificate);
        own.check_key().await.unwrap();
        let other = world.certificate(Algorithm::Ps256).await;
        let mixed = CertificateCredential { signer: other.signer, ..own };
        assert_eq!(mixed.check_key().await.unwrap_err().code, Code::CertificateUnusable);
    });
}

#[test]
fn requests_that_cannot_be_are_refused() {
    let world = World::new();
    world.run(async {
        let own = world.certificate(Algorithm::Ps256).await;
        let good = CertificateRequest::managed(world.client.now());
        for request in [
            CertificateRequest { subject: "nobody".to_owned(), ..good.clone() },
            CertificateRequest { life: Duration::ZERO, ..good.clone() },
            CertificateRequest { life: Duration::MAX, ..good.clone() },
        ] {
            let refused = self_signed(&*own.signer, &request, &*world.ports.random).await;
            assert_eq!(refused.unwrap_err().code, Code::ConfigurationInvalid);
        }
    });
}

fn openssl_pem(subject: &str, kind: &[&str], extra: &[&str]) -> SecretText {
    let folder = Folder::new();
    let mut arguments = vec!["req", "-x509", "-nodes", "-days", "30", "-keyout", "key.pem"];
    arguments.extend(["-subj", subject, "-out", "certificate.pem", "-newkey"]);
    arguments.extend(kind);
    arguments.extend(extra);
    folder.run(&arguments).unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    SecretText::new(format!("{}{}", read("key.pem"), read("certificate.pem")))
}

#[test]
fn credentials_are_read_from_openssl_files() {
    let world = World::new();
    world.run(async {
        let pem = openssl_pem("/CN=Admin/O=Contoso, Ltd.", &["rsa:2048"], &[]);
        let own = CertificateCredential::from_pem(super::fake::APP, &pem).await.unwrap();
        assert!(own.certificate.subject.contains("CN=Admin"), "{}", own.certificate.subject);
        let other = openssl_pem("/CN=Other", &["rsa:2048"], &[]);
        let (_, other) = other.expose().split_once("-----END PRIVATE KEY-----").unwrap();
        let (key, _) = pem.expose().split_once("-----BEGIN CERTIFICATE-----").unwrap();
        let mixed = SecretText::new(format!("{key}{other}"));
        let refused = CertificateCredential::from_pem(super::fake::APP, &mixed).await;
        assert_eq!(refused.err().unwrap().code, Code::CertificateUnusable);
        for text in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"] {
            let refused = CertificateInfo::from_pem(text).unwrap_err();
            assert_eq!(refused.code, Code::ConfigurationInvalid);
        }
    });
}

#[test]
fn certificates_that_the_tenant_would_refuse_are_named() {
    for (kind, extra, says) in [
        (["rsa:1024"].as_slice(), [].as_slice(), "no RSA key of 2048 bits"),
        (&["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], &[], "no RSA key of 2048 bits"),
        (&["rsa:2048"], &["-addext", "keyUsage=keyEncipherment"], "digital signatures"),
    ] {
        let pem = openssl_pem("/CN=Weak", kind, extra);
        let certificate = CertificateInfo::from_pem(pem.expose()).unwrap();
        let middle = certificate.not_before.plus(Duration::from_secs(DAY));
        let refused = certificate.check_usable(middle).unwrap_err();
        assert!(refused.message.contains(says), "{refused}");
    }
}

#[test]
fn the_published_thumbprint_vector() {
    // facts section 10: the SHA-1 of a certificate and its x5t.
    let sha1 = hex::decode("84E05C1D98BCE3A5421D225B140B36E86A3D5534").unwrap();
    use base64::Engine;
    let x5t = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(sha1);
    assert_eq!(x5t, "hOBcHZi846VCHSJbFAs26Go9VTQ");
}

proptest! {
    #[test]
    fn garbage_is_no_certificate(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(CertificateInfo::from_der(&bytes).is_err());
    }

    #[test]
    fn due_dates_keep_to_the_rule(begin in 0_i64..4_000_000_000, days in 1_u64..5000) {
        let begin = Timestamp::from_seconds(begin);
        let end = begin.plus(Duration::from_secs(days * DAY));
        let due = due_at(begin, end);
        let left = end.since(due);
        prop_assert!(due.since(begin) * 2 >= end.since(begin), "in the first half");
        prop_assert!(left <= Duration::from_secs(150 * DAY));
        let least = Duration::from_secs(150 * DAY).min(Duration::from_secs(days * DAY * 3 / 10));
        prop_assert_eq!(left, least);
    }
}
