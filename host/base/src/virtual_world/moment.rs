//! What a process does to its world, counted, and what can be planned to go wrong with it.

use std::fmt;
use std::str::FromStr;

/// The kinds of acts that can have an effect outside a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A file is written.
    Write,
    /// A folder is made that was not there.
    CreateFolder,
    /// A file or a folder is removed.
    Remove,
    /// A transaction of the database is committed.
    Commit,
    /// A request is sent.
    Request,
    /// A program is run.
    Program,
}

impl Kind {
    /// The kind in one word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Write => "write",
            Kind::CreateFolder => "create",
            Kind::Remove => "remove",
            Kind::Commit => "commit",
            Kind::Request => "request",
            Kind::Program => "program",
        }
    }

    /// Whether it needs the disk.
    pub const fn is_of_disk(self) -> bool {
        matches!(self, Kind::Write | Kind::CreateFolder | Kind::Remove | Kind::Commit)
    }
}

/// One act of a process that can have an effect outside of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Counts the operations of the process since [`VirtualProcess::count_anew`], from 1.
    ///
    /// [`VirtualProcess::count_anew`]: super::VirtualProcess::count_anew
    pub number: usize,
    /// What kind of act it is.
    pub kind: Kind,
    /// The path, method and path, or program.
    pub text: String,
    /// What met it, of what was planned.
    pub fate: Option<Fate>,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.number, self.kind.as_str(), self.text)
    }
}

macro_rules! fates {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal;)+) => {
        /// What happens at an operation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Fate { $($(#[doc = $doc])+ $name,)+ }

        impl Fate {
            /// All of them.
            pub const ALL: &'static [Fate] = &[$(Fate::$name,)+];

            /// The name, as a test's case spells it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Fate::$name => $text,)+ }
            }
        }
    };
}

fates! {
    /// The process dies, and nothing of the operation happens.
    KillBefore = "kill_before";
    /// The operation is done, and then the process dies: it never hears an answer. A commit is done
    /// after the last thing that the process is asked, so there death comes with the next operation.
    KillAfter = "kill_after";
    /// There is no space on the disk, this once.
    DiskFull = "disk_full";
    /// There is no space on the disk from here on.
    DiskStaysFull = "disk_stays_full";
    /// The disk fails, this once.
    IoError = "io_error";
    /// Whatever would write to the disk fails from here on.
    WritesFail = "writes_fail";
    /// The request is done, and its answer is lost.
    AnswerLost = "answer_lost";
    /// The request cannot be sent.
    NotSent = "not_sent";
    /// The request is refused for load; nothing is done.
    Throttled = "throttled";
}

impl Fate {
    /// Whether it can meet an operation of that kind.
    pub const fn applies_to(self, kind: Kind) -> bool {
        match self {
            Fate::KillBefore | Fate::KillAfter => true,
            Fate::DiskFull | Fate::DiskStaysFull => {
                matches!(kind, Kind::Write | Kind::CreateFolder | Kind::Commit)
            }
            Fate::IoError | Fate::WritesFail => kind.is_of_disk(),
            Fate::AnswerLost | Fate::NotSent | Fate::Throttled => matches!(kind, Kind::Request),
        }
    }

    /// Whether the process dies of it.
    pub const fn is_death(self) -> bool {
        matches!(self, Fate::KillBefore | Fate::KillAfter)
    }

    /// Whether it meets the operations after the first one, too.
    pub const fn lasts(self) -> bool {
        matches!(self, Fate::DiskStaysFull | Fate::WritesFail)
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Fate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Fate::ALL.iter().copied().find(|fate| fate.as_str() == text);
        found.ok_or_else(|| format!("there is no fate '{text}'"))
    }
}
