//! Which model is better at which job, in this run.

use super::report::{Figures, Report, Verdict, Victory};
use super::task::Model;

/// What does the same for a job in each model: an addition that says the value, an item, a frame.
const PAIRS: [(&str, [&str; 2]); 3] = [
    ("counter", ["atomic", "call"]),
    ("bounded buffer", ["mutex, events", "send, receive"]),
    ("game loop", ["mutex, events", "send, receive"]),
];

/// Of all jobs.
pub fn all(report: &Report) -> Vec<Verdict> {
    PAIRS
        .iter()
        .map(|(job, [shared, messages])| verdict(report.of(job, shared), report.of(job, messages)))
        .collect()
}

fn verdict(shared: &Figures, messages: &Figures) -> Verdict {
    // A higher rate is better, and a shorter time.
    let shorter = |of: fn(&Figures) -> f64| victory(of(messages), of(shared));
    Verdict {
        job: shared.job.clone(),
        means: [shared.means.clone(), messages.means.clone()],
        p50: shorter(|of| of.p50_ns),
        p99: shorter(|of| of.p99_ns),
        per_second: victory(shared.per_second, messages.per_second),
    }
}

/// Who has more, and how many times.
fn victory(shared: f64, messages: f64) -> Victory {
    let factor = shared.max(f64::MIN_POSITIVE) / messages.max(f64::MIN_POSITIVE);
    let better = if factor < 1.0 { Model::Messages } else { Model::SharedMemory };
    Victory { better, times: factor.max(1.0 / factor) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_one_is_so_many_times_better() {
        let found = [(8.0, 2.0), (2.0, 8.0), (3.0, 3.0)].map(|(shared, messages)| victory(shared, messages));
        let found = found.map(|victory| (victory.better, victory.times));
        assert_eq!(found, [(Model::SharedMemory, 4.0), (Model::Messages, 4.0), (Model::SharedMemory, 1.0)]);
    }
}
