//! What two pinned processes make of the machine: raw limits, round trips and streams through the public
//! API. Takes no arguments; `cargo bench --bench conversation`.

#[cfg(loom)]
fn main() {}

#[cfg(not(loom))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    not_loom::main()
}

#[cfg(not(loom))]
mod not_loom {
    use mailbox::{Config, Wait};
    use measure::Times;
    use std::error::Error;

    const CONFIG: Config = Config::ranks(2);
    const ROUNDS: u32 = 1_000_000;
    const REPEATS: u32 = 3;
    const SHARES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];
    /// About a second each.
    const STREAMS: [(usize, u64); 5] =
        [(8, 100_000_000), (48, 50_000_000), (256, 20_000_000), (4096, 3_000_000), (65536, 200_000)];

    pub fn main() -> Result<(), Box<dyn Error>> {
        measure::pin(0);
        round_trips()?;
        streams()
    }

    fn round_trips() -> Result<(), Box<dyn Error>> {
        println!("round trip, ns; both spin; ratios to two lines");
        let shares = SHARES.map(|(name, _)| format!("{name:>9}{:>7}", "ratio")).concat();
        println!("{:<22}{shares}", "");
        let sizes = [8, 48, 256, 4096];
        let (mut one, mut two) = (Times::default(), Times::default());
        let mut ours = sizes.map(|_| Times::default());
        // In turn, so that all have the same weather.
        for _ in 0..REPEATS {
            one.merge(&measure::one_line(ROUNDS)?);
            two.merge(&measure::two_lines(ROUNDS)?);
            for (bytes, times) in sizes.iter().zip(&mut ours) {
                times.merge(&measure::round_trip(CONFIG, *bytes, ROUNDS, Wait::Spin)?);
            }
        }
        line("one line, raw", &one, &two);
        line("two lines, raw", &two, &two);
        for (bytes, times) in sizes.iter().zip(&ours) {
            line(&format!("mailbox, {bytes} B"), times, &two);
        }
        Ok(())
    }

    fn line(what: &str, times: &Times, limit: &Times) {
        let columns = SHARES.map(|(_, share)| {
            let time = times.quantile(share).as_secs_f64();
            format!("{:>9.0}{:>7.2}", time * 1e9, time / limit.quantile(share).as_secs_f64())
        });
        println!("{what:<22}{}", columns.concat());
    }

    fn streams() -> Result<(), Box<dyn Error>> {
        println!("\nstream one way, default settings, {REPEATS} runs");
        println!("{:<22}{:>9}{:>9}{:>9}{:>9}", "", "median", "least", "most", "median");
        println!("{:<22}{:>9}{:>9}{:>9}{:>9}", "", "M/s", "M/s", "M/s", "GB/s");
        for (bytes, messages) in STREAMS {
            let mut rates = Vec::new();
            for _ in 0..REPEATS {
                rates.push(measure::stream(CONFIG, bytes, messages, Wait::default())?.rate() / 1e6);
            }
            rates.sort_by(f64::total_cmp);
            let [least, median, most] = [rates[0], rates[rates.len() / 2], rates[rates.len() - 1]];
            let bandwidth = median * bytes as f64 / 1e3;
            let what = format!("mailbox, {bytes} B");
            println!("{what:<22}{median:>9.2}{least:>9.2}{most:>9.2}{bandwidth:>9.2}");
        }
        Ok(())
    }
}
