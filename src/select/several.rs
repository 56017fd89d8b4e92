//! Several things that one thread waits for.

use super::arm::Arm;
use super::look::Looking;
use super::place::Place;
use super::row::Row;
use super::timer::Timer;
use super::turns::Turns;
use crate::call::Call;
use crate::comm::{CollectiveRequest, Request};
use crate::endpoint::{Halves, RecvFrom, RecvHalf, SendHalf, SendTo};
use crate::error::SelectError;
use crate::half::Member;
use crate::topic::{Latest, News, Subscriber};
use crate::wait::pace::BURST;
use crate::wait::{Deadline, Together, drive};
use core::fmt;
use core::hash::{BuildHasher, Hasher};
use core::time::Duration;
use std::hash::RandomState;
use std::time::Instant;

/// Several things that one thread waits for: mail, room, answers, requests, topics, times; of one endpoint or several, of one
/// region or several.
///
/// Each is an *arm*, and has a number: 0, 1, 2, … in the order in which they are added. [`Select::wait`] returns the number of an
/// arm that is *ready*. Then the call that does not wait (`try_recv`, `try_send`, `try_wait`, …) returns something: what
/// the arm watches, or the error or end that it has come to. The caller makes that call itself. A peer that takes something back, or
/// another receive that takes it first, can make that call find nothing.
///
/// An arm is told again as long as it is ready. A call, a request of either kind and [`Select::at`] are told once, and then their arm is over.
/// Arms that stay ready take turns, so that none starves. Those of one endpoint that receive are told in the order in which a receive
/// of all would take their mails; one whose mail is not received keeps no other from being told.
///
/// **Ends.** An arm is ready when the peer that it waits for has ended: the call returns `Gone`. An endpoint that is
/// [`Lost`](crate::Lost) is told by [`SelectError::Lost`] with the number of one of its arms, or by the receive of a mail that is
/// there. A wait for nothing is [`SelectError::Empty`] and not without end. Where another arm always has something, an end is looked
/// for once in 75 ms.
///
/// **Borrows.** It borrows endpoints only. Of builders, calls, requests and readers of topics it keeps what it needs, so their owner
/// goes on with them. A new one for each wait is as fair as one that is kept.
///
/// **Waiting.** It waits as the least eager of the endpoints does ([`Wait`](crate::Wait); one that waits on events sleeps here
/// like one that blocks). While it waits, all that batches and drains of these endpoints hold back is published, and what was
/// started or announced goes on. An [`Interrupter`](crate::Interrupter) of any of them ends it. It sleeps in one system
/// call, up to 128 bells (Linux 5.16 or later). Above, and elsewhere, it looks at them now and then, as
/// [`Wait::Event`](crate::Wait::Event) does.
///
/// **Cost.** Where mail is there: a look at it, and one into a table, however many arms receive. There is a table for each mask of
/// tags, and one for arms that receive from one rank beside one for those that receive from anyone. One table costs least, and tags
/// that follow each other. Once in 33 times (in up to 257, where all arms receive, and of one endpoint), and where there
/// is no mail, a look at the arms in turn until one is ready; all arms of an endpoint that receive are one look, unless that finds mail. A thread
/// that sleeps pays what one receive pays for that, and a little more for each bell. Arms for times read the clock.
///
/// ```
/// # use mailbox::{Config, Region, Select};
/// # use std::time::Duration;
/// # let region = Region::create_unnamed(Config::ranks(3))?;
/// # let (me, other, third) = (region.join(0)?, region.join(1)?, region.join(2)?);
/// const ORDER: u32 = 1;
/// let mut select = Select::new();
/// let orders = select.recv(me.from_any().tag(ORDER));
/// let room = select.send(me.to(2), 100);
/// let tick = select.every(Duration::from_millis(10));
/// # other.to(0).tag(ORDER).send(b"an order")?;
/// # let (mut done, mut ticks) = (0, 0);
/// # while done < 1 || ticks < 2 {
/// match select.wait(Duration::from_secs(1))? {
///     arm if arm == orders => {
///         if let Some(mail) = me.from_any().tag(ORDER).try_recv()? {
///             println!("rank {} orders {:?}", mail.from(), mail.to_vec());
///             # done += 1;
///         }
///     }
///     arm if arm == room => {
///         me.to(2).try_send(b"something to do")?;
///         select.remove(room); // that was all
///     }
///     arm if arm == tick => println!("10 ms later"),
///     _ => unreachable!("there are no other arms"),
/// }
/// # ticks += 1;
/// # }
/// # assert_eq!(third.recv()?.to_vec(), b"something to do");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Select<'a> {
    arms: Vec<Arm<'a>>,
    /// The numbers of those that do not receive.
    others: Vec<usize>,
    /// How many of them are not over.
    live: usize,
    /// The first time that one of them waits for.
    time: Option<Instant>,
    /// Whose turn it is among them.
    turns: Turns,
    /// Whose turn it is to tell of an end beside what others have.
    ends: Turns,
    /// The endpoints that they are of, each once.
    places: Vec<Place<'a>>,
    /// The one whose next mail may say which arm is told,
    hinting: usize,
    /// and how many more times in a row, unless the row is under way.
    hints: u64,
    /// The row, where an arm was told, and there are no times.
    row: Option<Row<'a>>,
    /// The halves that wait: room for a list of them.
    members: Vec<&'a Member>,
}

