//! Messages of any size: one in memory at the other end, one in pieces to a file.
//!
//! Both ranks are threads of one process here; two processes do the same.

use mailbox::{Config, Endpoint, Region};
use std::fs::File;
use std::io::{Error, Write};
use std::thread;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let region = Region::create_unnamed(Config::ranks(2))?; // 2 MiB of arena for each mailbox
    let (from, to) = (region.join(0)?, region.join(1)?);
    let bytes = vec![7; 32 << 20];
    let sender = thread::spawn(move || (0..2).try_for_each(|_| from.send(1, &bytes)));

    let mail = to.recv()?;
    println!("{} bytes in memory", mail.into_vec().len());

    let path = std::env::temp_dir().join(format!("large-{}", std::process::id()));
    save(&to, File::create(&path)?)?;
    println!("{} bytes in a file", path.metadata()?.len());
    std::fs::remove_file(path)?;
    Ok(sender.join().expect("a sender that ends")?)
}

/// Writes the next message to `file`, without ever having all of it in memory.
fn save(me: &Endpoint, mut file: File) -> Result<(), Box<dyn std::error::Error>> {
    me.set_pieces(true);
    loop {
        let mail = me.recv()?;
        file.write_all(&mail.to_vec())?;
        let piece = mail.piece().ok_or(Error::other("a message, not a piece of one"))?;
        if piece.is_last {
            return Ok(());
        }
    }
}
