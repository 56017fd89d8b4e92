//! Notes that wait for room.

use super::RunError;
use super::note::Note;
use super::worker::post;
use mailbox::Endpoint;
use std::collections::{BTreeMap, VecDeque};
use std::thread;
use std::time::{Duration, Instant};

/// Notes to the members of a run, of which each waits for room in its mailbox. Those to oneself go no other way.
pub struct Post<'a> {
    me: &'a Endpoint,
    notes: BTreeMap<u32, VecDeque<Note>>,
}

impl<'a> Post<'a> {
    pub fn new(me: &'a Endpoint) -> Self {
        Self { me, notes: BTreeMap::new() }
    }

    pub fn tell(&mut self, to: u32, note: Note) {
        self.notes.entry(to).or_default().push_back(note);
    }

    pub fn tell_all(&mut self, notes: impl IntoIterator<Item = (u32, Note)>) {
        notes.into_iter().for_each(|(to, note)| self.tell(to, note));
    }

    pub fn has_none_for(&self, rank: u32) -> bool {
        self.notes.get(&rank).is_none_or(VecDeque::is_empty)
    }

    /// The oldest note to oneself.
    pub fn own(&mut self) -> Option<Note> {
        self.notes.get_mut(&self.me.rank())?.pop_front()
    }

    /// Sends the notes for which there is room.
    pub fn send(&mut self) -> Result<(), RunError> {
        for (to, notes) in self.notes.iter_mut().filter(|(to, _)| **to != self.me.rank()) {
            while let Some(note) = notes.front()
                && post(self.me, *to, &note.bytes(), &[])?
            {
                notes.pop_front();
            }
        }
        Ok(())
    }

    /// Sends all notes to others, as far as these take them in this time.
    pub fn send_all(&mut self, within: Duration) {
        let until = Instant::now() + within;
        self.notes.remove(&self.me.rank());
        while self.send().is_ok()
            && self.notes.values().any(|notes| !notes.is_empty())
            && Instant::now() < until
        {
            thread::sleep(Duration::from_millis(1));
        }
    }
}
