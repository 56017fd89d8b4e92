//! The other ranks: who is there, and what waits for room in their mailboxes.

use super::TellError;
use super::wire::Packet;
use mailbox::{Broken, Endpoint, SendError, Status};
use std::collections::VecDeque;

/// How many words of the system itself wait for room at most, for each rank. They answer open questions, monitors and links, of which no
/// system has so many.
const WORDS: usize = 1 << 18;

#[derive(Default)]
struct Peer {
    /// Its last life that events have told of, and whether it is there.
    life: u32,
    is_there: bool,
    /// The last life whose end was told.
    ended: u32,
    waiting: VecDeque<Waiting>,
    /// How many monitors and links it has here.
    watchers: usize,
}

/// What waits for room.
struct Waiting {
    /// The life of the rank that it is for.
    life: u32,
    tag: u32,
    bytes: Vec<u8>,
}

/// All ranks of the region.
pub struct Peers {
    all: Vec<Peer>,
    /// Those for which something waits.
    behind: Vec<u32>,
    backlog: usize,
}

impl Peers {
    pub fn new(ranks: u32, backlog: usize) -> Self {
        Self { all: (0..ranks).map(|_| Peer::default()).collect(), behind: vec![], backlog }
    }

    pub fn joined(&mut self, rank: u32, life: u32) {
        if let Some(peer) = self.all.get_mut(rank as usize) {
            (peer.life, peer.is_there) = (life, true);
        }
    }

    /// A life up to this one has ended. What waits for it is dropped.
    pub fn ended(&mut self, rank: u32, life: u32) {
        let Some(peer) = self.all.get_mut(rank as usize) else { return };
        if peer.life <= life {
            peer.is_there = false;
        }
        peer.ended = peer.ended.max(life);
        peer.waiting.retain(|waiting| waiting.life > life);
        if peer.waiting.is_empty() {
            self.behind.retain(|behind| *behind != rank);
        }
    }

    /// Whether a later life of the rank is there than this one.
    pub fn is_before(&self, rank: u32, life: u32) -> bool {
        self.all.get(rank as usize).is_some_and(|peer| life < peer.life)
    }

    /// Whether this life of the rank is there, as far as it is known.
    pub fn is_there(&self, me: &Endpoint, rank: u32, life: u32) -> bool {
        let Some(peer) = self.all.get(rank as usize) else { return false };
        let is_known = peer.is_there && peer.life == life;
        is_known
            || me
                .region()
                .status(rank)
                .is_some_and(|(status, epoch)| status == Status::Live && epoch as u32 == life)
    }

    /// The life of the rank that is there at this moment, if one is. Costs a system call.
    pub fn life_now(&self, me: &Endpoint, rank: u32) -> Option<u32> {
        let (status, epoch) = me.region().status(rank)?;
        (status == Status::Live).then_some(epoch as u32)
    }

    /// One more watcher of this rank, if there may be.
    pub fn add_watcher(&mut self, rank: u32, most: usize) -> bool {
        let peer = self.all.get_mut(rank as usize).filter(|peer| peer.watchers < most);
        peer.map(|peer| peer.watchers += 1).is_some()
    }

    pub fn remove_watcher(&mut self, rank: u32) {
        if let Some(peer) = self.all.get_mut(rank as usize) {
            peer.watchers = peer.watchers.saturating_sub(1);
        }
    }

    /// Sends a message of an actor to a rank that is there, or puts it behind those that wait for room.
    pub fn tell(
        &mut self,
        me: &Endpoint,
        (rank, life): (u32, u32),
        tag: u32,
        bytes: &[u8],
    ) -> Result<(), TellError> {
        self.send(me, (rank, life), tag, bytes, self.backlog)
    }

    /// Sends a word of the system, for which there is more room. One that finds none is lost: its rank receives nothing.
    pub fn say(&mut self, me: &Endpoint, rank: u32, life: u32, packet: &Packet<'_>) {
        _ = self.put(me, (rank, life), packet, WORDS);
    }

    /// The same, of a word that wants something of that rank. It finds half as much room, so that the other half is left for words
    /// that the rank waits for. Whether it has found room.
    pub fn request(&mut self, me: &Endpoint, rank: u32, life: u32, packet: &Packet<'_>) -> bool {
        !matches!(self.put(me, (rank, life), packet, WORDS / 2), Err(TellError::RankFull { .. }))
    }

    fn put(
        &mut self,
        me: &Endpoint,
        (rank, life): (u32, u32),
        packet: &Packet<'_>,
        most: usize,
    ) -> Result<(), TellError> {
        if self.all.get(rank as usize).is_none_or(|peer| life <= peer.ended) {
            return Err(TellError::RankGone { rank });
        }
        let mut bytes = Vec::with_capacity(48);
        let tag = packet.write(life, &mut bytes);
        self.send(me, (rank, life), tag, &bytes, most)
    }

    /// The same, if not much waits for room there already. Without it nothing is wrong, but not told.
    pub fn mention(&mut self, me: &Endpoint, rank: u32, life: u32, packet: &Packet<'_>) {
        if self.all.get(rank as usize).is_some_and(|peer| peer.waiting.len() <= self.backlog) {
            self.say(me, rank, life, packet);
        }
    }

    fn send(
        &mut self,
        me: &Endpoint,
        (rank, life): (u32, u32),
        tag: u32,
        bytes: &[u8],
        most: usize,
    ) -> Result<(), TellError> {
        let Some(peer) = self.all.get_mut(rank as usize) else {
            return Err(TellError::RankGone { rank });
        };
        if peer.waiting.is_empty() {
            match me.to(rank).tag(tag).try_send(bytes) {
                Ok(()) => return Ok(()),
                Err(error) if is_want_of_room(&error) => {}
                Err(SendError::TooLarge { limit, .. }) => {
                    return Err(TellError::TooLong { len: bytes.len(), limit });
                }
                Err(SendError::Gone { .. }) => return Err(TellError::RankGone { rank }),
                Err(error) => return Err(TellError::Send { rank, error }),
            }
        }
        if peer.waiting.len() >= most {
            return Err(TellError::RankFull { rank });
        }
        // Now, and not when there is room, it is found to be too long.
        let limit = me.region().eager_limit();
        if bytes.len() as u64 > limit {
            return Err(TellError::TooLong { len: bytes.len(), limit });
        }
        if peer.waiting.is_empty() {
            self.behind.push(rank);
        }
        peer.waiting.push_back(Waiting { life, tag, bytes: bytes.to_vec() });
        Ok(())
    }

    /// Whether something waits for room.
    pub fn is_behind(&self) -> bool {
        !self.behind.is_empty()
    }

    /// Sends what waits, as far as there is room now.
    pub fn catch_up(&mut self, me: &Endpoint) {
        let all = &mut self.all;
        self.behind.retain(|rank| {
            let Some(peer) = all.get_mut(*rank as usize) else { return false };
            while let Some(Waiting { tag, bytes, .. }) = peer.waiting.front() {
                if me.to(*rank).tag(*tag).try_send(bytes).is_err_and(|error| is_want_of_room(&error)) {
                    return true;
                }
                peer.waiting.pop_front();
            }
            false
        });
    }
}

/// Whether the same can be sent later: the mailbox is full, or no memory is left for it.
fn is_want_of_room(error: &SendError) -> bool {
    matches!(error, SendError::Full(_) | SendError::Broken(Broken::NoSpace(_) | Broken::Os { .. }))
}
