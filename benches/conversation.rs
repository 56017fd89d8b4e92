//! What pinned processes make of the machine: raw limits, round trips, streams and a fan-in through the
//! public API. `cargo bench --bench conversation`, or some parts of it: `cargo bench --bench conversation -- shared fan-in`.

#[cfg(loom)]
fn main() {}

#[cfg(not(loom))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    not_loom::main()
}

#[cfg(not(loom))]
mod not_loom {
    use mailbox::{Config, Wait};
    use measure::{Crew, Stream, Taking, Times};
    use std::error::Error;

    const CONFIG: Config = Config::ranks(2);
    const ROUNDS: u32 = 1_000_000;
    const REPEATS: u32 = 3;
    const SHARES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];
    /// Short runs and many: some machines change their pace every few seconds.
    const RUNS: usize = 15;
    const STREAMS: [(usize, u64); 2] = [(256, 4_000_000), (4096, 500_000)];
    /// Compared with a ring of lines, in batches, and drained.
    const SMALL: [(usize, u64); 2] = [(8, 15_000_000), (48, 10_000_000)];
    const BATCH: u64 = 256;
    const CALLS: (usize, u64) = (48, 500_000);
    /// Compared with a copy through fixed slots, and with announced messages.
    const COPIED: (usize, u64) = (64 << 10, 30_000);
    const LARGE: (usize, u64) = (64 << 20, 30);
    const SELECTS: u32 = 10_000;
    /// Calls of each thread that calls.
    const SERVED: u64 = 20_000;
    const SENDERS: u32 = 8;
    const FAN_IN: (usize, u64) = (8, 100_000_000);

    type Part = fn() -> Result<(), Box<dyn Error>>;

    const PARTS: [(&str, Part); 6] = [
        ("round-trips", round_trips),
        ("calls", calls_at_once),
        ("streams", streams),
        ("selects", selects),
        ("shared", shared),
        ("fan-in", fan_in),
    ];

    pub fn main() -> Result<(), Box<dyn Error>> {
        // Cargo adds an option.
        let asked: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
        if let Some(unknown) = asked.iter().find(|asked| PARTS.iter().all(|(name, _)| name != asked)) {
            return Err(
                format!("there is no part {unknown}: {}", PARTS.map(|(name, _)| name).join(", ")).into()
            );
        }
        measure::pin(0);
        let is_asked = |name: &str| asked.is_empty() || asked.iter().any(|asked| asked == name);
        PARTS.iter().filter(|(name, _)| is_asked(name)).try_for_each(|(_, part)| part())
    }

    fn round_trips() -> Result<(), Box<dyn Error>> {
        println!("round trip, ns; both spin; ratios to two lines");
        let shares = SHARES.map(|(name, _)| format!("{name:>9}{:>7}", "ratio")).concat();
        println!("{:<22}{shares}", "");
        let sizes = [8, 48, 256, 4096];
        let (mut one, mut two) = (Times::default(), Times::default());
        let mut ours = sizes.map(|_| Times::default());
        let mut calls = sizes.map(|_| Times::default());
        // In turn, so that all have the same weather.
        for _ in 0..REPEATS {
            one.merge(&measure::one_line(ROUNDS)?);
            two.merge(&measure::two_lines(ROUNDS)?);
            for (bytes, times) in sizes.iter().zip(&mut ours) {
                times.merge(&measure::round_trip(CONFIG, *bytes, ROUNDS, Wait::Spin)?);
            }
            for (bytes, times) in sizes.iter().zip(&mut calls) {
                times.merge(&measure::calls(CONFIG, *bytes, ROUNDS, Wait::Spin)?);
            }
        }
        line("one line, raw", &one, &two);
        line("two lines, raw", &two, &two);
        for (bytes, times) in sizes.iter().zip(&ours) {
            line(&format!("mailbox, {bytes} B"), times, &two);
        }
        for (bytes, times) in sizes.iter().zip(&calls) {
            line(&format!("call, {bytes} B"), times, &two);
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

    fn calls_at_once() -> Result<(), Box<dyn Error>> {
        println!("\ncalls of 48 B, both spin, {RUNS} runs; ratio of rates to one at a time, run by run");
        println!("{:<22}{:>9}{:>9}{:>9}{:>9}{:>7}", "", "median", "least", "most", "median", "ratio");
        println!("{:<22}{:>9}{:>9}{:>9}{:>9}", "", "M/s", "M/s", "M/s", "GB/s");
        let (bytes, calls) = CALLS;
        let at_once = |count| move || measure::calls_at_once(CONFIG, bytes, calls, count, Wait::Spin);
        compare(&[
            ("one at a time", &at_once(1)),
            ("2 under way", &at_once(2)),
            ("8 under way", &at_once(8)),
            ("64 under way", &at_once(64)),
        ])
    }

    fn streams() -> Result<(), Box<dyn Error>> {
        println!(
            "\nstream one way, default settings, {RUNS} runs; ratio of GB/s to the first line of its group, run by run"
        );
        println!("{:<22}{:>9}{:>9}{:>9}{:>9}{:>7}", "", "median", "least", "most", "median", "ratio");
        println!("{:<22}{:>9}{:>9}{:>9}{:>9}", "", "M/s", "M/s", "M/s", "GB/s");
        let ours = |(bytes, messages)| measure::stream(CONFIG, bytes, messages, Wait::default());
        let batched =
            |(bytes, messages)| measure::stream_batched(CONFIG, bytes, messages, BATCH, Wait::default());
        let drained =
            |(bytes, messages)| measure::stream_drained(CONFIG, bytes, messages, BATCH, Wait::default());
        let each = |(bytes, messages)| match bytes {
            8 => measure::stream_of_each::<8>(CONFIG, messages, BATCH, Wait::default()),
            _ => measure::stream_of_each::<48>(CONFIG, messages, BATCH, Wait::default()),
        };
        for small in SMALL {
            compare(&[
                (&format!("lines, raw, {} B", small.0), &|| Ok(measure::lines(small.0, small.1)?)),
                (&format!("mailbox, {} B", small.0), &|| ours(small)),
                ("  in batches of 256", &|| batched(small)),
                ("  sent so, drained", &|| drained(small)),
                ("  by one call, drained", &|| each(small)),
            ])?;
        }
        for (bytes, messages) in STREAMS {
            compare(&[(&format!("mailbox, {bytes} B"), &|| ours((bytes, messages)))])?;
        }
        compare(&[
            ("slots, raw, 64 KiB", &|| Ok(measure::pipeline(COPIED.0, COPIED.1)?)),
            ("mailbox, 64 KiB", &|| ours(COPIED)),
            ("mailbox, 64 MiB", &|| measure::large(CONFIG, LARGE.0, LARGE.1, Wait::default())),
        ])
    }

    type Row<'a> = (&'a str, &'a dyn Fn() -> Result<Stream, Box<dyn Error>>);

    /// Runs the rows in turn, so that all have the same weather; each is compared with the first.
    fn compare(rows: &[Row<'_>]) -> Result<(), Box<dyn Error>> {
        let (mut rates, mut bandwidths, mut ratios) = (
            vec![Sorted::default(); rows.len()],
            vec![Sorted::default(); rows.len()],
            vec![Sorted::default(); rows.len()],
        );
        for _ in 0..RUNS {
            let mut first = None;
            for (row, (_, run)) in rows.iter().enumerate() {
                let stream = run()?;
                let bandwidth = stream.rate() * stream.bytes as f64 / 1e9;
                rates[row].add(stream.rate());
                bandwidths[row].add(bandwidth);
                match first {
                    None => first = Some(bandwidth),
                    Some(first) => ratios[row].add(bandwidth / first),
                }
            }
        }
        for (row, (what, _)) in rows.iter().enumerate() {
            let ratio = ratios[row].median().map_or(String::new(), |ratio| format!("{ratio:.2}"));
            let bandwidth = bandwidths[row].median().unwrap_or_default();
            println!("{}{bandwidth:>9.2}{ratio:>7}", rates[row].columns(what));
        }
        Ok(())
    }

    fn selects() -> Result<(), Box<dyn Error>> {
        println!("\na message of 8 B that is there, {RUNS} runs, ns; ratio to one from anyone, run by run");
        let mut rows = [
            ("from anyone", Taking::Anything),
            ("by its tag", Taking::Tagged),
            ("select, 1 arm", Taking::Selected(1)),
            ("select, 8 arms", Taking::Selected(8)),
            ("select, 64 arms", Taking::Selected(64)),
        ]
        .map(|(what, taking)| (what, taking, Sorted::default(), Sorted::default()));
        for _ in 0..RUNS {
            let mut first = None;
            for (_, taking, times, ratios) in &mut rows {
                let time = measure::taken(*taking, SELECTS)?;
                times.add(time);
                ratios.add(time / *first.get_or_insert(time));
            }
        }
        for (what, _, times, ratios) in &rows {
            let [time, ratio] = [times, ratios].map(|of| of.median().unwrap_or_default());
            println!("{what:<22}{time:>9.1}{ratio:>7.2}");
        }
        answers()
    }

    fn answers() -> Result<(), Box<dyn Error>> {
        println!("\nround trip of 8 B to one that waits so, ns; both spin; ratios to the first");
        let shares = SHARES.map(|(name, _)| format!("{name:>9}{:>7}", "ratio")).concat();
        println!("{:<22}{shares}", "");
        let mut rows = [
            ("from anyone", Taking::Anything),
            ("select, 1 arm", Taking::Selected(1)),
            ("select, 64 arms", Taking::Selected(64)),
        ]
        .map(|(what, taking)| (what, taking, Times::default()));
        for _ in 0..REPEATS {
            for (_, taking, times) in &mut rows {
                times.merge(&measure::answered(*taking, ROUNDS, Wait::Spin)?);
            }
        }
        rows.iter().for_each(|(what, _, times)| line(what, times, &rows[0].2));
        Ok(())
    }

    fn shared() -> Result<(), Box<dyn Error>> {
        println!("\nround trip of 8 B, ns; both spin; ratios to a plain endpoint");
        let (mut plain, mut shared) = (Times::default(), Times::default());
        for _ in 0..REPEATS {
            plain.merge(&measure::round_trip(CONFIG, 8, ROUNDS, Wait::Spin)?);
            shared.merge(&measure::shared_round_trip(ROUNDS, Wait::Spin)?);
        }
        line("plain endpoint", &plain, &plain);
        line("shared, one thread", &shared, &plain);
        println!(
            "\n8 threads call 8 threads of another process, 8 B, default settings, {RUNS} runs; ratio run by run"
        );
        println!("{:<22}{:>9}{:>9}{:>9}{:>9}{:>7}", "", "median", "least", "most", "median", "ratio");
        println!("{:<22}{:>9}{:>9}{:>9}{:>9}", "", "M/s", "M/s", "M/s", "GB/s");
        compare(&[
            ("an endpoint each", &|| measure::served(Crew::Endpoints, SERVED, Wait::default())),
            ("one, shared", &|| measure::served(Crew::Shared, SERVED, Wait::default())),
        ])
    }

    fn fan_in() -> Result<(), Box<dyn Error>> {
        let (bytes, messages) = FAN_IN;
        println!(
            "\nfan-in, {SENDERS} senders of {bytes} B, default settings, {REPEATS} runs; share: 1 is equal"
        );
        println!("{:<22}{:>9}{:>9}{:>9}{:>9}{:>9}", "", "median", "least", "most", "least", "most");
        println!("{:<22}{:>9}{:>9}{:>9}{:>9}{:>9}", "", "M/s", "M/s", "M/s", "share", "share");
        for (what, pinned) in [("pinned in turn", true), ("wherever they are put", false)] {
            let mut rates = Sorted::default();
            let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
            for _ in 0..REPEATS {
                let config = Config::ranks(SENDERS + 1);
                let fan_in = measure::fan_in(config, bytes, messages, Wait::default(), pinned)?;
                rates.add(fan_in.rate());
                let shares = fan_in.shares();
                (least, most) = (least.min(shares[0]), most.max(shares[1]));
            }
            println!("{}{least:>9.2}{most:>9.2}", rates.columns(what));
        }
        Ok(())
    }

    /// Values of several runs.
    #[derive(Default, Clone)]
    struct Sorted(Vec<f64>);

    impl Sorted {
        fn add(&mut self, value: f64) {
            let at = self.0.partition_point(|other| *other < value);
            self.0.insert(at, value);
        }

        fn median(&self) -> Option<f64> {
            self.0.get(self.0.len() / 2).copied()
        }

        /// Median, least and most of messages a second.
        fn columns(&self, what: &str) -> String {
            let [median, least, most] =
                [self.0[self.0.len() / 2], self.0[0], self.0[self.0.len() - 1]].map(|rate| rate / 1e6);
            let digits = if median < 0.01 { 6 } else { 2 };
            format!("{what:<22}{median:>9.digits$}{least:>9.digits$}{most:>9.digits$}")
        }
    }
}
