//! st
use mailbox::*;
fn main() {
    let cells: u32 = std::env::args().nth(1).map_or(512, |a| a.parse().unwrap());
    let c = Config::ranks(2).cells(cells);
    measure::pin(0);
    for _ in 0..3 {
        let s = measure::stream(c, 8, 20_000_000, Wait::Adaptive).unwrap();
        print!("{:.1} M/s  ", s.rate() / 1e6);
    }
    let t = measure::round_trip(c, 8, 300_000, Wait::Spin).unwrap();
    println!("rt {:?}", t.quantile(0.5));
}
