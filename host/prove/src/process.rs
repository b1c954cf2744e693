//! Processes of a virtual host: their death, and their successors.

use base::virtual_world::{Fate, Operation};
use base::{Process, Result, Timestamp};

use crate::host::Host;

impl Host {
    /// Another process of this host, beside this one: over the same disk, database, key files and
    /// tenant.
    ///
    /// # Errors
    /// As opening the state answers.
    pub fn another_process(&self) -> Result<Self> {
        let world = self.world.next_process();
        let ports = world.ports();
        let software = self.software.in_process(&world);
        let store = ports.executor.block_on(self.store.reopen(&ports))?;
        Self::over(world, self.common.clone(), software, store)
    }

    /// Kills this process where it still lives, and starts the next one.
    ///
    /// # Errors
    /// As [`Host::another_process`].
    pub fn restart(self) -> Result<Self> {
        self.kill();
        self.another_process()
    }

    /// Boots the machine, which kills all of its processes, and starts the first one after that.
    ///
    /// # Errors
    /// As [`Host::another_process`].
    pub fn reboot(self) -> Result<Self> {
        self.world.reboot();
        self.another_process()
    }

    /// The host's files turn up on another machine: a clone, or a restored backup.
    ///
    /// # Errors
    /// As [`Host::another_process`].
    pub fn move_to_machine(self, machine_id: &str) -> Result<Self> {
        self.world.reboot();
        self.world.set_machine_id(machine_id);
        self.another_process()
    }

    /// Sets the machine's wall clock; nothing else of time changes.
    pub fn set_clock(&self, wall: Timestamp) {
        self.world.set_clock(wall);
    }

    /// Kills this process, as SIGKILL would.
    pub fn kill(&self) {
        self.world.process.kill();
    }

    /// Whether this process lives.
    pub fn is_alive(&self) -> bool {
        self.world.process.is_alive()
    }

    /// The number of this process.
    pub fn pid(&self) -> u32 {
        self.world.process.identity().pid
    }

    /// Plans what happens at an operation of the next run (from 1; see [`Host::operations`]), or at
    /// the first one after it to which it applies. With that run the plan ends.
    pub fn plan(&self, operation: usize, fate: Fate) {
        self.world.process.plan(operation, fate);
    }

    /// What the last run did that can have had an effect, in order.
    pub fn operations(&self) -> Vec<Operation> {
        self.world.process.operations()
    }
}
