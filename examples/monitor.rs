//! What goes on in a region, seen by one who has not joined it: `monitor NAME`, or one made for the purpose.

use mailbox::{Config, OpenOptions, Region};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Some(name) = std::env::args().nth(1) {
        return show(&name);
    }
    let name = format!("monitor-{}", std::process::id());
    let region = Region::create(&name, Config::ranks(3))?;
    let (writer, reader) = (region.join_as("writer")?, region.join_as("reader")?);
    for number in 0..5u64 {
        writer.send(reader.rank(), &number.to_ne_bytes())?;
    }
    drop(reader.recv()?);
    show(&name)?;
    drop((writer, reader));
    Ok(Region::remove_at(&name)?)
}

fn show(name: &str) -> Result<(), Box<dyn std::error::Error>> {
    let seen = OpenOptions::new().any_protocol().open(name)?.inspect();
    println!("{} bytes in use of {}", seen.memory, seen.size);
    for rank in &seen.ranks {
        println!(
            "rank {} {:?} {:?} waits for {:?}",
            rank.rank, rank.label, rank.status, rank.receiver_awaits
        );
    }
    for mailbox in &seen.mailboxes {
        println!("{} to {}: {} sent, {} unread", mailbox.from, mailbox.to, mailbox.messages, mailbox.unread);
    }
    Ok(())
}
