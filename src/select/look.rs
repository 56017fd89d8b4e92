//! A look at all arms, as an operation.

use super::arm::Arm;
use super::finding::Finding;
use super::place::Place;
use super::turns::Turns;
use crate::abi::ANNOUNCEMENT;
use crate::error::{Lost, SelectError};
use crate::half::Member;
use crate::receive::{Inbox, Ready};
use crate::send::Room;
use crate::wait::{Interrupted, Looks, Operation, Step};
use core::cell::Cell as Private;
use std::time::Instant;

/// A wait until an arm is ready.
pub struct Looking<'s, 'a> {
    arms: &'s [Arm<'a>],
    /// The numbers of those that do not receive.
    others: &'s [usize],
    places: &'s [Place<'a>],
    turns: &'s mut Turns,
    /// The turns of those that have something to tell that no look finds.
    ends: &'s mut Turns,
    /// The waits for room, by the numbers of their arms. `None` if there is an error to tell instead.
    rooms: Vec<(usize, Option<Room<'a>>)>,
    has_times: bool,
    /// Whether it has looked.
    has_looked: bool,
    /// Whether the caller would wait.
    may_wait: bool,
    /// Whether its thread waits.
    waits: Private<bool>,
    /// Whether publishers were asked to ring.
    asks: Private<bool>,
    looks: Looks,
    /// The arm that is ready, or may be,
    pub found: Option<usize>,
    /// and if it is one that receives, what was found.
    ready: Option<Ready<'a>>,
}

impl From<Interrupted> for SelectError {
    fn from(_: Interrupted) -> Self {
        SelectError::Interrupted
    }
}

/// Of the first arm. `Looking` itself knows of which one it is, and the waiter that is all of them says nothing.
impl From<Lost> for SelectError {
    fn from(lost: Lost) -> Self {
        SelectError::Lost { arm: 0, lost }
    }
}

impl<'s, 'a> Looking<'s, 'a> {
    pub fn new(
        (arms, others): (&'s [Arm<'a>], &'s [usize]),
        places: &'s [Place<'a>],
        (turns, ends): (&'s mut Turns, &'s mut Turns),
        has_times: bool,
        may_wait: bool,
    ) -> Self {
        let room = |(at, arm): (usize, &Arm<'a>)| match *arm {
            Arm::Send { place, to, len } => Some((at, room(&places[place], to, len))),
            _ => None,
        };
        let sends = places.iter().any(|place| place.sends > 0);
        let rooms = if sends { arms.iter().enumerate().filter_map(room).collect() } else { vec![] };
        let (waits, asks, looks) = (false.into(), false.into(), Looks::default());
        Self {
            arms,
            others,
            places,
            turns,
            ends,
            rooms,
            has_times,
            has_looked: false,
            may_wait,
            waits,
            asks,
            looks,
            found: None,
            ready: None,
        }
    }

    /// The endpoints that have arms.
    fn live(&self) -> impl Iterator<Item = (usize, &'s Place<'a>)> + use<'s, 'a> {
        self.places.iter().enumerate().filter(|(_, place)| place.live > 0)
    }

    fn lost(&self, place: usize, lost: Lost) -> SelectError {
        let arm = self.arms.iter().position(|arm| arm.place() == Some(place)).unwrap_or_default();
        SelectError::Lost { arm, lost }
    }

    fn receiving(&self, place: usize) -> Option<(&'a Member, &'a Inbox)> {
        self.places[place].halves.receiving
    }

    /// Looks at the arms in turn until one is ready, or may be; where it `is_silent`, at those that do not receive.
    fn find(
        &mut self,
        is_silent: bool,
        mut is_ready: impl FnMut(&mut Finding<'_, 's, 'a>, usize) -> bool,
    ) -> bool {
        let Self { arms, others, places, rooms, .. } = self;
        let mut finding = Finding { arms, places, rooms, ready: None, foreseen: None };
        let is_ready = |at| Ok::<_, SelectError>(is_ready(&mut finding, at));
        let found = match is_silent {
            true => self.turns.find_of(others, is_ready),
            false => self.turns.find(arms.len(), is_ready),
        };
        let (found, foreseen) = (found.unwrap_or_default(), finding.foreseen);
        self.ready = finding.ready;
        if let Some(at) = found.filter(|_| foreseen.is_some()) {
            // All arms of that endpoint that receive had this turn.
            let had_it = |other: &Arm<'_>| matches!(other, Arm::Recv { place, .. } if Some(*place) == arms[at].place());
            let next = (at + 1..arms.len()).chain(0..at).find(|other| !had_it(&arms[*other]));
            next.into_iter().for_each(|next| self.turns.go_on_at(next));
        }
        self.found = foreseen.or(found);
        self.found.is_some()
    }

    /// Once in a while: asks the kernel who has ended, though another arm may always have something. Finds an arm that tells of an end
    /// which no look finds; they take turns of their own.
    fn ask(&mut self) -> bool {
        let mut members = self.live().flat_map(|(_, place)| place.halves.members());
        if !members.any(Member::is_question_for_all_due) {
            return false;
        }
        self.note_question();
        for (_, place) in self.live() {
            place.halves.ask_for_started();
        }
        let Self { arms, places, rooms, ends, .. } = self;
        let mut finding = Finding { arms, places, rooms, ready: None, foreseen: None };
        let mut asked = vec![];
        let found = ends.find(arms.len(), |at| Ok::<_, SelectError>(finding.has_end(at, &mut asked)));
        (self.found, self.ready) = (found.unwrap_or_default(), None);
        self.found.is_some()
    }

    fn note_question(&self) {
        self.live().flat_map(|(_, place)| place.halves.members()).for_each(Member::note_question_for_all);
    }

    /// Whether only this thread itself could make an arm ready.
    fn is_in_vain(&self) -> bool {
        !self.has_times
            && self.arms.iter().all(|arm| match *arm {
                Arm::Recv { place, wanted } => self
                    .receiving(place)
                    .is_none_or(|(member, inbox)| Ready::new(inbox, member, wanted).is_in_vain()),
                Arm::Send { place, to, .. } => self.places[place]
                    .halves
                    .sending
                    .is_none_or(|(member, _)| to == member.rank() && member.finds_alone()),
                Arm::Over => true,
                _ => false,
            })
    }

    /// Finds out whether what was started can go on.
    fn check_started(&self, query: bool) {
        let only_requests = self.arms.iter().all(|arm| matches!(arm, Arm::Request { .. } | Arm::Over));
        for (_, place) in self.live() {
            let halves = place.halves;
            if let Some((member, outbox)) = halves.sending {
                outbox.check_started(member, query);
            }
            if let Some((member, inbox)) = halves.receiving {
                // What this thread sends to itself may still come, now or in a later call.
                let sends = halves.sending.is_some_and(|(_, outbox)| outbox.has_started());
                inbox.check_posted(member, query, only_requests && self.waits.get() && !sends);
            }
            halves.check_groups(query);
        }
    }

    /// A call that does not wait is not starved.
    fn tell_starved(&self) {
        if self.waits.get() {
            self.live().for_each(|(_, place)| place.halves.tell_starved(place.receives()));
        }
    }

    /// A server that waits for this endpoint to receive, while no arm does.
    fn held(&self) -> Option<u32> {
        self.arms.iter().find_map(|arm| match arm {
            Arm::Call { place, call } if !self.places[*place].receives() && call.is_held_up() => {
                Some(call.to())
            }
            _ => None,
        })
    }
}

