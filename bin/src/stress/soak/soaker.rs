//! One process of a soak.

use crate::common::failure::Failure;
use crate::common::place::Where;
use crate::stress::journal::{GROUP, Journal};
use clap::Args;
use mailbox::{Endpoint, Mail, RecvError, SendError};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, RngExt, SeedableRng};
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::thread;
use std::time::Duration;

/// Messages to each rank in one batch.
const BATCH: u32 = 256;
/// Where it is full everywhere and nothing comes.
const PAUSE: Duration = Duration::from_millis(10);

#[derive(Args)]
pub struct Soaker {
    #[command(flatten)]
    place: Where,
    #[arg(long)]
    rank: u32,
    #[arg(long)]
    messages: u64,
    #[arg(long)]
    journal: PathBuf,
}

/// What one pair of ranks has exchanged.
struct Line {
    peer: u32,
    /// How many messages there are to be, each way, and how many went.
    quota: [u64; 2],
    sent: u64,
    received: u64,
}

impl Soaker {
    pub fn run(&self) -> Result<(), Failure> {
        let journal = Journal::open(&self.journal)?;
        let me = self.place.join(self.rank)?;
        let ranks = me.region().ranks();
        let peers = (0..ranks).filter(|peer| *peer != self.rank);
        let line = |peer| {
            let quota = [self.quota(ranks, self.rank, peer), self.quota(ranks, peer, self.rank)];
            Line { peer, quota, sent: 0, received: 0 }
        };
        let mut lines: Vec<Line> = peers.map(line).collect();
        let received = &journal.words()[GROUP * (1 + self.rank as usize)];
        self.exchange(&me, &mut lines, received)?;
        // Until somebody has had a look at this process.
        while journal.words()[0].load(Acquire) == 0 {
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn quota(&self, ranks: u32, from: u32, to: u32) -> u64 {
        let pairs = u64::from(ranks) * u64::from(ranks - 1);
        let pair = u64::from(from) * u64::from(ranks - 1) + u64::from(to) - u64::from(to > from);
        self.messages / pairs + u64::from(pair < self.messages % pairs)
    }

    fn exchange(&self, me: &Endpoint, lines: &mut [Line], received: &AtomicU64) -> Result<(), Failure> {
        let (mut bytes, mut space) = (vec![], vec![]);
        while lines.iter().any(|line| [line.sent, line.received] != line.quota) {
            let batch = me.batch();
            let mut is_idle = true;
            for line in lines.iter_mut() {
                is_idle &= !self.send(me, line, &mut bytes)?;
            }
            for _ in 0..BATCH * lines.len() as u32 {
                match me.try_recv() {
                    Ok(Some(mail)) => self.check(&mail, lines, received, &mut bytes, &mut space)?,
                    Ok(None) | Err(RecvError::Gone { died: false, .. }) => break,
                    Err(error) => return Err(self.place.failure(error)),
                }
                is_idle = false;
            }
            drop(batch);
            if is_idle {
                match me.from_any().within(PAUSE).recv() {
                    Ok(mail) => self.check(&mail, lines, received, &mut bytes, &mut space)?,
                    Err(RecvError::Timeout | RecvError::Gone { died: false, .. }) => {}
                    Err(error) => return Err(self.place.failure(error)),
                }
            }
        }
        Ok(())
    }

    /// Sends what fits; whether that is anything.
    fn send(&self, me: &Endpoint, line: &mut Line, bytes: &mut Vec<u8>) -> Result<bool, Failure> {
        let most = u64::from(BATCH).min(line.quota[0] - line.sent);
        for at in 0..most {
            fill(self.rank, line.peer, line.sent, bytes);
            match me.try_send(line.peer, bytes) {
                Ok(()) => line.sent += 1,
                Err(SendError::Full(_)) => return Ok(at > 0),
                Err(error) => return Err(self.place.failure(error)),
            }
        }
        Ok(most > 0)
    }

    fn check(
        &self,
        mail: &Mail<'_>,
        lines: &mut [Line],
        received: &AtomicU64,
        bytes: &mut Vec<u8>,
        space: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        let from = mail.from();
        let line = &mut lines[from as usize - usize::from(from > self.rank)];
        fill(from, self.rank, line.received, space);
        bytes.resize(mail.len(), 0);
        mail.copy_to(bytes);
        if bytes != space || mail.seq() != line.received {
            let (number, seq) = (line.received, mail.seq());
            let what = format_args!("not message {number} of rank {from} but another came, as its {seq}th");
            return Err(self.place.failure(what));
        }
        line.received += 1;
        received.store(received.load(Acquire) + 1, Release);
        Ok(())
    }
}

/// The bytes of message `number` between two ranks: mostly few.
fn fill(from: u32, to: u32, number: u64, bytes: &mut Vec<u8>) {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(u64::from(from) << 56 ^ u64::from(to) << 48 ^ number);
    let len =
        if number.is_multiple_of(128) { random.random_range(49..4096) } else { random.random_range(0..=48) };
    bytes.resize(len, 0);
    random.fill_bytes(bytes);
}
