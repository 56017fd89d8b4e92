//! One of two players at a region. It sees the other one come and go.

use crate::common::failure::{Failure, beyond_name};
use crate::common::output::{DEMO, complain, show};
use crate::common::place::place;
use crate::common::signals;
use clap::Args;
use mailbox::{
    Broken, Config, CreateError, CreateOrOpenError, Endpoint, Interrupter, JoinError, Lost, Mail, Mismatch,
    OpenError, OpenOptions, RecvError, Region, RemoveError, SendError, Status, System,
};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Keeps regions of other programs out, even if they have the same name.
const PROTOCOL: u64 = u64::from_be_bytes(*b"pingpong");
/// How often one looks whether a player who is gone is back.
const LOOK: Duration = Duration::from_millis(10);

/// Where to play.
#[derive(Args)]
pub struct Place {
    /// The region to meet in: a name or, with a slash, the path of a file. The first process creates it, the last
    /// one removes it
    #[arg(long, value_name = "NAME", default_value = "mbox-demo")]
    region: String,
}

/// What goes to and fro.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Ball {
    /// The epoch of the ping that served: answers to an earlier one mean nothing to it.
    pub epoch: u64,
    /// Which exchange of that ping.
    pub number: u64,
    /// Zero, or how long the exchange took, in nanoseconds: then there is nothing to answer.
    pub took: u64,
}

impl Ball {
    fn words(self) -> [u64; 3] {
        [self.epoch, self.number, self.took]
    }

    fn of([epoch, number, took]: [u64; 3]) -> Self {
        Self { epoch, number, took }
    }
}

/// A rank of a region of two, given back at the end, with the region if the other is gone.
pub struct Seat {
    /// `None` once it has left.
    me: Option<Endpoint>,
    region: String,
    other: u32,
    /// The other's last epoch that was shown as here, and the last that was shown as over.
    here: Cell<u64>,
    over: Cell<u64>,
    stop: Arc<AtomicBool>,
}

impl Seat {
    /// Joins as `rank`, 0 or 1, in a region that is created if need be, and waits until the other is there,
    /// who is started by the command `other`.
    pub fn take(place: &Place, rank: u32, other: &str) -> Result<Self, Failure> {
        let stop = Arc::new(AtomicBool::new(false));
        let interrupter = Arc::new(Mutex::new(None::<Interrupter>));
        // Before there is anything to clean up.
        on_stop(stop.clone(), interrupter.clone())?;
        let me = join(&place.region, rank)?;
        *interrupter.lock().unwrap_or_else(PoisonError::into_inner) = Some(me.interrupter());
        let seat = Self {
            me: Some(me),
            region: place.region.clone(),
            other: 1 - rank,
            here: Cell::new(0),
            over: Cell::new(0),
            stop,
        };
        show(&format!("rank {rank} of region {:?}, epoch {}", seat.region, seat.epoch()))?;
        seat.meet(other)?;
        Ok(seat)
    }

    fn me(&self) -> &Endpoint {
        self.me.as_ref().expect("only the end takes it")
    }

    /// This player's epoch.
    pub fn epoch(&self) -> u64 {
        self.me().epoch()
    }

    /// The other's epoch, as last seen.
    pub fn other_epoch(&self) -> u64 {
        self.here.get()
    }

