//! `credwright tenant`: serving, showing and resetting the sandbox.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use base::{Code, Diagnostic, Result};
use cmdlets::context::Tenants;
use serde_json::{Value, json};
use tenant::{Opened, Overview, Sandbox};

use crate::answer::{Answer, Document, TenantName};
use crate::cli::Tenant;
use crate::commands::reset;
use crate::host::Host;
use crate::places;
use crate::show::table::{pairs, table};
use crate::world::World;

/// `credwright tenant`.
///
/// # Errors
/// What the sandbox, the state or an answer stands in the way of.
pub fn tenant(world: &World, what: Tenant) -> Result<Answer> {
    match what {
        Tenant::Serve { listen, data, describe } => {
            serve(world, &listen, data, describe.as_deref())
        }
        Tenant::Reset => reset::reset(world),
        Tenant::Show => show(world),
    }
}

fn serve(
    world: &World,
    listen: &str,
    data: Option<PathBuf>,
    describe: Option<&Path>,
) -> Result<Answer> {
    let address: SocketAddr = listen.parse().map_err(|_| {
        Diagnostic::new(Code::UsageCommand, format!("'{listen}' is no address to listen on"))
            .next("Give address and port: --listen 127.0.0.1:0")
    })?;
    let folder = match data {
        Some(folder) => places::absolute(&folder)?,
        None => world.places()?.sandbox.clone(),
    };
    let sandbox = match Sandbox::open(&world.ports, &folder)? {
        Opened::Owner(sandbox) => sandbox,
        Opened::Served(file) => {
            return Err(Diagnostic::new(
                Code::TenantSandbox,
                format!("Another process has the sandbox tenant in {}", folder.display()),
            )
            .next(format!("Use that one: --tenant {}", file.display())));
        }
    };
    world.wait(async {
        let served = sandbox.serve(address).await?;
        if let Some(file) = describe
            && let Err(error) = served.write_description(file)
        {
            served.shutdown().await?;
            return Err(error);
        }
        let described = served.describe();
        let name =
            TenantName { id: described.tenant_id.to_string(), name: described.name, sandbox: true };
        let line = format!("Serving the {} at {}", name.line(), described.authority);
        let document = Document {
            tenant: Some(name),
            value: json!({ "authority": described.authority, "graph": described.graph }),
            ..Document::default()
        };
        // Whoever started it waits for this line, so it cannot wait for the end of the command.
        Answer { document, text: line, is_printed: false }.print(&world.screen);
        world.interrupt.requested().await;
        served.shutdown().await
    })?;
    Ok(Answer::printed())
}

fn show(world: &World) -> Result<Answer> {
    let engine = world.engine()?;
    let host = Host::open(world, &engine)?;
    if host.view.is_embedded() && !folder_exists(world)? {
        return Err(Diagnostic::new(Code::TenantSandbox, "There is no sandbox tenant yet")
            .next("The first run makes it: credwright run onboard"));
    }
    world.wait(host.view.open())?;
    let name = host.view.name()?;
    let answer = match host.view.sandbox() {
        Some(sandbox) => overview(world, &sandbox.show())?,
        None => elsewhere(world, &host)?,
    };
    world.wait(host.view.close());
    Ok(answer.of(Some(name)))
}

fn folder_exists(world: &World) -> Result<bool> {
    match world.ports.disk.status(&world.places()?.sandbox) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        _ => Ok(true),
    }
}

/// What is known of a tenant that another process, or Microsoft, keeps.
fn elsewhere(world: &World, host: &Host<'_>) -> Result<Answer> {
    let tenant = world.wait(host.view.open())?;
    let authority = tenant.client.authority();
    let rows = [
        ("tenant", tenant.name.clone()),
        ("id", tenant.id.clone()),
        ("sandbox", if tenant.sandbox { "yes" } else { "no" }.to_owned()),
        ("authority", authority.login().to_string()),
        ("graph", authority.graph().to_string()),
    ];
    let value: Value =
        rows.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let rows = rows.map(|(name, value)| (name.to_owned(), value));
    Ok(Answer::new(value, pairs(rows, world.screen.form())))
}

fn overview(world: &World, shown: &Overview) -> Result<Answer> {
    let form = world.screen.form();
    let value = serde_json::to_value(shown).map_err(|error| {
        Diagnostic::new(Code::Internal, "The tenant cannot be written as JSON").source(&error)
    })?;
    let head = pairs(
        [
            ("tenant".to_owned(), format!("{} (sandbox)", shown.name)),
            ("id".to_owned(), shown.tenant_id.to_string()),
            ("domains".to_owned(), shown.domains.join(", ")),
        ],
        form,
    );
    let applications = shown.applications.iter().map(|application| {
        let keys = application
            .keys
            .iter()
            .map(|key| format!("{} ends {} ({} days left)", key.thumbprint, key.end, key.days_left))
            .collect::<Vec<_>>();
        vec![application.name.clone(), application.app_id.to_string(), keys.join("\n")]
    });
    let grants = shown
        .grants
        .iter()
        .map(|grant| vec![grant.principal.clone(), grant.resource.clone(), grant.role.clone()]);
    let users = shown.users.iter().map(|user| {
        let roles = shown.roles.iter().filter(|role| role.members.contains(&user.upn));
        let roles = roles.map(|role| role.name.clone()).collect::<Vec<_>>().join(", ");
        let enabled = if user.enabled { "yes" } else { "no" };
        vec![user.upn.clone(), user.name.clone(), enabled.to_owned(), roles]
    });
    let text = [
        head,
        table(&["application", "client id", "key credentials"], applications, form),
        table(&["principal", "resource", "application role"], grants, form),
        table(&["user", "name", "may sign in", "directory roles"], users, form),
    ];
    Ok(Answer::new(value, text.join("\n\n")))
}
