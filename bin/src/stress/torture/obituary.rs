//! The ends that a receiver in a torture is told of, judged by the ends that there were.

use super::book::{Book, Count, End, LIVES};
use mailbox::{Region, Status};
use std::thread;
use std::time::{Duration, Instant};

/// How long a successor may take from the lock of a rank to its first word: until then the life before seems to go on.
const BOUND: Duration = Duration::from_secs(1);
/// How many calls that find nothing may come upon so much of announced messages that they do not look who has ended.
const STRIKES: u32 = 4;

/// A rank's status and epoch, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State(pub Status, pub u64);

impl State {
    /// The last life that ended.
    fn last_end(self) -> u64 {
        let goes_on = matches!(self.0, Status::Live);
        self.1.saturating_sub(u64::from(goes_on))
    }

    /// The last life whose end nobody needs to ask the kernel about.
    fn last_known(self) -> u64 {
        let seems_to_go_on = matches!(self.0, Status::Live | Status::Dead);
        self.1.saturating_sub(u64::from(seems_to_go_on))
    }
}

/// What was told of one rank: the last life whose end was is one of these.
#[derive(Debug, Clone, Copy)]
struct Told {
    first: u64,
    last: u64,
    strikes: u32,
    /// The calls of the rank that had returned at the last look that found no end.
    beats: u64,
    /// Since when there is an end to tell.
    since: Option<Instant>,
    doubt: Option<Doubt>,
}

/// The end of this life may be the one that was told: it seemed to go on, as a dead one does whose successor holds the
/// lock and has not said its first word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Doubt {
    life: u64,
    /// The calls of its rank that had returned after that.
    beats: u64,
    /// What was told is not how the life before ended.
    is_misfit: bool,
}

/// What is wrong with what was told.
#[derive(Debug, PartialEq, Eq)]
enum Wrong {
    Untold(u64),
    Mistold(u64),
}

impl Told {
    /// Nothing yet, to one who joined between these two moments; whether a predecessor may have left word of what it was
    /// told.
    fn new(before: State, after: State, has_word: bool) -> Self {
        // The end of one that had left before may be told if it left mail.
        let may_be_told = u64::from(before.0 == Status::Left);
        let first = before.last_known() - may_be_told;
        let last = if has_word { after.last_end() } else { after.last_known() };
        Self { first, last, strikes: 0, beats: 0, since: None, doubt: None }
    }

    /// An end was told: not before `before`, and now `after`. The life, if it is certain which, but for a doubt about the
    /// one after it, which is noted where that seems to go on.
    fn hear(
        &mut self,
        before: Option<State>,
        mut after: impl FnMut() -> State,
        beats: impl FnOnce() -> u64,
    ) -> Result<Option<u64>, Wrong> {
        // A successor that is about to come makes a death look like life, and the end before it the last.
        let first = (self.first + 1).max(before.map_or(0, State::last_known));
        let after = after();
        let last = after.last_end();
        if last < first {
            return Err(Wrong::Mistold(last));
        }
        let doubt =
            (after.0 == Status::Live).then(|| Doubt { life: after.1, beats: beats(), is_misfit: false });
        *self = Self { first, last: last.max(self.last), strikes: 0, since: None, doubt, ..*self };
        Ok((first == last).then_some(last))
    }

    /// What was told is not how the life ended that it seems to be of.
    fn misfit(&mut self, life: u64) -> Result<(), Wrong> {
        let Some(doubt) = &mut self.doubt else { return Err(Wrong::Mistold(life)) };
        doubt.is_misfit = true;
        Ok(())
    }

    /// So many calls of the rank had returned, and after that things stood as `now`.
    fn settle(&mut self, beats: u64, now: State) -> Result<(), Wrong> {
        let Some(doubt) = self.doubt else { return Ok(()) };
        // Those before it made no call while it went on.
        if beats == doubt.beats || now.1 != doubt.life {
            return Ok(());
        }
        self.doubt = None;
        if doubt.is_misfit { Err(Wrong::Mistold(doubt.life - 1)) } else { Ok(()) }
    }

    /// The end of this life must be told, as it stands.
    fn due(&self, end: u64) -> Option<u64> {
        let is_in_doubt = self.doubt.is_some_and(|doubt| doubt.life == end);
        (end > self.last && !is_in_doubt).then_some(end)
    }

    /// Nothing was told by a call that began when things stood so, and that looks at all that have left, or have a
    /// successor; since then so many calls of the rank have returned.
    fn miss(&mut self, before: State, beats: u64) -> Result<(), Wrong> {
        let Some(end) = self.due(before.last_known()) else { return Ok(()) };
        let has_lived = std::mem::replace(&mut self.beats, beats) != beats;
        if before.0 == Status::Live && !has_lived {
            // Perhaps that successor is dead, too, and the next one is about to come: it has overwritten how the life
            // ended that is due.
            return Ok(());
        }
        self.strikes += 1;
        if self.strikes < STRIKES {
            return Ok(());
        }
        self.forgo(end)
    }

