//! What systems send each other.
//!
//! The tag of a mail says what it is. Its first four bytes are the life of the rank that it is for: a successor does not take it for its
//! own.

use super::address::Place;
use super::fields::{Fields, put_option, put_place, put_reason, put_text, put_two, put_watch};
use super::reason::Reason;

/// The upper three bytes of all tags: mail with another tag is none of ours.
const FAMILY: u32 = 0x6163_7400;

/// Why a message was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    Gone,
    Full,
    OtherType,
    /// It was for another life of the rank.
    OtherLife,
}

/// Why an actor was not spawned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSpawned {
    Full(u32),
    UnknownKind,
    OtherStart,
    Panicked,
}

/// One mail. What others wrote is borrowed from a copy of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Packet<'a> {
    /// A message, of which the body follows.
    Tell {
        to: Place,
        body: &'a [u8],
    },
    /// A message that is a question with this number.
    Ask {
        to: Place,
        number: u64,
        body: &'a [u8],
    },
    /// The answer to the question with this number.
    Answer {
        number: u64,
        body: &'a [u8],
    },
    /// What was told, or asked with a number that is not 0, was refused, or its actor ended before it was done with it.
    Refused {
        to: Place,
        number: u64,
        why: Refusal,
    },
    /// Tell the end of this actor, under this number.
    Watch {
        target: Place,
        number: u64,
    },
    Unwatch {
        target: Place,
        number: u64,
    },
    /// The actor that is watched under this number has ended.
    Down {
        number: u64,
        reason: Reason,
    },
    /// These two are linked from now on.
    Link {
        to: Place,
        from: Place,
    },
    Unlink {
        to: Place,
        from: Place,
    },
    /// `from` has ended, and was linked to `to`.
    Exit {
        to: Place,
        from: Place,
        reason: Reason,
    },
    /// End this actor.
    Stop {
        target: Place,
    },
    /// Start an actor of this kind, linked to that one if there is one.
    Spawn {
        number: u64,
        parent: Option<Place>,
        kind: &'a str,
        start: &'a [u8],
    },
    Spawned {
        number: u64,
        actor: Place,
    },
    NotSpawned {
        number: u64,
        why: NotSpawned,
    },
    /// May the sender have this name?
    Claim {
        number: u64,
        name: &'a str,
    },
    /// Who has this name?
    Find {
        number: u64,
        name: &'a str,
    },
    /// To a claim: whether it may. To a search: who has it.
    Vote {
        number: u64,
        yes: bool,
        actor: Option<Place>,
    },
}

impl<'a> Packet<'a> {
    /// The tag of the mail. Its bytes go to the end of `out`, where more of the body may follow.
    pub fn write(&self, life: u32, out: &mut Vec<u8>) -> u32 {
        out.extend(life.to_le_bytes());
        let kind = match self {
            Packet::Tell { to, body } => {
                put_place(out, *to);
                out.extend_from_slice(body);
                1
            }
            Packet::Ask { to, number, body } => {
                put_place(out, *to);
                out.extend(number.to_le_bytes());
                out.extend_from_slice(body);
                2
            }
            Packet::Answer { number, body } => {
                out.extend(number.to_le_bytes());
                out.extend_from_slice(body);
                3
            }
            Packet::Refused { to, number, why } => {
                put_place(out, *to);
                out.extend(number.to_le_bytes());
                out.push(*why as u8);
                4
            }
            Packet::Watch { target, number } => put_watch(out, *target, *number, 5),
            Packet::Unwatch { target, number } => put_watch(out, *target, *number, 6),
            Packet::Down { number, reason } => {
                out.extend(number.to_le_bytes());
                put_reason(out, reason);
                7
            }
            Packet::Link { to, from } => put_two(out, *to, *from, 8),
            Packet::Unlink { to, from } => put_two(out, *to, *from, 9),
            Packet::Exit { to, from, reason } => {
                put_two(out, *to, *from, 10);
                put_reason(out, reason);
                10
            }
            Packet::Stop { target } => {
                put_place(out, *target);
                11
            }
            Packet::Spawn { number, parent, kind, start } => {
                out.extend(number.to_le_bytes());
                put_option(out, *parent);
                put_text(out, kind);
                out.extend_from_slice(start);
                12
            }
            Packet::Spawned { number, actor } => put_watch(out, *actor, *number, 13),
            Packet::NotSpawned { number, why } => {
                out.extend(number.to_le_bytes());
                let (code, most) = match why {
                    NotSpawned::Full(most) => (0, *most),
                    NotSpawned::UnknownKind => (1, 0),
                    NotSpawned::OtherStart => (2, 0),
                    NotSpawned::Panicked => (3, 0),
                };
                out.push(code);
                out.extend(most.to_le_bytes());
                14
            }
            Packet::Claim { number, name } => {
                out.extend(number.to_le_bytes());
                put_text(out, name);
                15
            }
            Packet::Find { number, name } => {
                out.extend(number.to_le_bytes());
                put_text(out, name);
                16
            }
            Packet::Vote { number, yes, actor } => {
                out.extend(number.to_le_bytes());
                out.push(u8::from(*yes));
                put_option(out, *actor);
                17
            }
        };
        FAMILY | kind
    }

