//! The fields of what systems send each other, as bytes.

use super::address::{ActorId, Place};
use super::reason::{Reason, short};
use core::time::Duration;

pub fn put_place(out: &mut Vec<u8>, place: Place) {
    out.extend_from_slice(bytemuck::bytes_of(&[place.slot.to_le(), place.generation.to_le()]));
}

pub fn put_watch(out: &mut Vec<u8>, place: Place, number: u64, kind: u32) -> u32 {
    out.extend(number.to_le_bytes());
    put_place(out, place);
    kind
}

pub fn put_two(out: &mut Vec<u8>, to: Place, from: Place, kind: u32) -> u32 {
    put_place(out, to);
    put_place(out, from);
    kind
}

pub fn put_option(out: &mut Vec<u8>, place: Option<Place>) {
    out.push(u8::from(place.is_some()));
    put_place(out, place.unwrap_or(Place { slot: 0, generation: 0 }));
}

/// A text of at most 256 bytes.
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    let text = short(text);
    out.extend((text.len() as u16).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

pub fn put_reason(out: &mut Vec<u8>, reason: &Reason) {
    match reason {
        Reason::Stopped => out.push(0),
        Reason::Failed(why) => {
            out.push(1);
            put_text(out, why);
        }
        Reason::Panicked(why) => {
            out.push(2);
            put_text(out, why);
        }
        Reason::Killed => out.push(3),
        Reason::Linked(actor) => {
            out.push(4);
            out.extend(actor.rank.to_le_bytes());
            out.extend(actor.life.to_le_bytes());
            put_place(out, actor.place);
        }
        Reason::TooManyRestarts { most, within } => {
            out.push(5);
            out.extend(most.to_le_bytes());
            out.extend((within.as_millis().min(u64::MAX.into()) as u64).to_le_bytes());
        }
        Reason::RankGone => out.push(6),
        Reason::NotThere => out.push(7),
        Reason::NotWatched => out.push(8),
    }
}

/// What is left to be read.
pub struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (front, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*front)
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.take().map(|[byte]| byte)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    pub fn place(&mut self) -> Option<Place> {
        Some(Place { slot: self.u32()?, generation: self.u32()? })
    }

    pub fn option(&mut self) -> Option<Option<Place>> {
        let is_there = self.u8()? == 1;
        let place = self.place()?;
        Some(is_there.then_some(place))
    }

    pub fn text(&mut self) -> Option<&'a str> {
        let len = self.take().map(u16::from_le_bytes)?;
        let (text, rest) = self.0.split_at_checked(len.into())?;
        self.0 = rest;
        core::str::from_utf8(text).ok().filter(|text| text.len() <= 256)
    }

    pub fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.0)
    }

    pub fn reason(&mut self) -> Option<Reason> {
        Some(match self.u8()? {
            0 => Reason::Stopped,
            1 => Reason::Failed(self.text()?.into()),
            2 => Reason::Panicked(self.text()?.into()),
            3 => Reason::Killed,
            4 => Reason::Linked(ActorId { rank: self.u32()?, life: self.u32()?, place: self.place()? }),
            5 => Reason::TooManyRestarts { most: self.u32()?, within: Duration::from_millis(self.u64()?) },
            6 => Reason::RankGone,
            7 => Reason::NotThere,
            8 => Reason::NotWatched,
            _ => return None,
        })
    }
}
