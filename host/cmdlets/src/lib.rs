//! Cmdlets: the host functions of scripts, one file each.
//!
//! The list at the end of this file is the only one. A folder is a topic of the help; a file is a
//! cmdlet.

pub mod certificate_files;
pub mod certificates;
pub mod cmdlet;
pub mod context;
pub mod events;
pub mod evidence;
pub mod parameter;
pub mod registration;
pub mod registry;
pub mod removal;
pub mod scheduling;
pub mod sign_in;
pub mod sync_job;
pub mod types;
pub mod views;

pub use cmdlet::{About, AnyCmdlet, Cmdlet, Example, Replay, Shows};
pub use context::{Call, Context};

macro_rules! registry {
    ($($(#[doc = $doc:literal])+ $topic:ident { $($file:ident: $cmdlet:ident,)+ })+) => {
        $(
            $(#[doc = $doc])+
            pub mod $topic {
                $(pub mod $file;)+
            }
        )+

        /// Every cmdlet, by topic.
        pub static TOPICS: &[(&str, &[&dyn AnyCmdlet])] = &[
            $((
                stringify!($topic),
                &[$(&cmdlet::Registered::<$topic::$file::$cmdlet>::new(),)+],
            ),)+
        ];
    };
}

registry! {
    /// The tenant and its administrator.
    tenant {
        connect_tenant: ConnectTenant,
        disconnect_tenant: DisconnectTenant,
        check_prerequisites: CheckPrerequisites,
        check_run: CheckRun,
    }
    /// Connectors of this host.
    connector {
        find_connectors: FindConnectors,
        get_connector_credential: GetConnectorCredential,
        add_connector: AddConnector,
        set_connector: SetConnector,
        link_service_account: LinkServiceAccount,
        remove_connector: RemoveConnector,
    }
    /// The scheduler of a connector, and its cycles.
    scheduler {
        get_scheduler: GetScheduler,
        set_scheduler: SetScheduler,
        pause_scheduler: PauseScheduler,
        resume_scheduler: ResumeScheduler,
        start_sync_cycle: StartSyncCycle,
        find_sync_runs: FindSyncRuns,
    }
    /// Certificates and credentials.
    credential {
        prepare_credential: PrepareCredential,
        test_credential: TestCredential,
        get_certificate: GetCertificate,
        remove_certificate: RemoveCertificate,
        remove_private_key: RemovePrivateKey,
    }
    /// Applications in the tenant.
    application {
        add_app_registration: AddAppRegistration,
        link_app_registration: LinkAppRegistration,
        remove_app_key: RemoveAppKey,
        remove_app_role_assignment: RemoveAppRoleAssignment,
        remove_service_principal: RemoveServicePrincipal,
        remove_application: RemoveApplication,
    }
    /// Events of this host.
    event {
        find_events: FindEvents,
    }
    /// The script and its admin.
    script {
        say: Say,
        confirm: Confirm,
        now: Now,
        sleep: Sleep,
    }
}