    /// The life that a mail with this tag is for, and what it says. `None` if no system has written it.
    pub fn read(tag: u32, bytes: &'a [u8]) -> Option<(u32, Self)> {
        if tag & !0xff != FAMILY {
            return None;
        }
        let mut from = Fields(bytes);
        let life = from.u32()?;
        let packet = match tag & 0xff {
            1 => Packet::Tell { to: from.place()?, body: from.rest() },
            2 => Packet::Ask { to: from.place()?, number: from.u64()?, body: from.rest() },
            3 => Packet::Answer { number: from.u64()?, body: from.rest() },
            4 => Packet::Refused { to: from.place()?, number: from.u64()?, why: from.refusal()? },
            5 => Packet::Watch { number: from.u64()?, target: from.place()? },
            6 => Packet::Unwatch { number: from.u64()?, target: from.place()? },
            7 => Packet::Down { number: from.u64()?, reason: from.reason()? },
            8 => Packet::Link { to: from.place()?, from: from.place()? },
            9 => Packet::Unlink { to: from.place()?, from: from.place()? },
            10 => Packet::Exit { to: from.place()?, from: from.place()?, reason: from.reason()? },
            11 => Packet::Stop { target: from.place()? },
            12 => Packet::Spawn {
                number: from.u64()?,
                parent: from.option()?,
                kind: from.text()?,
                start: from.rest(),
            },
            13 => Packet::Spawned { number: from.u64()?, actor: from.place()? },
            14 => Packet::NotSpawned { number: from.u64()?, why: from.not_spawned()? },
            15 => Packet::Claim { number: from.u64()?, name: from.text()? },
            16 => Packet::Find { number: from.u64()?, name: from.text()? },
            17 => Packet::Vote { number: from.u64()?, yes: from.u8()? == 1, actor: from.option()? },
            _ => return None,
        };
        from.0.is_empty().then_some((life, packet))
    }
}

impl Fields<'_> {
    fn refusal(&mut self) -> Option<Refusal> {
        [Refusal::Gone, Refusal::Full, Refusal::OtherType, Refusal::OtherLife]
            .get(self.u8()? as usize)
            .copied()
    }

    fn not_spawned(&mut self) -> Option<NotSpawned> {
        let (code, most) = (self.u8()?, self.u32()?);
        match code {
            0 => Some(NotSpawned::Full(most)),
            1 => Some(NotSpawned::UnknownKind),
            2 => Some(NotSpawned::OtherStart),
            3 => Some(NotSpawned::Panicked),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::address::ActorId;
    use super::*;
    use core::time::Duration;

    fn packets() -> Vec<Packet<'static>> {
        let [one, two] = [3, 9].map(|slot| Place { slot, generation: 7 });
        let id = ActorId { rank: 1, life: 2, place: one };
        let within = Duration::from_secs(5);
        let reasons = [
            Reason::Stopped,
            Reason::Failed("a".into()),
            Reason::Panicked("b".into()),
            Reason::Killed,
            Reason::Linked(id),
            Reason::TooManyRestarts { most: 3, within },
            Reason::RankGone,
            Reason::NotThere,
            Reason::NotWatched,
        ];
        let mut packets = vec![
            Packet::Tell { to: one, body: b"x" },
            Packet::Ask { to: one, number: 1, body: b"" },
            Packet::Answer { number: u64::MAX, body: b"yes" },
            Packet::Watch { target: one, number: 4 },
            Packet::Unwatch { target: one, number: 4 },
            Packet::Link { to: one, from: two },
            Packet::Unlink { to: one, from: two },
            Packet::Stop { target: two },
            Packet::Spawn { number: 5, parent: Some(one), kind: "room", start: b"r" },
            Packet::Spawn { number: 5, parent: None, kind: "", start: b"" },
            Packet::Spawned { number: 5, actor: two },
            Packet::Claim { number: 6, name: "printer" },
            Packet::Find { number: 6, name: "printer" },
            Packet::Vote { number: 6, yes: true, actor: Some(two) },
            Packet::Vote { number: 6, yes: false, actor: None },
        ];
        for reason in reasons {
            packets.push(Packet::Down { number: 8, reason: reason.clone() });
            packets.push(Packet::Exit { to: one, from: two, reason });
        }
        for why in [Refusal::Gone, Refusal::Full, Refusal::OtherType, Refusal::OtherLife] {
            packets.push(Packet::Refused { to: one, number: 0, why });
        }
        let whys =
            [NotSpawned::Full(7), NotSpawned::UnknownKind, NotSpawned::OtherStart, NotSpawned::Panicked];
        packets.extend(whys.map(|why| Packet::NotSpawned { number: 9, why }));
        packets
    }

    #[test]
    fn what_was_written_is_read_and_no_bytes_make_a_panic() {
        for packet in packets() {
            let mut bytes = vec![];
            let tag = packet.write(77, &mut bytes);
            assert_eq!(Packet::read(tag, &bytes), Some((77, packet.clone())));
            for end in 0..bytes.len() {
                _ = Packet::read(tag, &bytes[..end]);
            }
            for at in 0..bytes.len() {
                let mut bytes = bytes.clone();
                bytes[at] = 0xff;
                (0..=255).for_each(|kind| _ = Packet::read(FAMILY | kind, &bytes));
            }
            assert_eq!(Packet::read(tag ^ 0x100, &bytes), None);
        }
    }

    #[test]
    fn long_words_are_cut_where_a_character_ends() {
        let mut bytes = vec![];
        let tag = Packet::Down { number: 1, reason: Reason::Failed("é".repeat(200)) }.write(1, &mut bytes);
        let Some((_, Packet::Down { reason: Reason::Failed(why), .. })) = Packet::read(tag, &bytes) else {
            panic!("it is read");
        };
        assert_eq!(why, "é".repeat(128));
    }
}
