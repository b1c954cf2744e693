//! Where everything lies that the program keeps, and who owns it.

use std::path::{Path, PathBuf};

use base::disk::FileKind;
use base::process::User;
use base::{Code, Diagnostic, Ports, Result};

/// The state of root and of the service user.
const SYSTEM_STATE: &str = "/var/lib/credwright";
/// The configuration of the whole system.
const SYSTEM_CONFIGURATION: &str = "/etc/credwright";
/// The account that a packaged service runs as.
const SERVICE_USER: &str = "credwright";
/// The anchor's file, beside the state.
const AUDIT_ANCHOR: &str = "audit-anchor.json";
/// The project folder: where the command is given.
const PROJECT: &str = ".";

/// Where everything lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The folder that was asked for with `--home` or `CREDWRIGHT_HOME`.
    pub home: Option<PathBuf>,
    /// Database, lock, keys, certificates, history.
    pub state: PathBuf,
    /// The end of the audit chain, outside the state on purpose.
    pub audit_anchor: PathBuf,
    /// The sandbox tenant.
    pub sandbox: PathBuf,
    /// The machine's certificate store.
    pub machine_certificates: PathBuf,
    /// Configuration files, most personal first.
    pub configurations: Vec<PathBuf>,
    /// Folders that are searched for `scripts` and `stdlib`, first hit wins; what is bundled comes
    /// after them.
    pub library: Vec<PathBuf>,
    /// Where `scripts copy` puts an editable copy.
    pub own_scripts: PathBuf,
}

impl Places {
    /// Finds the places for this user. `retyped` is the command as typed, with what would let it
    /// work put in front.
    ///
    /// # Errors
    /// [`Code::StateFolder`] where this user would make a second state beside the system's, or has
    /// no place to keep anything.
    pub fn find(
        home: Option<&Path>,
        ports: &Ports,
        retyped: &dyn Fn(&str) -> String,
    ) -> Result<Self> {
        let named = home.map(Path::to_owned).or_else(|| variable(ports, "CREDWRIGHT_HOME"));
        match named {
            Some(home) if home.as_os_str().is_empty() => {
                Err(Diagnostic::new(Code::UsageCommand, "The home folder's name is empty")
                    .next("Name a folder: --home DIR"))
            }
            Some(home) => Ok(Self::under(&absolute(&home)?)),
            None => Self::of_user(ports, retyped),
        }
    }

    /// All of it in one folder.
    fn under(home: &Path) -> Self {
        Self {
            home: Some(home.to_owned()),
            state: home.join("state"),
            audit_anchor: home.join(AUDIT_ANCHOR),
            sandbox: home.join("sandbox"),
            machine_certificates: home.join("machine/certificates"),
            configurations: vec![home.join("config.toml")],
            library: vec![PathBuf::from(PROJECT), home.to_owned()],
            own_scripts: home.join("scripts"),
        }
    }

    fn of_user(ports: &Ports, retyped: &dyn Fn(&str) -> String) -> Result<Self> {
        let user = ports.process.user();
        let system_owner = ports.disk.status(&Path::new(SYSTEM_STATE).join("state")).ok();
        let serves = user.id == 0
            || user.name == SERVICE_USER
            || system_owner.as_ref().is_some_and(|status| status.owner == user.id);
        if serves {
            return Ok(Self::of_system());
        }
        let base = variable(ports, "XDG_STATE_HOME")
            .filter(|path| path.is_absolute())
            .or_else(|| user.home.as_ref().map(|home| home.join(".local/state")))
            .ok_or_else(|| no_home(&user))?
            .join("credwright");
        if system_owner.is_some() && ports.disk.status(&base.join("state")).is_err() {
            return Err(second_state(&user, retyped));
        }
        let configuration = variable(ports, "XDG_CONFIG_HOME")
            .filter(|path| path.is_absolute())
            .or_else(|| user.home.as_ref().map(|home| home.join(".config")))
            .ok_or_else(|| no_home(&user))?
            .join("credwright");
        let system = Path::new(SYSTEM_CONFIGURATION);
        Ok(Self {
            home: None,
            state: base.join("state"),
            audit_anchor: base.join(AUDIT_ANCHOR),
            sandbox: base.join("sandbox"),
            machine_certificates: system.join("certificates"),
            configurations: vec![configuration.join("config.toml"), system.join("config.toml")],
            library: vec![PathBuf::from(PROJECT), configuration.clone(), system.to_owned()],
            own_scripts: configuration.join("scripts"),
        })
    }

    fn of_system() -> Self {
        let (state, system) = (Path::new(SYSTEM_STATE), Path::new(SYSTEM_CONFIGURATION));
        Self {
            home: None,
            state: state.join("state"),
            audit_anchor: state.join(AUDIT_ANCHOR),
            sandbox: state.join("sandbox"),
            machine_certificates: system.join("certificates"),
            configurations: vec![system.join("config.toml")],
            library: vec![PathBuf::from(PROJECT), system.to_owned()],
            own_scripts: system.join("scripts"),
        }
    }

