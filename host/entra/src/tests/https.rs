//! The transport of real worlds, against a server run by OpenSSL.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base::process::{Process, SystemProcess};
use base::virtual_world::VirtualProcess;
use bytes::Bytes;
use http::Request;

use super::openssl::Folder;
use crate::{FaultKind, HttpTransport, Transport, TransportError, Trust};

const LIMIT: Duration = Duration::from_secs(30);

/// `openssl s_server -HTTP`: every file of its folder is a whole answer, head and body.
struct Server {
    child: Child,
    port: u16,
    folder: Folder,
}

impl Server {
    fn start() -> Self {
        let folder = Folder::new();
        let subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"];
        let mut arguments = vec!["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"];
        arguments.extend(subject);
        arguments.extend(["-addext", "basicConstraints=critical,CA:FALSE"]);
        arguments.extend(["-keyout", "key.pem", "-out", "certificate.pem"]);
        folder.run(&arguments).unwrap();
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-HTTP"])
            .args(["-cert", "certificate.pem", "-key", "key.pem"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let port = loop {
            line.clear();
            assert!(output.read_line(&mut line).unwrap() > 0, "the server ended");
            if let Some(address) = line.strip_prefix("ACCEPT ") {
                break address.trim().rsplit(':').next().unwrap().parse().unwrap();
            }
        };
        // Kept open, or the server would die of its own chatter.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Self { child, port, folder }
    }

    fn authority(&self) -> Vec<u8> {
        std::fs::read(self.folder.path().join("certificate.pem")).unwrap()
    }

    async fn get(
        &self,
        transport: &HttpTransport,
        file: &str,
    ) -> Result<http::Response<Bytes>, TransportError> {
        get(transport, &format!("https://127.0.0.1:{}/{file}", self.port)).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn get(
    transport: &HttpTransport,
    url: &str,
) -> Result<http::Response<Bytes>, TransportError> {
    transport.send(Request::get(url).body(Bytes::new()).unwrap(), LIMIT).await
}

#[tokio::test]
async fn answers_come_whole_or_not_at_all() {
    let server = Server::start();
    let transport = HttpTransport::new(&SystemProcess, &Trust::Only(server.authority())).unwrap();
    let head = "HTTP/1.1 302 Found\r\nLocation: https://elsewhere.test/\r\nContent-Length: ";
    server.folder.file("whole", format!("{head}5\r\nConnection: close\r\n\r\nhello"));
    server.folder.file("half", format!("{head}500\r\n\r\nhello"));
    server.folder.file("none", "");
    server.folder.file("garbage", "\u{1}\u{2}\u{3} this is no HTTP\r\n\r\n");
    let huge = 17 * 1024 * 1024;
    server.folder.file("huge", format!("{head}{huge}\r\n\r\n{}", "x".repeat(huge)));

    let whole = server.get(&transport, "whole").await.unwrap();
    assert_eq!((whole.status().as_u16(), &whole.body()[..]), (302, b"hello".as_slice()));
    assert_eq!(whole.headers()["location"], "https://elsewhere.test/", "no redirect is followed");
    for (file, kind) in [("half", Some(FaultKind::Broken)), ("none", None), ("garbage", None)] {
        let lost = server.get(&transport, file).await.unwrap_err();
        assert!(matches!(lost, TransportError::AnswerLost(_)), "{file}: {lost:?}");
        assert!(!lost.fault().causes.is_empty(), "{file}: {lost:?}");
        if let Some(kind) = kind {
            assert_eq!(lost.fault().kind, kind, "{file}: {lost:?}");
        }
    }
    let lost = server.get(&transport, "huge").await.unwrap_err();
    assert_eq!(lost.fault().kind, FaultKind::TooLarge);
}

#[tokio::test]
async fn an_authority_that_is_not_trusted_is_a_tls_failure_before_anything_is_sent() {
    let server = Server::start();
    let other = Folder::new();
    let arguments = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Other"];
    other.run(&[&arguments[..], &["-keyout", "k", "-out", "c"]].concat()).unwrap();
    let wrong = std::fs::read(other.path().join("c")).unwrap();
    let transport = HttpTransport::new(&SystemProcess, &Trust::Only(wrong)).unwrap();
    let error = server.get(&transport, "whole").await.unwrap_err();
    assert!(matches!(error, TransportError::NotSent(_)), "{error:?}");
    assert_eq!(error.fault().kind, FaultKind::Tls, "{error:?}");
    assert!(error.fault().causes.join(" ").contains("UnknownIssuer"), "{error:?}");
}

#[tokio::test]
async fn nothing_listening_is_refused_and_never_sent() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let transport = HttpTransport::new(&SystemProcess, &Trust::Platform).unwrap();
    let error = get(&transport, &format!("https://127.0.0.1:{port}/")).await.unwrap_err();
    assert!(matches!(error, TransportError::NotSent(_)), "{error:?}");
    assert_eq!(error.fault().kind, FaultKind::Refused);
    let error = get(&transport, &format!("http://127.0.0.1:{port}/")).await.unwrap_err();
    assert!(matches!(error, TransportError::NotSent(_)), "plain HTTP was sent: {error:?}");
}

#[tokio::test]
async fn a_proxy_is_not_asked_for_this_host() {
    let server = Server::start();
    server.folder.file("whole", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let process = VirtualProcess::default();
    let set = |value: &str| {
        process.variables.lock().unwrap().insert("HTTPS_PROXY".to_owned(), value.to_owned());
    };
    set("http://127.0.0.1:1");
    assert!(process.environment("HTTPS_PROXY").is_some());
    let transport = HttpTransport::new(&process, &Trust::Only(server.authority())).unwrap();
    assert_eq!(server.get(&transport, "whole").await.unwrap().status().as_u16(), 200);
    let elsewhere = get(&transport, "https://graph.test/").await.unwrap_err();
    assert_eq!(elsewhere.fault().kind, FaultKind::Refused, "{elsewhere:?}");

    set("http://user:secret@");
    let error = HttpTransport::new(&process, &Trust::Platform).unwrap_err();
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
}

#[test]
fn a_ca_file_without_certificates_is_refused() {
    for pem in ["", "nothing", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"] {
        let error = HttpTransport::new(&SystemProcess, &Trust::Only(pem.into())).unwrap_err();
        assert_eq!(error.code, base::Code::ConfigurationInvalid, "{pem}");
    }
}
