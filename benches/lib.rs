//! What the benchmarks share: spans of time taken many times over, and how they are printed.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark measures the machine's time, not that of a world, and prints what it measured"
)]

use std::time::{Duration, Instant};

/// Spans of time of the same thing, shortest first.
#[derive(Clone, Debug)]
pub struct Sample(Vec<Duration>);

impl Sample {
    /// A sample of these spans; there must be one at least.
    pub fn new(mut spans: Vec<Duration>) -> Self {
        assert!(!spans.is_empty(), "nothing was measured");
        spans.sort();
        Self(spans)
    }

    /// Does something `times` times.
    pub fn of(times: usize, mut what: impl FnMut()) -> Self {
        Self::new((0..times).map(|_| span(&mut what)).collect())
    }

    /// The span in the middle.
    pub fn median(&self) -> Duration {
        self.at(50)
    }

    /// The span that nine of ten do not exceed.
    pub fn ninth_decile(&self) -> Duration {
        self.at(90)
    }

    /// The shortest span: what the thing itself costs, with the least of the machine's other work.
    pub fn least(&self) -> Duration {
        self.0[0]
    }

    fn at(&self, percent: usize) -> Duration {
        self.0[(self.0.len() - 1) * percent / 100]
    }
}

/// How long it takes once.
pub fn span(what: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    what();
    begun.elapsed()
}

/// A heading of what follows.
pub fn heading(text: &str) {
    println!("\n{text}");
}

/// A line with a sample and how it compares to a baseline: `1.0×` is the baseline itself.
pub fn line(what: &str, sample: &Sample, baseline: (&str, Duration)) {
    let (name, unit) = baseline;
    println!(
        "  {what:<44} {:>10}  (least {}, 9 of 10 within {})  {} {name}",
        shown(sample.median()),
        shown(sample.least()),
        shown(sample.ninth_decile()),
        ratio(sample.median(), unit),
    );
}

/// A line with one number that was worked out from others.
pub fn note(what: &str, value: &str) {
    println!("  {what:<44} {value:>10}");
}

/// How often `unit` fits into `span`.
pub fn ratio(span: Duration, unit: Duration) -> String {
    let times = span.as_secs_f64() / unit.as_secs_f64();
    if times < 0.1 { format!("{times:.4}×") } else { format!("{times:.1}×") }
}

/// A span with three or four digits.
pub fn shown(span: Duration) -> String {
    let seconds = span.as_secs_f64();
    match seconds {
        1.0.. => format!("{seconds:.2} s"),
        0.001.. => format!("{:.1} ms", seconds * 1e3),
        0.000_001.. => format!("{:.1} µs", seconds * 1e6),
        _ => format!("{:.0} ns", seconds * 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_ordered() {
        let millis = [5, 1, 4, 2, 3].map(Duration::from_millis);
        let sample = Sample::new(millis.to_vec());
        assert_eq!(sample.median(), Duration::from_millis(3));
        assert_eq!(sample.least(), Duration::from_millis(1));
        assert_eq!(sample.ninth_decile(), Duration::from_millis(4));
    }

    #[test]
    fn spans_are_shown_with_their_unit() {
        let shown = [1_500_000_000, 12_340_000, 1_500, 7].map(Duration::from_nanos).map(shown);
        assert_eq!(shown, ["1.50 s", "12.3 ms", "1.5 µs", "7 ns"]);
        assert_eq!(ratio(Duration::from_millis(30), Duration::from_millis(10)), "3.0×");
        assert_eq!(ratio(Duration::from_millis(1), Duration::from_millis(100)), "0.0100×");
    }
}