    /// Checks that the state folder, where there is one, is this user's.
    ///
    /// # Errors
    /// [`Code::StateFolder`] with the exact command to type instead.
    pub fn check_owner(&self, ports: &Ports, retyped: &dyn Fn(&str) -> String) -> Result<()> {
        let owner = match ports.disk.status(&self.state) {
            // What else may be wrong with it is told when it is opened.
            Ok(status) if status.kind == FileKind::Folder => status.owner,
            _ => return Ok(()),
        };
        let user = ports.process.user();
        if owner == user.id {
            return Ok(());
        }
        let shown = self.state.display();
        let message =
            format!("The state folder {shown} belongs to user {owner}, not to {}", user.name);
        Err(Diagnostic::new(Code::StateFolder, message)
            .meaning("Files that another user leaves there would be out of reach for its owner.")
            .next(retyped(&format!("sudo -u '#{owner}' "))))
    }
}

/// A folder as it is known from everywhere: what is kept in it names others by their whole path.
///
/// # Errors
/// [`Code::DiskFailed`] where the current folder is gone.
pub fn absolute(folder: &Path) -> Result<PathBuf> {
    std::path::absolute(folder).map_err(|error| {
        let shown = folder.display();
        Diagnostic::new(Code::DiskFailed, format!("It is not known where {shown} is")).cause(error)
    })
}

fn variable(ports: &Ports, name: &str) -> Option<PathBuf> {
    ports.process.environment(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn no_home(user: &User) -> Diagnostic {
    Diagnostic::new(Code::StateFolder, format!("The user {} has no home folder", user.name))
        .next("Name a folder to keep everything in: --home DIR")
}

fn second_state(user: &User, retyped: &dyn Fn(&str) -> String) -> Diagnostic {
    Diagnostic::new(
        Code::StateFolder,
        format!("This system keeps its state in {SYSTEM_STATE}, which is not {}'s", user.name),
    )
    .meaning("A second state beside it would know nothing of the connectors in the first.")
    .next(retyped("sudo "))
}

#[cfg(test)]
mod tests {
    use base::virtual_world::VirtualWorld;

    use super::*;

    fn world() -> VirtualWorld {
        VirtualWorld::new(1, base::Timestamp::from_seconds(1)).unwrap()
    }

    fn retyped(prefix: &str) -> String {
        format!("{prefix}credwright run onboard")
    }

    fn find(world: &VirtualWorld) -> Result<Places> {
        Places::find(None, &world.ports(), &retyped)
    }

    #[test]
    fn a_home_holds_everything() {
        let world = world();
        world
            .process
            .variables
            .lock()
            .unwrap()
            .insert("CREDWRIGHT_HOME".to_owned(), "/h".to_owned());
        let places = find(&world).unwrap();
        for path in [&places.state, &places.sandbox, &places.machine_certificates] {
            assert!(path.starts_with("/h"), "{path:?}");
        }
        let other = Places::find(Some(Path::new("/o")), &world.ports(), &retyped).unwrap();
        assert_eq!(other.state, Path::new("/o/state"));
    }

    #[test]
    fn a_user_keeps_state_in_the_xdg_folder() {
        let world = world();
        let places = find(&world).unwrap();
        assert_eq!(places.state, Path::new("/home/admin/.local/state/credwright/state"));
        assert_eq!(places.configurations[1], Path::new("/etc/credwright/config.toml"));
    }

    #[test]
    fn no_second_state_beside_the_systems() {
        let world = world();
        let system = Path::new("/var/lib/credwright/state");
        world.ports().disk.create_folder(system, 0o700).unwrap();
        world.disk.set_status(system, |status| status.owner = 0);
        let error = find(&world).unwrap_err();
        assert_eq!(error.next.as_deref(), Some("sudo credwright run onboard"));

        // The system's owner uses it, and a user who has a state already keeps it.
        world.disk.set_status(system, |status| status.owner = 1000);
        assert_eq!(find(&world).unwrap().state, system);
        world.disk.set_status(system, |status| status.owner = 0);
        let own = Path::new("/home/admin/.local/state/credwright/state");
        world.ports().disk.create_folder(own, 0o700).unwrap();
        assert_eq!(find(&world).unwrap().state, own);
    }

    #[test]
    fn the_owner_is_checked() {
        let world = world();
        let ports = world.ports();
        let places = Places::under(Path::new("/h"));
        places.check_owner(&ports, &retyped).unwrap();
        ports.disk.create_folder(&places.state, 0o700).unwrap();
        places.check_owner(&ports, &retyped).unwrap();
        world.disk.set_status(&places.state, |status| status.owner = 8);
        let error = places.check_owner(&ports, &retyped).unwrap_err();
        assert_eq!(error.next.as_deref(), Some("sudo -u '#8' credwright run onboard"));
    }
}
