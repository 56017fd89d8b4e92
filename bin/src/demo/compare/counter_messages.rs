//! The counter with messages: one process owns it, and the others ask it to add.

use super::outcome::Outcome;
use mailbox::Endpoint;

/// The owner's rank.
pub const OWNER: u32 = 0;

/// Adds what comes until all others have ended; the value, and how many messages were none.
pub fn own(me: &Endpoint) -> Outcome<(u64, u64)> {
    let (mut value, mut refused) = (0, 0);
    for mail in me.until_alone() {
        let mail = mail?;
        let Ok(more) = mail.value::<u64>() else {
            refused += 1;
            continue;
        };
        value += more;
        if mail.is_call() {
            mail.reply(&value.to_ne_bytes())?;
        }
    }
    Ok((value, refused))
}

/// Adds 1; the value then.
pub fn add(me: &Endpoint) -> Outcome<u64> {
    Ok(me.call(OWNER, &1u64.to_ne_bytes())?.value()?)
}

/// Adds 1, and does not ask for the value.
pub fn add_unanswered(me: &Endpoint) -> Outcome<()> {
    Ok(me.send(OWNER, &1u64.to_ne_bytes())?)
}