    /// Receives have waited since they last did `lately`, and things stand so; `bound` is how long an end may take.
    fn wait(&mut self, now: State, lately: Instant, late: Duration, bound: Duration) -> Result<(), Wrong> {
        let Some(end) = self.due(now.last_end()) else { return Ok(()) };
        let since = *self.since.get_or_insert_with(Instant::now);
        let since = if since > lately { since } else { since + late };
        self.since = Some(since);
        if Instant::now().saturating_duration_since(since) <= bound {
            return Ok(());
        }
        self.forgo(end)
    }

    fn forgo(&mut self, end: u64) -> Result<(), Wrong> {
        (self.last, self.strikes, self.since) = (end, 0, None);
        Err(Wrong::Untold(end))
    }
}

/// How all ranks stand, at one moment.
pub struct Look(Vec<State>);

impl Look {
    pub fn new(region: &Region) -> Self {
        Self((0..region.ranks()).map(|rank| state(region, rank)).collect())
    }
}

fn state(region: &Region, rank: u32) -> State {
    let (status, epoch) = region.status(rank).expect("it is a rank");
    State(status, epoch)
}

/// All that one endpoint is told of ends by receives from anyone.
pub struct Obituary<'a> {
    book: &'a Book<'a>,
    region: Region,
    rank: u32,
    told: Vec<Told>,
}

impl<'a> Obituary<'a> {
    /// For a rank that joined since things stood as `before`.
    pub fn new(book: &'a Book<'a>, region: &Region, rank: u32, before: &Look) -> Self {
        let after = Look::new(region);
        // Such word stays until another leaves.
        let epoch = after.0[rank as usize].1;
        let mut formers = (1..LIVES as u64).filter_map(|back| epoch.checked_sub(back));
        let has_word = formers.any(|former| book.end_of(rank, former).0 != End::Death);
        let told = |(before, after): (&State, State)| Told::new(*before, after, has_word);
        let told = before.0.iter().zip(after.0).map(told).collect();
        Self { book, region: region.clone(), rank, told }
    }

    /// Where.
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// How things stand.
    pub fn look(&self) -> Look {
        Look::new(&self.region)
    }

    /// A call that may have begun when things stood so has told the end of `peer`.
    pub fn hear(&mut self, peer: u32, is_leave: bool, before: Option<&Look>) {
        let (region, book) = (&self.region, self.book);
        let told = &mut self.told[peer as usize];
        let (first, begin) = (told.first + 1, Instant::now());
        let after = || loop {
            let state = state(region, peer);
            if state.last_end() >= first || begin.elapsed() > BOUND {
                return state;
            }
            thread::yield_now();
        };
        let heard = told.hear(before.map(|look| look.0[peer as usize]), after, || book.beats(peer));
        book.count(self.rank, Count::Ends, 1);
        let said = match heard {
            Ok(Some(life)) => {
                let (end, is_silent) = book.end_of(peer, life);
                if is_silent {
                    book.count(self.rank, Count::SilentEnds, 1);
                }
                let fits = match end {
                    End::Death => !is_leave,
                    End::Leaving => true,
                    End::Left => is_leave,
                };
                if fits { Ok(()) } else { told.misfit(life) }
            }
            uncertain => uncertain.map(drop),
        };
        self.judge(peer, said);
    }

    /// Sees which lives went on when it was told of the one before.
    fn settle(&mut self) {
        for peer in 0..self.region.ranks() {
            let told = &mut self.told[peer as usize];
            if told.doubt.is_some() {
                let beats = self.book.beats(peer);
                let settled = told.settle(beats, state(&self.region, peer));
                self.judge(peer, settled);
            }
        }
    }

    /// A call that does not wait, and began when things stood so, has found nothing.
    pub fn miss(&mut self, before: &Look) {
        self.settle();
        for (peer, state) in (0..).zip(&before.0) {
            if peer != self.rank {
                let missed = self.told[peer as usize].miss(*state, self.book.beats(peer));
                self.judge(peer, missed);
            }
        }
    }

    /// Calls that wait go on, the last since `lately`, which took so much longer than it was given; whether all ends
    /// that there were are told.
    pub fn wait(&mut self, lately: Instant, late: Duration, bound: Duration) -> bool {
        self.settle();
        let now = self.look();
        for (peer, state) in (0..).zip(&now.0) {
            if peer != self.rank {
                let missed = self.told[peer as usize].wait(*state, lately, late, bound);
                self.judge(peer, missed);
            }
        }
        let mut others = (0..).zip(&now.0).filter(|(peer, _)| *peer != self.rank);
        others.all(|(peer, state)| {
            state.0 != Status::Live && self.told[peer as usize].due(state.last_end()).is_none()
        })
    }

