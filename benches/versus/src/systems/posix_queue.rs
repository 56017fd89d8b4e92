//! A POSIX message queue each way.

use crate::drive;
use crate::job::Job;
use crate::link::{Link, System};
use crate::outcome::{Declined, Figures, Outcome};
use nix::mqueue::{MQ_OFlag, MqAttr, MqdT, mq_open, mq_receive, mq_send, mq_unlink};
use nix::sys::stat::Mode;
use std::rc::Rc;

/// A system call for each message and side; as many messages as the system allows, up to those of a mailbox.
pub fn play(job: &Job) -> Outcome<Figures> {
    let queues = Queues { inwards: Rc::new(open(job, "in")?), outwards: Rc::new(open(job, "out")?) };
    drive::processes(job, &queues)
}

/// A queue without a name.
fn open(job: &Job, which: &str) -> Outcome<MqdT> {
    let name = format!("/{}-{which}", job.name);
    let flags = MQ_OFlag::O_CREAT | MQ_OFlag::O_EXCL | MQ_OFlag::O_RDWR;
    for messages in [job.bound(), 256, 64, 10, 4, 1].into_iter().filter(|count| *count <= job.bound()) {
        let attributes = MqAttr::new(0, messages as i64, job.bytes as i64, 0);
        if let Ok(queue) = mq_open(name.as_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR, Some(&attributes)) {
            mq_unlink(name.as_str())?;
            return Ok(queue);
        }
    }
    Err(Declined("the system allows no queue of such messages").into())
}

struct Queues {
    inwards: Rc<MqdT>,
    outwards: Rc<MqdT>,
}

impl System for Queues {
    type Link = End;

    fn link(&self, side: u32) -> Outcome<End> {
        let (out, into) =
            if side == 0 { (&self.outwards, &self.inwards) } else { (&self.inwards, &self.outwards) };
        Ok(End { out: Rc::clone(out), into: Rc::clone(into) })
    }
}

struct End {
    out: Rc<MqdT>,
    into: Rc<MqdT>,
}

impl Link for End {
    fn send(&mut self, bytes: &[u8]) -> Outcome<()> {
        Ok(mq_send(&self.out, bytes, 0)?)
    }

    fn receive(&mut self, bytes: &mut [u8]) -> Outcome<()> {
        mq_receive(&self.into, bytes, &mut 0)?;
        Ok(())
    }
}
