//! Every row of the tables of errors as the diagnostic that a person reads.

use std::fmt::Write;

use base::Diagnostic;

use super::fake::{Reply, World, password};
use crate::graph::PrincipalRef;
use crate::{Scope, meaning};

fn show(text: &mut String, title: &str, passes: bool, error: &Diagnostic) {
    let wait = if passes { "passes with replication" } else { "final" };
    writeln!(text, "{title} [{}] {wait}, repeat: {:?}", error.code, error.repeat).unwrap();
    writeln!(text, "  {}", error.meaning.as_deref().unwrap()).unwrap();
    writeln!(text, "  -> {}\n", error.next.as_deref().unwrap()).unwrap();
}

#[test]
fn errors_of_the_token_endpoint() {
    let mut text = String::new();
    for row in meaning::AADSTS {
        let world = World::new();
        world.fake.tokens([Reply::aadsts(400, "invalid_client", row.number, row.says)]);
        let error = world.run(async {
            world.client.quiet().token(&password(), &Scope::graph()).await.unwrap_err()
        });
        assert_eq!(meaning::passes(&error), row.passes, "{row:?}");
        let says = if row.says.is_empty() { String::new() } else { format!(" \"{}\"", row.says) };
        show(&mut text, &format!("AADSTS{}{says}", row.number), row.passes, &error);
    }
    insta::assert_snapshot!("token_endpoint", text);
}

#[test]
fn errors_of_microsoft_graph() {
    let mut text = String::new();
    for row in meaning::GRAPH {
        let world = World::new();
        let status = if row.status == 0 { 400 } else { row.status };
        let name = if row.name.is_empty() { "Unheard_Of" } else { row.name };
        world.fake.graph((0..12).map(|_| Reply::graph(status, name, row.says)));
        let admin = password();
        let error = world.run(async {
            let graph = world.client.quiet().graph(&admin);
            graph.principal(PrincipalRef::Id(super::fake::APP)).await.unwrap_err()
        });
        assert_eq!(meaning::passes(&error), row.passes, "{row:?}");
        let says = if row.says.is_empty() { String::new() } else { format!(" \"{}\"", row.says) };
        show(&mut text, &format!("{status} {name}{says}"), row.passes, &error);
    }
    insta::assert_snapshot!("microsoft_graph", text);
}

#[test]
fn an_unheard_of_error_is_still_told() {
    let world = World::new();
    world.fake.tokens([Reply::aadsts(400, "invalid_grant", 424242, "Something new.")]);
    let error = world
        .run(async { world.client.quiet().token(&password(), &Scope::graph()).await.unwrap_err() });
    assert_eq!(error.code, base::Code::SignInRefused);
    assert!(error.message.ends_with("(AADSTS424242)"), "{error}");
    assert_eq!(error.remote.unwrap().message.unwrap(), "AADSTS424242: Something new.");
}

#[test]
fn details_say_more_than_the_code() {
    let world = World::new();
    let admin = password();
    world.fake.graph([Reply::json(
        400,
        &serde_json::json!({"error": {"code": "Request_BadRequest", "message": "Another object",
            "details": [{"code": "ObjectConflict", "message": "m", "target": "t"}]}}),
    )]);
    let error = world.run(async {
        let graph = world.client.quiet().graph(&admin);
        graph.principal(PrincipalRef::Id(super::fake::APP)).await.unwrap_err()
    });
    assert_eq!(error.code, base::Code::GraphConflict);
    assert_eq!(error.remote.unwrap().code.as_deref(), Some("ObjectConflict"));
}