    fn judge(&self, peer: u32, said: Result<(), Wrong>) {
        match said {
            Ok(()) => {}
            Err(Wrong::Untold(life)) => self.book.fail_end(self.rank, peer, life, Count::Untold),
            Err(Wrong::Mistold(life)) => self.book.fail_end(self.rank, peer, life, Count::Mistold),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Status::{Dead, Left, Live, NeverJoined};
    use super::*;

    /// One who joined when things stood so.
    fn told(status: Status, epoch: u64) -> Told {
        Told::new(State(status, epoch), State(status, epoch), false)
    }

    fn hear(told: &mut Told, status: Status, epoch: u64) -> Result<Option<u64>, Wrong> {
        let state = State(status, epoch);
        told.hear(Some(state), || state, || 0)
    }

    #[test]
    fn each_end_may_be_told_once() {
        let mut told = told(Live, 3);
        assert_eq!(hear(&mut told, Dead, 3), Ok(Some(3)));
        assert_eq!(hear(&mut told, Dead, 3), Err(Wrong::Mistold(3)), "twice");
        assert_eq!(hear(&mut told, Live, 4), Err(Wrong::Mistold(3)), "the same");
        assert_eq!(hear(&mut told, Live, 5), Ok(Some(4)));
        assert_eq!(hear(&mut told, Left, 5), Ok(Some(5)));
    }

    #[test]
    fn the_end_of_a_life_that_goes_on_is_none() {
        assert_eq!(hear(&mut told(NeverJoined, 0), Live, 1), Err(Wrong::Mistold(0)));
        for status in [Live, Dead] {
            assert_eq!(hear(&mut told(status, 2), Live, 2), Err(Wrong::Mistold(1)), "{status:?}");
        }
        let mut told = told(Left, 2);
        assert_eq!(hear(&mut told, Left, 2), Ok(Some(2)), "it may have left mail");
        assert_eq!(hear(&mut told, Left, 2), Err(Wrong::Mistold(2)));
    }

    #[test]
    fn an_end_that_a_look_does_not_tell_is_seen() {
        let (mut told, mut beats) = (told(Live, 3), 0);
        let mut miss = |state, goes_on| {
            beats += u64::from(goes_on);
            told.miss(state, beats)
        };
        for _ in 0..2 * STRIKES {
            assert_eq!(miss(State(Live, 3), true), Ok(()));
            assert_eq!(miss(State(Dead, 3), true), Ok(()), "it asks the kernel now and then only");
        }
        for _ in 0..=STRIKES {
            assert_eq!(miss(State(Live, 5), false), Ok(()), "it may be dead, and about to be followed");
        }
        for (state, goes_on, first) in [(State(Live, 5), true, 2), (State(Left, 5), false, 1)] {
            for _ in first..STRIKES {
                assert_eq!(miss(state, goes_on), Ok(()));
            }
            assert_eq!(miss(state, goes_on), Err(Wrong::Untold(state.last_known())));
            assert_eq!(miss(state, goes_on), Ok(()), "it is said once");
        }
    }

    #[test]
    fn an_end_that_is_not_told_in_time_is_seen() {
        let (mut told, begin) = (told(Live, 3), Instant::now());
        let mut wait = |state, bound| told.wait(state, begin, Duration::ZERO, bound);
        assert_eq!(wait(State(Live, 3), Duration::ZERO), Ok(()));
        assert_eq!(wait(State(Dead, 3), Duration::MAX), Ok(()));
        thread::sleep(Duration::from_millis(1));
        assert_eq!(wait(State(Dead, 3), Duration::ZERO), Err(Wrong::Untold(3)));
        assert_eq!(wait(State(Dead, 3), Duration::ZERO), Ok(()));
    }

    #[test]
    fn an_end_may_be_that_of_the_life_that_seems_to_go_on_until_it_is_seen_to() {
        for goes_on in [false, true] {
            for is_misfit in [false, true] {
                let mut told = told(Live, 3);
                assert_eq!(hear(&mut told, Live, 4), Ok(Some(3)));
                if is_misfit {
                    assert_eq!(told.misfit(3), Ok(()));
                }
                assert_eq!(told.settle(0, State(Live, 4)), Ok(()), "it made no call");
                assert_eq!(told.settle(1, State(Live, 5)), Ok(()), "its successor made it");
                if goes_on {
                    let settled = if is_misfit { Err(Wrong::Mistold(3)) } else { Ok(()) };
                    assert_eq!(told.settle(1, State(Dead, 4)), settled);
                }
                assert_eq!(told.due(State(Dead, 4).last_end()), goes_on.then_some(4));
                assert_eq!(told.due(State(Dead, 5).last_end()), Some(5));
            }
        }
    }

    #[test]
    fn ends_from_before_need_not_be_told() {
        assert_eq!(told(Left, 3).due(State(Left, 3).last_end()), None);
        assert_eq!(told(Live, 3).due(State(Live, 3).last_end()), None);
        // Nobody had asked the kernel.
        assert_eq!(told(Dead, 3).due(State(Dead, 3).last_end()), Some(3));
        // But a predecessor had, and said so.
        let state = State(Dead, 3);
        assert_eq!(Told::new(state, state, true).due(state.last_end()), None);
    }
}