impl<'a> Select<'a> {
    /// Without arms. [`Select::recv`] has an example.
    pub fn new() -> Self {
        // A new one for each wait begins with another arm each time.
        let first = RandomState::new().build_hasher().finish() as usize;
        let (turns, ends) = (Turns::from(first), Turns::from(first));
        let (arms, others, places, members) = (vec![], vec![], vec![], vec![]);
        Self {
            arms,
            others,
            live: 0,
            time: None,
            turns,
            ends,
            places,
            hinting: 0,
            hints: first as u64 % (BURST + 1),
            row: None,
            members,
        }
    }

    /// Ready when [`RecvFrom::try_recv`] of the same builder returns something: a mail, an end, an error.
    ///
    /// ```
    /// # use mailbox::{Config, Region, Select};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let mut select = Select::new();
    /// let (orders, _rest) = (select.recv(me.from(1).tag(1)), select.recv(me.from(1).tag(2)));
    /// assert_eq!(select.try_wait()?, None);
    /// other.to(0).tag(1).send(b"an order")?;
    /// assert_eq!(select.wait(Duration::from_secs(10))?, orders);
    /// assert_eq!(me.from(1).tag(1).try_recv()?.expect("it is there").to_vec(), b"an order");
    /// assert_eq!(select.try_wait()?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recv(&mut self, from: RecvFrom<'a>) -> usize {
        let (receiver, sender) = from.halves();
        let halves = Halves { sending: sender.map(SendHalf::parts), receiving: Some(receiver.parts()) };
        let (place, wanted) = (self.place(halves), from.wanted());
        self.add(Arm::Recv { place, wanted })
    }

    /// Ready when [`SendTo::try_send`] of the same builder with a message of `len` bytes would return something else than
    /// [`SendError::Full`](crate::SendError::Full): there is room, or the receiver has ended and makes none.
    ///
    /// ```
    /// # use mailbox::{Config, Region, Select};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// while me.try_send(1, b"hello").is_ok() {}
    /// let mut select = Select::new();
    /// let room = select.send(me.to(1), 5);
    /// assert_eq!(select.try_wait()?, None, "the mailbox is full");
    /// while other.try_recv()?.is_some() {}
    /// assert_eq!(select.wait(Duration::from_secs(10))?, room);
    /// me.try_send(1, b"hello")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send(&mut self, to: SendTo<'a>, len: usize) -> usize {
        let halves = Halves { sending: Some(to.sender.parts()), receiving: to.receiver.map(RecvHalf::parts) };
        let place = self.place(halves);
        self.add(Arm::Send { place, to: to.to, len })
    }

    /// Ready when [`Call::try_wait`] returns an answer or an error. It is told once, and then the arm is over. The call stays the
    /// caller's. Remove the arm of one that is dropped before.
    ///
    /// ```
    /// # use mailbox::{Config, Region, Select, SelectError};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let call = me.to(1).start_call(b"what is the price?")?;
    /// let mut select = Select::new();
    /// let answer = select.call(&call);
    /// assert_eq!(select.try_wait()?, None, "not yet");
    /// other.recv()?.reply(b"3.50")?;
    /// assert_eq!(select.wait(Duration::from_secs(10))?, answer);
    /// assert_eq!(call.try_wait()?.expect("the answer").to_vec(), b"3.50");
    /// assert_eq!(select.try_wait(), Err(SelectError::Empty), "the arm is over");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn call(&mut self, call: &Call<'a>) -> usize {
        let place = self.place(call.halves());
        self.add(Arm::Call { place, call: call.watched() })
    }

    /// Ready when the request is over, so that [`Request::wait`] returns at once. It is told once, and then the arm is over. The
    /// request stays the caller's; one that was dropped is over, too.
    ///
    /// ```
    /// # use mailbox::{Config, Region, Select};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let requests = [1, 2].map(|tag| me.from(1).tag(tag).start());
    /// let mut select = Select::new();
    /// let arms = [select.request(&requests[0]), select.request(&requests[1])];
    /// assert_eq!(select.try_wait()?, None, "neither is over");
    /// other.to(0).tag(2).send(b"two")?;
    /// assert_eq!(select.wait(Duration::from_secs(10))?, arms[1]);
    /// let [_one, two] = requests;
    /// assert_eq!(two.wait()?.expect("a mail").to_vec(), b"two");
    /// assert_eq!(select.try_wait()?, None, "that arm is over");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn request(&mut self, request: &Request<'a>) -> usize {
        let place = self.place(request.halves());
        self.add(Arm::Request { place, request: request.watched() })
    }

    /// Ready when the operation of all members is over, so that [`CollectiveRequest::wait`] returns at once. It is told once, and
    /// then the arm is over. The request stays the caller's.
    ///
    /// ```
    /// # use mailbox::{Comm, Config, Region, Select};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let part = |rank| -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// #     let me = region.join(rank)?;
    /// #     let comm = Comm::world(&me)?;
    /// if comm.rank() == 0 {
    ///     let sum = comm.start_all_reduce(vec![1], |one: u32, other| one + other);
    ///     let mut select = Select::new();
    ///     let arm = select.collective(&sum);
    ///     assert_eq!(select.try_wait()?, None, "member 1 has not come");
    ///     comm.to(1)?.send(b"come")?;
    ///     assert_eq!(select.wait(Duration::from_secs(10))?, arm);
    ///     assert_eq!(sum.wait()?, [3]);
    /// } else {
    ///     comm.from(0)?.recv()?;
    ///     comm.start_all_reduce(vec![2], |one: u32, other| one + other).wait()?;
    /// }
    /// #     Ok(())
    /// # };
    /// # std::thread::scope(|scope| {
    /// #     let threads = [0, 1].map(|rank| scope.spawn(move || part(rank)));
    /// #     threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn collective<T>(&mut self, request: &CollectiveRequest<'a, T>) -> usize {
        let underway = request.watched();
        let place = self.place(underway.halves());
        self.add(Arm::Collective { place, underway })
    }

    /// Ready when there is a value that was not read: [`Latest::has_changed`]. Remove the arm of one that is dropped.
    ///
    /// ```
    /// # use mailbox::{Config, Region, Select};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let topic = region.topic("speed")?;
    /// let mut publisher = topic.publish_latest(&other, 8)?;
    /// let mut speed = topic.latest(&me)?;
    /// let mut select = Select::new();
    /// let arm = select.latest(&speed);
    /// assert_eq!(select.try_wait()?, None, "nothing is published");
    /// publisher.publish_value(&3.5)?;
    /// assert_eq!(select.wait(Duration::from_secs(10))?, arm);
    /// assert_eq!(speed.value()?, Some(3.5));
    /// assert_eq!(select.try_wait()?, None, "it was read");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn latest(&mut self, latest: &Latest<'a>) -> usize {
        self.topic(latest.news())
    }

    /// Ready when there is a message that was not read: [`Subscriber::is_ready`]. Remove the arm of one that is dropped.
    ///
    /// ```
    /// # use mailbox::{Config, Policy, Region, Select};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let topic = region.topic("prices")?;
    /// let mut publisher = topic.publisher(&other)?;
    /// let mut prices = topic.subscriber(&me, Policy::every())?;
    /// let mut select = Select::new();
    /// let arm = select.subscriber(&prices);
    /// assert_eq!(select.try_wait()?, None, "nothing is published");
    /// publisher.publish(b"17.2")?;
    /// assert_eq!(select.wait(Duration::from_secs(10))?, arm);
    /// assert_eq!(prices.try_recv()?.expect("a price").to_vec(), b"17.2");
    /// assert_eq!(select.try_wait()?, None, "it was read");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn subscriber(&mut self, subscriber: &Subscriber<'a>) -> usize {
        self.topic(subscriber.news())
    }

    fn topic(&mut self, news: News<'a>) -> usize {
        let place = self.place(news.halves());
        self.add(Arm::Topic { place, news: Box::new(news) })
    }

    /// Ready at this time, or after it. It is told once, and then the arm is over.
    ///
    /// ```
    /// # use mailbox::{Select, SelectError};
    /// # use std::time::{Duration, Instant};
    /// let time = Instant::now() + Duration::from_millis(5);
    /// let mut select = Select::new();
    /// let arm = select.at(time);
    /// assert_eq!(select.wait(Duration::from_secs(10))?, arm);
    /// assert!(Instant::now() >= time);
    /// assert_eq!(select.try_wait(), Err(SelectError::Empty), "it was told");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn at(&mut self, time: Instant) -> usize {
        self.add(Arm::Timer(Timer::once(time)))
    }

    /// Ready one `period` from now, and each period from then on. Times that pass untold are told as one.
    ///
    /// ```
    /// # use mailbox::Select;
    /// # use std::time::{Duration, Instant};
    /// let (begin, period) = (Instant::now(), Duration::from_millis(5));
    /// let mut select = Select::new();
    /// let tick = select.every(period);
    /// for _ in 0..3 {
    ///     assert_eq!(select.wait(Duration::from_secs(10))?, tick);
    /// }
    /// assert!(begin.elapsed() >= 3 * period);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn every(&mut self, period: Duration) -> usize {
        self.add(Arm::Timer(Timer::every(period, Instant::now())))
    }

    /// The arm of this number watches nothing any more. It is told no more, and its number is not given again.
    ///
    /// ```
    /// # use mailbox::{Config, Region, Select};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let mut select = Select::new();
    /// let (one, two) = (select.recv(me.from(1).tag(1)), select.recv(me.from(1).tag(2)));
    /// other.to(0).tag(1).send(b"one")?;
    /// select.remove(one);
    /// assert_eq!(select.try_wait()?, None, "nobody watches for tag 1");
    /// other.to(0).tag(2).send(b"two")?;
    /// assert_eq!(select.try_wait()?, Some(two), "its number is as before");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn remove(&mut self, arm: usize) {
        self.halt_row();
        let Some(what) = self.arms.get_mut(arm).filter(|arm| !arm.is_over()) else { return };
        let what = core::mem::replace(what, Arm::Over);
        self.others.retain(|other| *other != arm);
        self.live -= 1;
        if let Some(place) = what.place() {
            self.places[place].remove(&what, arm);
        }
        if what.time().is_some() {
            self.time = self.arms.iter().filter_map(Arm::time).min();
        }
    }

    /// An arm that is ready, if there is one now. Never waits. Errors as for [`Select::wait`].
    ///
    /// ```
    /// # use mailbox::{Config, Region, Select};
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let mut select = Select::new();
    /// let (mail, room) = (select.recv(me.from(1)), select.send(me.to(1), 8));
    /// # other.send(0, b"hello")?;
    /// # let mut count = 0;
    /// while let Some(arm) = select.try_wait()? {
    ///     if arm == mail {
    ///         println!("{:?}", me.from(1).try_recv()?.map(|mail| mail.to_vec()));
    ///     } else if arm == room {
    ///         me.to(1).try_send(b"hi")?;
    ///         select.remove(room);
    ///     }
    /// #   count += 1;
    /// #   if count == 2 { break }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn try_wait(&mut self) -> Result<Option<usize>, SelectError> {
        self.find(Deadline::Now)
    }

    /// Waits until an arm is ready, and returns its number. [`SelectError::Timeout`] if none is ready at `deadline`.
    ///
    /// ```
    /// # use mailbox::{Config, Region, Select, SelectError};
    /// # use std::time::Duration;
    /// # let region = Region::create_unnamed(Config::ranks(2))?;
    /// # let (me, other) = (region.join(0)?, region.join(1)?);
    /// let mut select = Select::new();
    /// let (mail, room) = (select.recv(me.from(1)), select.send(me.to(1), 5));
    /// assert_eq!(select.wait(Duration::from_secs(10))?, room);
    /// select.remove(room);
    /// assert_eq!(select.wait(Duration::from_millis(1)), Err(SelectError::Timeout));
    /// let other = std::thread::spawn(move || other.send(0, b"hello"));
    /// assert_eq!(select.wait(Duration::from_secs(10))?, mail);
    /// # other.join().unwrap()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn wait(&mut self, deadline: impl Into<Deadline>) -> Result<usize, SelectError> {
        self.find(deadline.into())?.ok_or(SelectError::Timeout)
    }

    fn add(&mut self, arm: Arm<'a>) -> usize {
        self.halt_row();
        if let Some(place) = arm.place() {
            self.places[place].add(&arm, self.arms.len());
        }
        self.live += 1;
        self.time = self.time.into_iter().chain(arm.time()).min();
        if !matches!(arm, Arm::Recv { .. }) {
            self.others.push(self.arms.len());
        }
        self.arms.push(arm);
        self.arms.len() - 1
    }

    /// The place of this endpoint.
    fn place(&mut self, halves: Halves<'a>) -> usize {
        // Most are of the endpoint of the one before.
        let known = self.places.iter().rposition(|place| place.is_of(halves));
        known.unwrap_or_else(|| {
            self.places.push(Place::new(halves));
            self.places.len() - 1
        })
    }

    /// The common case is in the caller's code.
    #[inline(always)]
    fn find(&mut self, deadline: Deadline) -> Result<Option<usize>, SelectError> {
        match self.row.as_ref().and_then(Row::next) {
            None => self.find_any(deadline),
            arm => Ok(arm),
        }
    }

    #[inline(never)]
    fn find_any(&mut self, deadline: Deadline) -> Result<Option<usize>, SelectError> {
        match self.foresee(deadline) {
            None => self.find_in_turn(deadline),
            arm => Ok(arm),
        }
    }

    /// The row is not under way any more.
    fn halt_row(&mut self) {
        if let Some(row) = self.row.take() {
            self.hints = row.left();
        }
    }

    /// The row goes on with the next mail, if it can.
    fn go_on(&mut self) {
        let place = self.places.get(self.hinting).filter(|_| self.time.is_none());
        self.row = place.and_then(|place| place.row_of(self.hints));
    }

    /// The arm that the next mail is for, if nothing else is to be done first. `None` says nothing.
    fn foresee(&mut self, deadline: Deadline) -> Option<usize> {
        self.halt_row();
        self.hints = self.hints.checked_sub(1)?;
        if self.time.is_some_and(|time| time <= Instant::now()) {
            return None;
        }
        let place = self.places.get(self.hinting)?;
        let soon = || if deadline.is_now() { None } else { self.receiving()?.foresee_soon(deadline) };
        let arm = place.foresee().or_else(soon)?;
        self.go_on();
        Some(arm)
    }

    /// The one endpoint of which there are arms, if all of them receive.
    fn receiving(&self) -> Option<&Place<'a>> {
        match &self.places[..] {
            [place] if self.others.is_empty() => Some(place),
            _ => None,
        }
    }

    fn find_in_turn(&mut self, deadline: Deadline) -> Result<Option<usize>, SelectError> {
        self.hints = BURST;
        self.row = None;
        if self.live == 0 {
            return Err(SelectError::Empty);
        }
        self.list_members();
        loop {
            let until = match (deadline, self.time) {
                (Deadline::At(deadline), Some(time)) => Deadline::At(deadline.min(time)),
                (Deadline::Never, Some(time)) => Deadline::At(time),
                (deadline, _) => deadline,
            };
            let Self { arms, others, places, turns, ends, members, .. } = self;
            let mut looking =
                Looking::new((arms, others), places, (turns, ends), self.time.is_some(), !deadline.is_now());
            let publish = || {
                places
                    .iter()
                    .filter(|place| place.live > 0)
                    .fold(false, |some, place| place.halves.publish() | some)
            };
            let is_ready = drive(&Together(members), until, publish, &mut looking)?;
            let found = looking.found.filter(|_| is_ready);
            drop(looking);
            if let Some(arm) = found {
                self.hinting = self.arms[arm].place().unwrap_or(self.hinting);
                self.hints = self.receiving().map_or(BURST, Place::row);
                self.tell(arm);
                self.go_on();
                return Ok(Some(arm));
            }
            // The next look tells an arm whose time has come.
            if deadline.is_now() || self.time.is_none_or(|time| time > Instant::now()) {
                return Ok(None);
            }
        }
    }

    /// This arm is told.
    fn tell(&mut self, arm: usize) {
        let is_timer = self.arms[arm].time().is_some();
        if !self.arms[arm].tell() {
            self.remove(arm);
        }
        if is_timer {
            self.time = self.arms.iter().filter_map(Arm::time).min();
        }
    }

    /// Lists the halves that wait for what the arms watch.
    fn list_members(&mut self) {
        self.members.clear();
        for Place { halves, live, sends, requests, .. } in self.places.iter().filter(|place| place.live > 0) {
            let is_all = *requests > 0 || halves.has_started();
            if let Some((member, _)) = halves.receiving
                && (is_all || sends < live)
            {
                self.members.push(member);
            }
            // One that has no other half waits for answers as for room.
            if let Some((member, _)) = halves.sending
                && (is_all || *sends > 0 || halves.receiving.is_none())
            {
                self.members.push(member);
            }
        }
    }
}

impl Default for Select<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Select<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Select").field("arms", &self.live).finish_non_exhaustive()
    }
}
