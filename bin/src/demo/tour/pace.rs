//! How long the tour takes.

/// How much of everything.
pub struct Pace {
    /// Round trips between two looks at the clock.
    pub rounds: u32,
    /// Seconds for the round trips, each stream, the ring, the sleep, the large messages and the many senders.
    pub bounce: f64,
    pub stream: f64,
    pub ring: f64,
    pub sleep: f64,
    pub large: f64,
    pub crowd: f64,
    /// Large messages at a time.
    pub messages: u64,
    /// How often the sleeper is woken.
    pub wakes: u32,
    /// How many sums are made.
    pub sums: u32,
}

const FULL: Pace = Pace {
    rounds: 200_000,
    bounce: 5.0,
    stream: 4.0,
    ring: 6.0,
    sleep: 3.0,
    large: 3.0,
    crowd: 3.0,
    messages: 4,
    wakes: 200,
    sums: 100_000,
};
const QUICK: Pace = Pace {
    rounds: 20_000,
    bounce: 0.1,
    stream: 0.1,
    ring: 1.0,
    sleep: 0.5,
    large: 0.0,
    crowd: 0.3,
    messages: 2,
    wakes: 10,
    sums: 2000,
};
/// Where two processes that spin share a processor, a round trip takes two time slices.
const ROUNDS_ALONE: u32 = 160;

impl Pace {
    /// That of a quick tour, or of a full one, with so many processors.
    pub fn new(is_quick: bool, processors: usize) -> Self {
        let pace = if is_quick { QUICK } else { FULL };
        if processors == 1 { Self { rounds: ROUNDS_ALONE, ..pace } } else { pace }
    }
}
