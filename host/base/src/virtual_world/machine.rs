//! The machine that processes run on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::life::Life;
use super::locked;
use super::process::Program;
use crate::clock::{BootTime, Timestamp};
use crate::process::ProcessIdentity;

/// How long a machine has been up when its world begins.
const UPTIME: Duration = Duration::from_secs(60 * 60);

/// What the processes of one machine share.
pub(super) struct Machine {
    pub(super) variables: Arc<Mutex<HashMap<String, String>>>,
    pub(super) programs: Arc<Mutex<HashMap<String, Program>>>,
    state: Mutex<State>,
}

struct State {
    id: String,
    boot: u32,
    /// On the world's clock.
    booted_at: Timestamp,
    /// How far the wall clock is ahead of the world's clock, in milliseconds.
    wall_ahead: i64,
    last_pid: u32,
    last_serial: u64,
    processes: HashMap<u32, Arc<Life>>,
}

impl Machine {
    /// A machine in a world whose clock reads `now`.
    pub(super) fn new(now: Timestamp) -> Arc<Self> {
        Arc::new(Self {
            variables: Arc::default(),
            programs: Arc::default(),
            state: Mutex::new(State {
                id: "00000000000000000000000000000001".to_owned(),
                boot: 1,
                booted_at: now.minus(UPTIME),
                wall_ahead: 0,
                last_pid: 0,
                last_serial: 0,
                processes: HashMap::new(),
            }),
        })
    }

    pub(super) fn id(&self) -> String {
        locked(&self.state).id.clone()
    }

    pub(super) fn set_id(&self, id: &str) {
        id.clone_into(&mut locked(&self.state).id);
    }

    /// Starts a process.
    pub(super) fn start(&self) -> (ProcessIdentity, Arc<Life>) {
        let mut state = locked(&self.state);
        state.last_pid += 1;
        state.last_serial += 1;
        let pid = state.last_pid;
        let life = Arc::new(Life::new(state.last_serial));
        state.processes.insert(pid, life.clone());
        (ProcessIdentity { pid, started: u64::from(pid) }, life)
    }

    pub(super) fn is_running(&self, process: &ProcessIdentity) -> bool {
        let state = locked(&self.state);
        process.started == u64::from(process.pid)
            && state.processes.get(&process.pid).is_some_and(|life| life.is_alive())
    }

    /// Another boot: every process is gone, and numbers of processes begin again, as does the
    /// boot-time clock.
    pub(super) fn reboot(&self, now: Timestamp) {
        let gone = {
            let mut state = locked(&self.state);
            state.boot += 1;
            state.booted_at = now;
            state.last_pid = 0;
            std::mem::take(&mut state.processes)
        };
        gone.into_values().for_each(|life| life.kill());
    }

    /// The wall clock, where the world's clock reads `now`.
    pub(super) fn wall(&self, now: Timestamp) -> Timestamp {
        let ahead = locked(&self.state).wall_ahead;
        Timestamp::from_millis(now.as_millis().saturating_add(ahead))
    }

    pub(super) fn set_wall(&self, now: Timestamp, wall: Timestamp) {
        locked(&self.state).wall_ahead = wall.as_millis().saturating_sub(now.as_millis());
    }

    pub(super) fn boot_time(&self, now: Timestamp) -> BootTime {
        let state = locked(&self.state);
        BootTime {
            boot_id: format!("virtual-boot-{}", state.boot),
            millis: now.as_millis().saturating_sub(state.booted_at.as_millis()),
        }
    }
}
