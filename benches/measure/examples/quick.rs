//! quick
use mailbox::*;
fn main() {
    let cells: u32 = std::env::args().nth(1).map_or(512, |a| a.parse().unwrap());
    let arena: u64 = std::env::args().nth(2).map_or(256 << 10, |a| a.parse().unwrap());
    let c = Config::ranks(2).cells(cells).arena(arena);
    measure::pin(0);
    for _ in 0..2 {
        let one = measure::one_line(300_000).unwrap();
        let two = measure::two_lines(300_000).unwrap();
        println!("one {:?} two {:?}", one.quantile(0.5), two.quantile(0.5));
        for b in [8, 48, 256, 4096] {
            let t = measure::round_trip(c, b, 300_000, Wait::Spin).unwrap();
            println!(
                "rt {b} {:?} p99 {:?} ratio {:.2}",
                t.quantile(0.5),
                t.quantile(0.99),
                t.quantile(0.5).as_secs_f64() / two.quantile(0.5).as_secs_f64()
            );
        }
        for (b, n) in [(8, 50_000_000u64), (48, 20_000_000), (4096, 2_000_000), (65536, 200_000)] {
            let s = measure::stream(c, b, n, Wait::Adaptive).unwrap();
            println!("stream {b} {:.1} M/s {:.2} GB/s", s.rate() / 1e6, s.bandwidth() / 1e9);
        }
    }
}
