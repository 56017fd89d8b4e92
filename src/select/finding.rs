//! A look at one arm.

use super::arm::Arm;
use super::place::Place;
use crate::rank::Source;
use crate::receive::Ready;
use crate::send::Room;
use std::time::Instant;

/// What a look at one arm needs.
pub struct Finding<'l, 's, 'a> {
    pub arms: &'s [Arm<'a>],
    pub places: &'s [Place<'a>],
    pub rooms: &'l mut Vec<(usize, Option<Room<'a>>)>,
    pub ready: Option<Ready<'a>>,
    /// The arm of the next mail, another of the same endpoint.
    pub foreseen: Option<usize>,
}

impl<'a> Finding<'_, '_, 'a> {
    /// Whether this arm is ready, or may be.
    pub fn look(&mut self, at: usize, thorough: bool, now: Option<Instant>) -> bool {
        match &self.arms[at] {
            Arm::Recv { place, wanted } => {
                let place = &self.places[*place];
                let Some((member, inbox)) = place.halves.receiving else { return false };
                self.foreseen = place.foresee_once();
                self.foreseen.is_some()
                    || !place.has_nothing_for(inbox, *wanted)
                        && self.try_receive(Ready::new(inbox, member, *wanted), |ready| ready.look(thorough))
            }
            Arm::Send { place, to, .. } => self.has_room(at, *place, *to, Room::is_there),
            Arm::Call { call, .. } => call.has_news(),
            Arm::Request { request, .. } => request.has_result(),
            Arm::Collective { underway, .. } => underway.is_over(),
            Arm::Topic { news, .. } => news.is_there(),
            Arm::Timer(timer) => now.is_some_and(|now| timer.is_due(now)),
            Arm::Over => false,
        }
    }

    /// The same, after looks have found nothing for a while. `asked` are those that the kernel was asked about.
    pub fn check(&mut self, at: usize, query: bool, asked: &mut Vec<(usize, Source)>) -> bool {
        match &self.arms[at] {
            Arm::Recv { place, wanted } => {
                let Some((member, inbox)) = self.places[*place].halves.receiving else { return false };
                let ready = Ready::new(inbox, member, *wanted);
                let query = query && is_first(asked, (*place, wanted.source));
                !ready.is_in_vain() && self.try_receive(ready, |ready| ready.check(query))
            }
            Arm::Send { place, to, .. } => self.has_room(at, *place, *to, |room| room.check_there(query)),
            Arm::Call { call, .. } => call.check_news(query),
            _ => self.look(at, true, None),
        }
    }

    /// Whether it tells of an end that no look finds. The kernel is asked once about each rank that arms of one place receive from.
    pub fn has_end(&mut self, at: usize, asked: &mut Vec<(usize, Source)>) -> bool {
        match &self.arms[at] {
            Arm::Recv { place, wanted } => {
                let Some((member, inbox)) = self.places[*place].halves.receiving else { return false };
                Ready::new(inbox, member, *wanted).has_end(is_first(asked, (*place, wanted.source)))
            }
            Arm::Send { .. } => self.room(at).is_some_and(|room| room.has_ended(true)),
            Arm::Call { call, .. } => call.check_news(true),
            // Their ends are told by looks: what was started is over.
            _ => false,
        }
    }

    fn try_receive(&mut self, mut ready: Ready<'a>, mut is_so: impl FnMut(&mut Ready<'a>) -> bool) -> bool {
        let is_found = is_so(&mut ready);
        if is_found {
            self.ready = Some(ready);
        }
        is_found
    }

    fn has_room(
        &mut self,
        at: usize,
        place: usize,
        to: u32,
        is_so: impl FnOnce(&mut Room<'a>) -> bool,
    ) -> bool {
        // What was started before goes first.
        let is_behind = self.places[place].halves.sending.is_some_and(|(_, outbox)| outbox.has_waiting(to));
        self.room(at).is_none_or(|room| !is_behind && is_so(room))
    }

    fn room(&mut self, at: usize) -> Option<&mut Room<'a>> {
        self.rooms.iter_mut().find(|(of, _)| *of == at).and_then(|(_, room)| room.as_mut())
    }
}

/// Whether the kernel was not asked about this yet. A death that it tells once is known to those that follow.
fn is_first(asked: &mut Vec<(usize, Source)>, whom: (usize, Source)) -> bool {
    let is_first = !asked.contains(&whom);
    if is_first {
        asked.push(whom);
    }
    is_first
}
