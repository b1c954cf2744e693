//! The tenant as a server: strict TLS clients, lost answers on the wire, ports, descriptions.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use base::clock::SystemClock;
use base::disk::SystemDisk;
use base::executor::TokioExecutor;
use base::process::SystemProcess;
use base::random::SystemRandom;
use base::virtual_world::VirtualClock;
use base::{Clock as _, Code, Ports};
use tenant::{Description, Fault, Opened, Sandbox, Served};

fn real_ports() -> Ports {
    Ports {
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        disk: Arc::new(SystemDisk),
        process: Arc::new(SystemProcess),
        executor: Arc::new(TokioExecutor(tokio::runtime::Handle::current())),
    }
}

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

async fn served(folder: &Path) -> Served {
    match Sandbox::open(&real_ports(), folder).unwrap() {
        Opened::Owner(sandbox) => sandbox.serve(any_port()).await.unwrap(),
        Opened::Served(_) => panic!("somebody else has it"),
    }
}

/// Runs a program off the server's threads.
async fn run(words: &[&str]) -> Output {
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let work = move || Command::new(&words[0]).args(&words[1..]).output().unwrap();
    tokio::task::spawn_blocking(work).await.unwrap()
}

const FETCH: &str = "
import json, ssl, sys, urllib.request
context = ssl.create_default_context(cafile=sys.argv[1])
context.verify_flags |= ssl.VERIFY_X509_STRICT
with urllib.request.urlopen(sys.argv[2], context=context) as answer:
    print(json.load(answer)['issuer'])
";

#[tokio::test(flavor = "multi_thread")]
async fn strict_clients_trust_it_and_only_with_its_authority() {
    let folder = tempfile::tempdir().unwrap();
    let served = served(folder.path()).await;
    let description = served.describe();
    let ca = description.ca_file.to_str().unwrap();
    let port = served.address().port();
    let issuer = format!("{}/{}/v2.0", description.authority, description.tenant_id);
    for host in ["127.0.0.1", "localhost"] {
        let document = format!(
            "https://{host}:{port}/{}/v2.0/.well-known/openid-configuration",
            description.tenant_id
        );
        let output = run(&["python3", "-c", FETCH, ca, &document]).await;
        let printed = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        assert_eq!(printed.trim(), issuer.replace("127.0.0.1", host));
        let output = run(&["python3", "-c", FETCH, "/dev/null", &document]).await;
        assert!(!output.status.success(), "trusted without its authority");

        let connect = format!("{host}:{port}");
        let name = if host == "localhost" { "-verify_hostname" } else { "-verify_ip" };
        let output = run(&[
            "openssl",
            "s_client",
            "-connect",
            &connect,
            "-CAfile",
            ca,
            "-verify_return_error",
            "-x509_strict",
            name,
            host,
        ])
        .await;
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && printed.contains("Verify return code: 0 (ok)"),
            "{printed}"
        );
    }
    served.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_says_where_it_is_and_goes_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let served = served(folder.path()).await;
    let described = folder.path().join("elsewhere.json");
    served.write_description(&described).unwrap();
    let read = |file: &Path| -> Description {
        serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
    };
    assert_eq!(read(&described), served.describe());
    let Opened::Served(known) = Sandbox::open(&real_ports(), folder.path()).unwrap() else {
        panic!("two owners")
    };
    assert_eq!(read(&known), served.describe());
    let text = serde_json::to_value(served.describe()).unwrap();
    let promised = ["authority", "tenant_id", "graph", "ca_file", "admin", "legacy_account"];
    assert!(promised.iter().all(|name| !text[name].is_null()), "{text}");
    let promised = ["client_id", "certificate_pem", "username", "password"];
    assert!(promised.iter().all(|name| text["admin"][name].is_string()), "{text}");
    assert_eq!(text["graph"], format!("https://{}/v1.0", served.address()));
    let pem = std::fs::read_to_string(&served.describe().admin.certificate_pem).unwrap();
    assert!(pem.starts_with("-----BEGIN PRIVATE KEY") && pem.contains("-----BEGIN CERTIFICATE"));

    let ca = std::fs::read(served.describe().ca_file).unwrap();
    served.shutdown().await.unwrap();
    assert!(!known.exists());
    let again = self::served(folder.path()).await;
    assert_eq!(std::fs::read(again.describe().ca_file).unwrap(), ca, "clients' trust lasts");
    again.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_said_so() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = served(one.path()).await;
    let Opened::Owner(second) = Sandbox::open(&real_ports(), two.path()).unwrap() else {
        panic!("somebody else has it")
    };
    let Err(diagnostic) = second.serve(first.address()).await else { panic!("served twice") };
    assert_eq!(diagnostic.code, Code::TenantSandbox);
    assert_eq!(diagnostic.message, format!("port {} is in use", first.address().port()));
    first.shutdown().await.unwrap();
}

