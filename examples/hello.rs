//! Two processes talk: start this twice.

use mailbox::{Config, Region};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let region = Region::create_or_open("hello", Config::ranks(2))?;
    let me = region.join_any()?;
    if me.rank() == 1 {
        me.send(0, b"hello")?;
    }
    let mail = me.recv()?; // from anyone; sleeps if it must
    println!("rank {} says: {}", mail.from(), String::from_utf8_lossy(&mail.to_vec()));
    if me.rank() == 0 {
        me.send(mail.from(), b"and to you")?;
    }
    drop(mail); // acknowledged
    drop(me); // left; what it sent stays
    let _ = region.remove(); // by the last to leave
    Ok(())
}
