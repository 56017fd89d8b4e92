//! How a tuple is found whose key is not known: all shards are asked.
//!
//! No tuple leaves its shard but the one that is returned. Each shard is asked in turn whether it has one, as with a key. If none has, each is
//! asked to say so when it has one. The first that does is asked once more. If another process has taken the tuple meanwhile, it is asked to
//! say so again. A shard that gets a tuple between both questions says so at once: it looks before it waits.

use super::TupleError;
use super::ask::{Asking, Found, Shards};
use super::message::{Answer, Request, Verb, Wanted};
use mailbox::{Deadline, Select};

/// A tuple that is wanted, of any shard.
pub fn find(
    shards: &Shards<'_>,
    verb: Verb,
    wanted: Wanted<'_>,
    waits: bool,
    deadline: Deadline,
) -> Result<Option<Found>, TupleError> {
    let turn = shards.turn.get();
    shards.turn.set(turn.wrapping_add(1));
    let in_turn =
        (0..shards.count()).map(|shard| (u64::from(turn) + u64::from(shard)) % u64::from(shards.count()));
    for shard in in_turn {
        let found = shards.find_at(shard as u32, verb, wanted, false, deadline)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    if !waits {
        return Ok(None);
    }
    let mut watches = Watches { shards, asking: vec![] };
    for shard in 0..shards.count() {
        let asking = watch(shards, shard, wanted, deadline)?;
        watches.asking.push(Some(asking));
    }
    loop {
        let Some(shard) = watches.wait(deadline)? else { continue };
        if let Some(found) = shards.find_at(shard, verb, wanted, false, deadline)? {
            return Ok(Some(found));
        }
        watches.asking[shard as usize] = Some(watch(shards, shard, wanted, deadline)?);
    }
}

fn watch<'a>(
    shards: &Shards<'a>,
    shard: u32,
    wanted: Wanted<'_>,
    deadline: Deadline,
) -> Result<Asking<'a>, TupleError> {
    shards.start(shard, Request::Find { verb: Verb::Watch, waits: true, wanted }, None, deadline)
}

/// What each shard was asked to say. When this is dropped, nobody waits for that any more.
struct Watches<'s, 'a> {
    shards: &'s Shards<'a>,
    asking: Vec<Option<Asking<'a>>>,
}

impl Watches<'_, '_> {
    /// A shard that has a tuple, or had; `None`: wait again.
    fn wait(&mut self, deadline: Deadline) -> Result<Option<u32>, TupleError> {
        let mut select = Select::new();
        let mut arms = vec![];
        for (shard, asking) in (0..).zip(&self.asking) {
            if let Some(asking) = asking {
                select.call(&asking.call);
                arms.push(shard);
            }
        }
        let shard: u32 = arms[select.wait(deadline)?];
        let Some(asking) = self.asking[shard as usize].take() else {
            return Ok(None);
        };
        let reply = match asking.call.try_wait() {
            Ok(Some(reply)) => reply,
            Ok(None) => {
                self.asking[shard as usize] = Some(asking);
                return Ok(None);
            }
            Err(error) => return Err(self.shards.failed(shard, error)),
        };
        match self.shards.read(shard, &reply)?.0 {
            Answer::There => Ok(Some(shard)),
            _ => Err(TupleError::Garbled { rank: self.shards.rank(shard) }),
        }
    }
}

impl Drop for Watches<'_, '_> {
    fn drop(&mut self) {
        self.asking.iter().flatten().for_each(|asking| self.shards.give_up(asking));
    }
}
