//! What a thread sends.

use super::clerk::{Clerk, TAGS};
use super::roll::{Call, Count};
use crate::stress::message;
use mailbox::SendError;
use measure::clock;
use rand::RngExt;

impl Clerk<'_> {
    /// Sends some messages.
    pub fn send(&mut self) -> Result<(), String> {
        let most = [1, 3, 16][self.random.random_range(0..3)];
        for _ in 0..self.random.random_range(1..=most) {
            self.send_one()?;
        }
        Ok(())
    }

    /// Sends a message of any length, in any way.
    fn send_one(&mut self) -> Result<(), String> {
        let (to, time) = (self.random.random_range(0..self.desk.ranks), self.time());
        let whole = self.me.region().eager_limit() as usize;
        let (shortest, longest) =
            [(16, 48), (16, 48), (16, 300), (48, whole)][self.random.random_range(0..4)];
        let is_announced = self.random.random_ratio(1, 32);
        let (shortest, longest) = if is_announced { (whole + 1, 3 * whole) } else { (shortest, longest) };
        let len = self.random.random_range(shortest..=longest);
        let holes = self.desk.sent[to as usize];
        let Some(number) = holes.begin(is_announced) else { return Ok(()) };
        let bytes = message::write(holes.key(number), len, &mut self.random);
        let (me, random) = (&self.me, &mut self.random);
        let message = me.to(to).tag(random.random_range(0..TAGS)).within(time);
        let sent = self.desk.roll.call(self.desk.seat(self.thread), Call::Send, || {
            match random.random_range(0..6) {
                0 if !is_announced => message.try_send(&bytes),
                1 if !is_announced => {
                    let mut loan = me.loan(len)?;
                    loan.write_at(0, &bytes);
                    loan.commit(len).send_within(to, time)
                }
                2 if is_announced => {
                    message.announce(bytes).and_then(|mut sending| sending.wait_within(time))
                }
                _ => message.send(&bytes),
            }
        });
        holes.end(number, sent.is_ok(), clock().as_nanos() as u64);
        match sent {
            Ok(()) => {
                self.count(Count::Sent);
                if is_announced {
                    self.count(Count::Announced);
                }
            }
            Err(SendError::Timeout(_) | SendError::Full(_) | SendError::Interrupted) => {
                self.count(Count::GivenUp)
            }
            Err(SendError::Gone { rank, died }) if self.may_be_gone(rank, died) => self.count(Count::GivenUp),
            Err(error) => return Err(format!("a send to rank {to} ends with: {error}")),
        }
        Ok(())
    }
}
