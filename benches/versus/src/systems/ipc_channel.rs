//! ipc-channel: channels of bytes over UNIX sockets.

use crate::drive;
use crate::job::Job;
use crate::link::{Link, System, read_in_place};
use crate::outcome::{Figures, Outcome};
use ipc_channel::ipc::{IpcBytesReceiver, IpcBytesSender, bytes_channel};
use std::cell::RefCell;

/// Its channels of bytes, which serialize nothing.
pub fn play(job: &Job) -> Outcome<Figures> {
    let [(to_us, inwards), (to_them, outwards)] = [bytes_channel()?, bytes_channel()?];
    let receivers = [Some(inwards), Some(outwards)].map(RefCell::new);
    drive::processes(job, &Channels { senders: [to_us, to_them], receivers })
}

/// A channel to side 0, and one to the others.
struct Channels {
    senders: [IpcBytesSender; 2],
    receivers: [RefCell<Option<IpcBytesReceiver>>; 2],
}

impl System for Channels {
    type Link = End;

    fn link(&self, side: u32) -> Outcome<End> {
        let (to, from) = if side == 0 { (1, 0) } else { (0, 1) };
        let receiver = self.receivers[from].take().ok_or("taken")?;
        Ok(End { sender: self.senders[to].clone(), receiver })
    }
}

struct End {
    sender: IpcBytesSender,
    receiver: IpcBytesReceiver,
}

impl Link for End {
    fn send(&mut self, bytes: &[u8]) -> Outcome<()> {
        Ok(self.sender.send(bytes)?)
    }

    fn receive(&mut self, bytes: &mut [u8]) -> Outcome<()> {
        read_in_place(&self.receiver.recv()?, bytes);
        Ok(())
    }
}
