//! Points drawn from a seed.

use std::sync::mpsc::channel;
use std::time::Duration;

/// A fixed sequence of numbers (SplitMix64).
pub struct Draw(u64);

impl Draw {
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Whether it happens, `times` in `of` times.
    pub fn happens(&mut self, times: u64, of: u64) -> bool {
        self.below(of) < times
    }
}

/// Where a process is killed: after so many lines that it says, and a while later, so that it also dies
/// between what it says.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    pub lines: usize,
    later: Later,
}

#[derive(Clone, Copy, Debug)]
enum Later {
    /// So many rounds of computing: far below a millisecond, up to a few of them.
    Rounds(u32),
    /// Milliseconds, into the waits for replicas.
    Millis(u64),
}

impl Point {
    /// Draws one after less than `lines` lines.
    pub fn drawn(draw: &mut Draw, lines: u64) -> Self {
        let lines = usize::try_from(draw.below(lines)).unwrap();
        let later = match draw.below(3) {
            0 => Later::Millis(draw.below(600)),
            // As often tiny as long: most of what is done takes microseconds.
            _ => Later::Rounds(1 << draw.below(18)),
        };
        Self { lines, later }
    }

    /// Lets that while pass. Nothing relies on how long it is.
    pub fn pass(self) {
        match self.later {
            Later::Rounds(rounds) => {
                let mut draw = Draw::of(u64::from(rounds));
                for _ in 0..rounds {
                    std::hint::black_box(draw.next());
                }
            }
            Later::Millis(millis) => {
                let (_silent, heard) = channel::<()>();
                let _ = heard.recv_timeout(Duration::from_millis(millis));
            }
        }
    }
}
