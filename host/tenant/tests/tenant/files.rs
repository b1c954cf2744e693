//! The data folder: what survives, who owns it, and what is refused.

use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use base::virtual_world::VirtualWorld;
use base::{Code, Ports};
use http::Request;
use tenant::{Opened, Sandbox};
use tower::ServiceExt as _;

use crate::world::virtual_world;

const FOLDER: &str = "/home/admin/sandbox";

fn opened(ports: &Ports) -> Sandbox {
    match Sandbox::open(ports, Path::new(FOLDER)).unwrap() {
        Opened::Owner(sandbox) => sandbox,
        Opened::Served(file) => panic!("somebody else has it: {}", file.display()),
    }
}

fn file(name: &str) -> std::path::PathBuf {
    Path::new(FOLDER).join(name)
}

fn refused(ports: &Ports) -> base::Diagnostic {
    match Sandbox::open(ports, Path::new(FOLDER)) {
        Err(diagnostic) => diagnostic,
        Ok(_) => panic!("it was opened"),
    }
}

/// Makes an application; the status of the answer.
fn make_application(world: &VirtualWorld, sandbox: &Sandbox, name: &str) -> u16 {
    let ports = world.ports();
    let sign_ins = sandbox.sign_ins();
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("grant_type", "password"),
            ("client_id", crate::world::COMMAND_LINE),
            ("scope", "Application.ReadWrite.All"),
            ("username", &sign_ins.username),
            ("password", sign_ins.password.expose()),
        ])
        .finish();
    ports.executor.block_on(async {
        let request = Request::post("https://x.invalid/organizations/oauth2/v2.0/token");
        let response =
            sandbox.router().oneshot(request.body(Body::from(form)).unwrap()).await.unwrap();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let token = format!("Bearer {}", body["access_token"].as_str().unwrap());
        let request = Request::post("https://x.invalid/v1.0/applications")
            .header("authorization", token)
            .body(Body::from(serde_json::json!({ "displayName": name }).to_string()));
        sandbox.router().oneshot(request.unwrap()).await.unwrap().status().as_u16()
    })
}

#[test]
fn a_tenant_survives_its_process() {
    let world = virtual_world();
    let ports = world.ports();
    let sandbox = opened(&ports);
    let sign_ins = sandbox.sign_ins();
    assert_eq!(make_application(&world, &sandbox, "kept"), 201);
    let before = sandbox.show();
    assert_eq!(before.applications.len(), 2);
    drop(sandbox);

    let sandbox = opened(&ports);
    assert_eq!(sandbox.show(), before);
    let again = sandbox.sign_ins();
    assert_eq!(again.certificate_pem.expose(), sign_ins.certificate_pem.expose());
    assert_eq!(again.password.expose(), sign_ins.password.expose());
    assert_eq!(make_application(&world, &sandbox, "more"), 201);
    for name in ["state.json", "admin.pem", "signing.pem"] {
        assert_eq!(ports.disk.status(&file(name)).unwrap().mode, 0o600, "{name}");
    }
    assert_eq!(ports.disk.status(Path::new(FOLDER)).unwrap().mode, 0o700);
}

#[test]
fn a_change_that_cannot_be_written_is_not_made() {
    let world = virtual_world();
    let ports = world.ports();
    let sandbox = opened(&ports);
    let before = sandbox.show();
    world.disk.set_full(true);
    assert_eq!(make_application(&world, &sandbox, "lost"), 503);
    assert_eq!(sandbox.show(), before);
    world.disk.set_full(false);
    assert_eq!(make_application(&world, &sandbox, "made"), 201);
}

#[test]
fn a_second_process_is_told_where_the_first_one_is() {
    let ports = virtual_world().ports();
    let sandbox = opened(&ports);
    match Sandbox::open(&ports, Path::new(FOLDER)).unwrap() {
        Opened::Served(describe) => assert_eq!(describe, file("served.json")),
        Opened::Owner(_) => panic!("two owners"),
    }
    let reset = Sandbox::reset(&ports, Path::new(FOLDER)).unwrap_err();
    assert_eq!(reset.code, Code::StateLocked);
    drop(sandbox);
    opened(&ports);
}

#[test]
fn a_newer_or_damaged_state_is_refused_and_kept() {
    let ports = virtual_world().ports();
    drop(opened(&ports));
    let state = ports.disk.read(&file("state.json")).unwrap();
    let newer =
        String::from_utf8(state.clone()).unwrap().replacen("\"version\":1", "\"version\":2", 1);
    let half = &state[..state.len() / 2];
    for (content, code) in [
        (newer.as_bytes(), Code::StateNewer),
        (half, Code::StateCorrupt),
        (b"".as_slice(), Code::StateCorrupt),
        (b"{\"version\":1}".as_slice(), Code::StateCorrupt),
        (b"{\"version\":\"1\"}".as_slice(), Code::StateCorrupt),
        (b"\xff\x00".as_slice(), Code::StateCorrupt),
    ] {
        ports.disk.write_atomic(&file("state.json"), content, 0o600).unwrap();
        let diagnostic = refused(&ports);
        assert_eq!(diagnostic.code, code, "{diagnostic:?}");
        assert!(diagnostic.next.is_some());
        assert_eq!(ports.disk.read(&file("state.json")).unwrap(), content, "kept as it was");
    }
    ports.disk.write_atomic(&file("state.json"), &state, 0o600).unwrap();
    ports.disk.remove_file(&file("admin.pem")).unwrap();
    assert_eq!(refused(&ports).code, Code::StateCorrupt);

    Sandbox::reset(&ports, Path::new(FOLDER)).unwrap();
    opened(&ports);
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let world = virtual_world();
    world.disk.set_full(true);
    let diagnostic = refused(&world.ports());
    assert!(diagnostic.message.contains(FOLDER), "{diagnostic:?}");

    let real = tempfile::tempdir().unwrap();
    let blocked = real.path().join("file");
    std::fs::write(&blocked, "not a folder").unwrap();
    let ports = Ports { disk: Arc::new(base::disk::SystemDisk), ..virtual_world().ports() };
    let Err(diagnostic) = Sandbox::open(&ports, &blocked) else { panic!("it was opened") };
    assert_eq!(diagnostic.code, Code::TenantSandbox);
}
