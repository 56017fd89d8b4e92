//! What overwrites words of a region's segment, from outside.

use crate::common::failure::Failure;
use crate::common::place::Where;
use clap::Args;
use mailbox::lab::abi::{Geometry, HEADER_BYTES};
use mailbox::lab::os;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, RngExt, SeedableRng};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::AcqRel;
use std::thread;
use std::time::{Duration, Instant};

/// After at most so many writes in a row the others are to have made a call, or to have had so much time.
const ROUND: u64 = 256;
const PAUSE: Duration = Duration::from_millis(2);

/// So many words to overwrite.
#[derive(Args)]
pub struct Scrawl {
    #[command(flatten)]
    place: Where,
    /// How many ranks play
    #[arg(long)]
    pub ranks: u32,
    #[arg(long)]
    writes: u64,
    #[arg(long)]
    seed: u64,
    /// Where it writes down what it does
    #[arg(long)]
    pub journal: PathBuf,
}

impl Scrawl {
    /// Overwrites them, each where `choose` says: some word among so many bytes from an offset on. `returned` counts what the
    /// others do, and `written` how many were overwritten.
    pub fn run(
        &self,
        written: &AtomicU64,
        returned: impl Fn() -> u64,
        choose: impl Fn(&Geometry, &mut Xoshiro256PlusPlus) -> (u64, u64),
    ) -> Result<(), Failure> {
        let cannot_write = |error: io::Error| self.place.failure(error);
        let path = os::shm_path(&self.place.region);
        let file = File::options().read(true).write(true).open(path).map_err(cannot_write)?;
        let geometry = geometry(&file).map_err(cannot_write)?;
        let mut random = Xoshiro256PlusPlus::seed_from_u64(self.seed);
        let mut left = self.writes;
        while left > 0 {
            let count = random.random_range(1..=ROUND.min(left));
            let (before, begin) = (returned(), Instant::now());
            for _ in 0..count {
                let (first, bytes) = choose(&geometry, &mut random);
                let offset = first + 8 * random.random_range(0..bytes / 8);
                overwrite(&file, offset, &mut random).map_err(cannot_write)?;
            }
            left -= count;
            written.fetch_add(count, AcqRel);
            while returned() == before && begin.elapsed() < PAUSE {
                thread::sleep(Duration::from_micros(50));
            }
        }
        Ok(())
    }
}

fn geometry(file: &File) -> io::Result<Geometry> {
    let mut header = [0; HEADER_BYTES];
    file.read_exact_at(&mut header, 0)?;
    Geometry::of_header(&header).ok_or(io::ErrorKind::InvalidData.into())
}

fn overwrite(file: &File, offset: u64, random: &mut Xoshiro256PlusPlus) -> io::Result<()> {
    let mut old = [0; 8];
    file.read_exact_at(&mut old, offset)?;
    let old = u64::from_ne_bytes(old);
    let word = match random.random_range(0..7) {
        0 => random.next_u64(),
        1 => random.random_range(0..64),
        2 => u64::MAX - random.random_range(0..3),
        3 => old.wrapping_add(random.random_range(1..6)),
        4 => old.wrapping_sub(1),
        5 => u64::MAX << random.random_range(0..64),
        _ => old ^ 1 << random.random_range(0..64),
    };
    file.write_all_at(&word.to_ne_bytes(), offset)
}