    /// Whether this player was asked to end.
    pub fn is_over(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    fn meet(&self, other: &str) -> Result<(), Failure> {
        let (status, epoch) = self.other();
        if status != Status::Live {
            // Not news: it was over before this player came.
            self.here.set(epoch);
            self.over.set(epoch);
            show(&format!("waiting for rank {}: mbox-demo {other}", self.other))?;
        }
        self.await_other(None)
    }

    fn other(&self) -> (Status, u64) {
        self.me().region().status(self.other).expect("a region of two ranks")
    }

    /// Sends to the other; `false` if this player shall end, or if there is no room and nobody to make any.
    pub fn send(&self, ball: Ball) -> Result<bool, Failure> {
        match self.me().send(self.other, bytemuck::bytes_of(&ball.words())) {
            Ok(()) => Ok(true),
            Err(SendError::Interrupted | SendError::Gone { .. }) => Ok(false),
            Err(error) => Err(self.failure(error)),
        }
    }

    /// What the other sends next; `None` if that is not before `deadline`, or this player shall end. Shows
    /// how the other goes and comes back.
    pub fn hear(&self, deadline: Option<Instant>) -> Result<Option<(Mail<'_>, Ball)>, Failure> {
        while !self.is_over() {
            let timeout = deadline.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()));
            match self.me().from(self.other).within(timeout).recv() {
                Ok(mail) => {
                    self.show_here(mail.epoch())?;
                    let ball = Ball::of(mail.value().map_err(|error| self.failure(error))?);
                    return Ok(Some((mail, ball)));
                }
                Err(RecvError::Timeout) => return Ok(None),
                Err(RecvError::Interrupted) => {}
                Err(RecvError::Gone { rank, died: false }) => {
                    self.lose(&format!("rank {rank} has left"), deadline)?
                }
                Err(RecvError::Gone { rank, died: true }) => {
                    self.lose(&format!("rank {rank} died"), deadline)?
                }
                Err(error) => return Err(self.failure(error)),
            }
        }
        Ok(None)
    }

    fn lose(&self, news: &str, deadline: Option<Instant>) -> Result<(), Failure> {
        let (status, epoch) = self.other();
        // If a successor was faster, it is its predecessor that is gone.
        let ended = if status == Status::Live { epoch - 1 } else { epoch };
        if ended > self.over.get() {
            self.over.set(ended);
            show(news)?;
        }
        self.await_other(deadline)
    }

    /// Waits until the other is in a life that is not over.
    fn await_other(&self, deadline: Option<Instant>) -> Result<(), Failure> {
        while !self.is_over() && deadline.is_none_or(|end| Instant::now() < end) {
            let epoch = self.other().1;
            if epoch > self.over.get() {
                return self.show_here(epoch);
            }
            thread::sleep(LOOK);
        }
        Ok(())
    }

    fn show_here(&self, epoch: u64) -> Result<(), Failure> {
        if epoch <= self.here.get() {
            return Ok(());
        }
        self.here.set(epoch);
        show(&format!("rank {} is here, epoch {epoch}", self.other))
    }

    fn failure(&self, what: impl std::fmt::Display) -> Failure {
        Failure::of_region(&self.region, what)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        drop(self.me.take());
        match OpenOptions::new().protocol(PROTOCOL).remove(place(&self.region)) {
            // The other is still there, or was faster.
            Ok(()) | Err(RemoveError::InUse(_) | RemoveError::Open(OpenError::NotFound(_))) => {}
            Err(error) => {
                let why = beyond_name(&self.region, error);
                complain(DEMO, &format!("region {:?} stays: {why}", self.region));
            }
        }
    }
}

fn on_stop(stop: Arc<AtomicBool>, interrupter: Arc<Mutex<Option<Interrupter>>>) -> Result<(), Failure> {
    let acts = signals::hear().and_then(|heard| {
        heard.act(move |_| {
            stop.store(true, Ordering::SeqCst);
            if let Some(interrupter) = &*interrupter.lock().unwrap_or_else(PoisonError::into_inner) {
                interrupter.interrupt();
            }
        })
    });
    acts.map_err(Failure::of_signals)
}

fn join(name: &str, rank: u32) -> Result<Endpoint, Failure> {
    loop {
        let region = Region::create_or_open(place(name), Config::ranks(2).protocol(PROTOCOL))
            .map_err(|error| Failure::of_region(name, format_args!("{error}{}", hint(&error))))?;
        match region.join(rank) {
            Ok(me) => return Ok(me),
            // The other was here, and the last to end, just now.
            Err(JoinError::Broken(Broken::Lost(Lost::Removed))) => {}
            Err(error) => {
                return Err(Failure::of_region(
                    name,
                    format_args!("{error}; choose another region: --region NAME"),
                ));
            }
        }
    }
}

fn hint(error: &CreateOrOpenError) -> &'static str {
    match error {
        CreateOrOpenError::Create(CreateError::System(System::NoSpace)) => {
            "; remove regions: mbox ls, mbox rm"
        }
        CreateOrOpenError::Create(CreateError::BadPlace(_))
        | CreateOrOpenError::Open(OpenError::BadPlace(_)) => "",
        CreateOrOpenError::Open(OpenError::Mismatch(Mismatch::Incompatible)) => {
            "; if nobody uses it: mbox rm"
        }
        _ => "; choose another region: --region NAME",
    }
}
