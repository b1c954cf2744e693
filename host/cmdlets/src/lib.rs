//! Cmdlets: the host functions of scripts, one file each.
//!
//! The list at the end of this file is the only one. A folder is a topic of the help; a file is a
//! cmdlet.

pub mod cmdlet;
pub mod context;
pub mod parameter;
pub mod registry;
pub mod types;

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
    /// The script and its admin.
    script {
        say: Say,
        confirm: Confirm,
        now: Now,
        sleep: Sleep,
    }
}