/// The wait for room of an arm; `None` if the mailbox cannot be opened, which a send tells.
fn room<'a>(place: &Place<'a>, to: u32, len: usize) -> Option<Room<'a>> {
    let (member, outbox) = place.halves.sending?;
    let peer = outbox.open_quietly(member, to).ok()?;
    let room = Room::at_once(member, peer, if len > member.whole { ANNOUNCEMENT } else { len });
    Some(if place.receives() { room.beside_receives() } else { room })
}

impl Operation for Looking<'_, '_> {
    type Error = SelectError;

    fn look(&mut self, thorough: bool) -> Result<bool, SelectError> {
        for (at, place) in self.live() {
            place.check().map_err(|lost| self.lost(at, lost))?;
            place.halves.tend();
        }
        // A wait that goes on asks in other ways.
        if !core::mem::replace(&mut self.has_looked, true) && self.ask() {
            return Ok(true);
        }
        self.live().for_each(|(_, place)| place.begin_look(thorough));
        let now = self.has_times.then(Instant::now);
        let is_silent = self.live().all(|(_, place)| place.has_nothing());
        let is_found = self.find(is_silent, |finding, at| finding.look(at, thorough, now));
        // A thread that polls for a long time is not checked meanwhile.
        if !is_found && !thorough && self.looks.count_look() { self.check(false) } else { Ok(is_found) }
    }

    fn check(&mut self, query: bool) -> Result<bool, SelectError> {
        let check = |(at, place): (usize, &Place<'_>)| {
            place.halves.check_place(query).err().map(|lost| self.lost(at, lost))
        };
        if let Some(lost) = self.live().find_map(check) {
            // What is there comes first.
            return if self.look(true)? { Ok(true) } else { Err(lost) };
        }
        if query {
            self.note_question();
        }
        self.check_started(query);
        self.tell_starved();
        let mut asked = vec![];
        if self.find(false, |finding, at| finding.check(at, query, &mut asked)) {
            return Ok(true);
        }
        if self.may_wait {
            if let Some(server) = self.held() {
                return Err(SelectError::Held(server));
            }
            if self.is_in_vain() {
                return Err(SelectError::Empty);
            }
        }
        Ok(false)
    }

    fn step(&mut self) -> Result<Step, SelectError> {
        let is_ready = self.ready.as_mut().is_none_or(Ready::step);
        Ok(if is_ready { Step::Done } else { Step::Went })
    }

    fn begin_wait(&self) {
        self.waits.set(true);
        self.rooms.iter().filter_map(|(_, room)| room.as_ref()).for_each(Operation::begin_wait);
    }

    fn fall_asleep(&self) {
        // Before the bells are set, and the barrier that comes with it.
        self.asks.set(true);
        ask_for_rings(self.arms, true);
        self.tell_starved();
        self.rooms.iter().filter_map(|(_, room)| room.as_ref()).for_each(Operation::fall_asleep);
        for (at, place) in self.live() {
            let is_rung_for = |arm: &Arm<'_>| arm.place() == Some(at) && !matches!(arm, Arm::Send { .. });
            if let Some((member, _)) = place.halves.receiving
                && (place.receives() || self.arms.iter().any(is_rung_for))
            {
                member.fall_asleep_for_mail(place.source());
            }
        }
    }
}

/// Asks publishers to ring, or not to any more.
fn ask_for_rings(arms: &[Arm<'_>], asks: bool) {
    for arm in arms {
        if let Arm::Topic { news, .. } = arm {
            news.ask_for_rings(asks);
        }
    }
}

impl Drop for Looking<'_, '_> {
    fn drop(&mut self) {
        if self.asks.get() {
            ask_for_rings(self.arms, false);
        }
        if self.waits.get() {
            self.live().for_each(|(_, place)| place.halves.end_telling());
        }
    }
}