const ASK: &str = "
import http.client, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
connection = http.client.HTTPSConnection('127.0.0.1', int(sys.argv[2]), context=context)
connection.request('GET', '/common/discovery/v2.0/keys')
try:
    print('answered', len(connection.getresponse().read()) > 0)
except Exception as error:
    print(type(error).__name__)
";

#[tokio::test(flavor = "multi_thread")]
async fn lost_and_half_answers_break_the_connection() {
    let folder = tempfile::tempdir().unwrap();
    let served = served(folder.path()).await;
    let ca = served.describe().ca_file;
    let port = served.address().port().to_string();
    let faults = served.sandbox().faults();
    for (fault, expected) in [
        (Some(Fault::AnswerLost), "RemoteDisconnected"),
        (Some(Fault::Reset), "RemoteDisconnected"),
        (Some(Fault::HalfBody), "IncompleteRead"),
        (None, "answered True"),
    ] {
        if let Some(fault) = fault.clone() {
            faults.next("keys", fault);
        }
        let output = run(&["python3", "-c", ASK, ca.to_str().unwrap(), &port]).await;
        let printed = String::from_utf8_lossy(&output.stdout);
        assert_eq!(printed.trim(), expected, "{fault:?} {output:?}");
    }
    served.shutdown().await.unwrap();
}

const STALL: &str = "
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1])
plain = socket.create_connection(('127.0.0.1', int(sys.argv[2])))
connection = context.wrap_socket(plain, server_hostname='127.0.0.1')
connection.sendall(b'POST /v1.0/applications HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 9\\r\\n\\r\\nhalf')
print('stalled', flush=True)
sys.stdin.read()
";

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stalls_does_not_keep_it_from_stopping() {
    let folder = tempfile::tempdir().unwrap();
    let served = served(folder.path()).await;
    let ca = served.describe().ca_file;
    let port = served.address().port().to_string();
    let (mut client, line) = tokio::task::spawn_blocking(move || {
        let mut client = Command::new("python3")
            .args(["-c", STALL, ca.to_str().unwrap(), &port])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(client.stdout.take().unwrap()).read_line(&mut line).unwrap();
        (client, line)
    })
    .await
    .unwrap();
    assert_eq!(line, "stalled\n");
    served.shutdown().await.unwrap();
    assert!(!folder.path().join("served.json").exists());
    drop(client.stdin.take());
    client.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_ends_soon_is_made_anew_under_the_same_authority() {
    let folder = tempfile::tempdir().unwrap();
    let day = Duration::from_secs(24 * 60 * 60);
    let at = |days: u32| {
        let clock = VirtualClock::new(SystemClock.now().plus(day * days));
        Ports { clock: Arc::new(clock), ..real_ports() }
    };
    let mut files = Vec::new();
    for days in [0, 82, 84] {
        let Opened::Owner(sandbox) = Sandbox::open(&at(days), folder.path()).unwrap() else {
            panic!("somebody else has it")
        };
        sandbox.serve(any_port()).await.unwrap().shutdown().await.unwrap();
        drop(sandbox);
        files.push(
            ["ca.pem", "server.pem"].map(|name| std::fs::read(folder.path().join(name)).unwrap()),
        );
    }
    assert_eq!(files[0], files[1], "eight days left");
    assert_eq!(files[1][0], files[2][0], "the authority stays");
    assert_ne!(files[1][1], files[2][1], "six days left");
}
