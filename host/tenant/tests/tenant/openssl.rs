//! Keys, certificates and signatures by the OpenSSL command line, and by nothing of ours.

use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// Runs `openssl` and returns what it printed.
pub fn run(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl is installed");
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "openssl {arguments:?}: {errors}");
    output.stdout
}

/// A key with a certificate for it, as files.
pub struct Credential {
    folder: tempfile::TempDir,
    /// The certificate.
    pub der: Vec<u8>,
}

/// How an assertion is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signing {
    Rs256,
    /// PSS with a salt of that many bytes.
    Pss(u32),
}

impl Credential {
    /// A new RSA key and a self-signed certificate, good for `days`.
    pub fn new(subject: &str, bits: u32, days: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (key, certificate) = (folder.path().join("key.pem"), folder.path().join("cert.pem"));
        let (algorithm, days) = (format!("rsa:{bits}"), days.to_string());
        run(
            &[
                "req",
                "-x509",
                "-newkey",
                &algorithm,
                "-nodes",
                "-sha256",
                "-days",
                &days,
                "-subj",
                &format!("/CN={subject}"),
                "-keyout",
                text(&key),
                "-out",
                text(&certificate),
            ],
            b"",
        );
        let der = run(&["x509", "-in", text(&certificate), "-outform", "DER"], b"");
        Self { folder, der }
    }

    /// From a PEM text with both.
    pub fn from_pem(pem: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("key.pem"), pem).unwrap();
        let der = run(&["x509", "-outform", "DER"], pem.as_bytes());
        Self { folder, der }
    }

    /// The certificate in base64.
    pub fn base64(&self) -> String {
        STANDARD.encode(&self.der)
    }

    fn digest(&self, algorithm: &str) -> Vec<u8> {
        run(&["dgst", algorithm, "-binary"], &self.der)
    }

    /// SHA-1 of the certificate.
    pub fn sha1(&self) -> Vec<u8> {
        self.digest("-sha1")
    }

    /// SHA-256 of the certificate.
    pub fn sha256(&self) -> Vec<u8> {
        self.digest("-sha256")
    }

    /// SHA-1 of the certificate in upper-case hex.
    pub fn thumbprint(&self) -> String {
        hex::encode_upper(self.sha1())
    }

    fn sign(&self, message: &[u8], signing: Signing) -> Vec<u8> {
        let key = self.folder.path().join("key.pem");
        let mut arguments = vec!["dgst", "-sha256", "-sign", text(&key)];
        let salt;
        if let Signing::Pss(length) = signing {
            salt = format!("rsa_pss_saltlen:{length}");
            arguments.extend(["-sigopt", "rsa_padding_mode:pss", "-sigopt", &salt]);
        }
        run(&arguments, message)
    }

    /// A JWT with any header and claims.
    pub fn jwt(&self, header: &Value, claims: &Value, signing: Signing) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.sign(message.as_bytes(), signing));
        format!("{message}.{signature}")
    }

    /// A JWT with the usual header: RS256 with `x5t`, PS256 with `x5t#S256`.
    pub fn usual_jwt(&self, claims: &Value, signing: Signing) -> String {
        let header = match signing {
            Signing::Rs256 => {
                json!({ "alg": "RS256", "typ": "JWT", "x5t": URL_SAFE_NO_PAD.encode(self.sha1()) })
            }
            Signing::Pss(_) => json!({
                "alg": "PS256", "typ": "JWT", "x5t#S256": URL_SAFE_NO_PAD.encode(self.sha256()),
            }),
        };
        self.jwt(&header, claims, signing)
    }

    /// A proof of possession for the object `issuer`, as facts 3 have it.
    pub fn proof(&self, issuer: &str, now: i64) -> String {
        let claims = json!({
            "aud": "00000002-0000-0000-c000-000000000000", "iss": issuer,
            "nbf": now, "exp": now + 600,
        });
        self.usual_jwt(&claims, Signing::Rs256)
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
