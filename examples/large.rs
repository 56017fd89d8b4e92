//! Messages of any size: in memory at the other end, straight to a file, and several at once in any order.
//!
//! Both ranks are threads of one process here; two processes do the same.

use mailbox::{Config, Region};
use std::error::Error;
use std::fs::File;
use std::{io, thread};

fn main() -> Result<(), Box<dyn Error>> {
    let region = Region::create_unnamed(Config::ranks(2))?; // 2 MiB of arena for each mailbox
    let (from, to) = (region.join(0)?, region.join(1)?);
    let sender = thread::spawn(move || -> Result<(), mailbox::SendError> {
        let bytes = vec![7; 32 << 20];
        from.send(1, &bytes)?;
        from.send(1, &bytes)?;
        // Announced without waiting; each goes when it is wanted.
        let all: Result<Vec<_>, _> =
            (1..=3).map(|number| from.to(1).announce(vec![number; 4 << 20])).collect();
        all?.iter_mut().try_for_each(|sending| sending.wait())
    });

    let mail = to.recv()?;
    println!("{} bytes in memory", mail.into_vec().len());

    // From here on nothing of a large message is kept in memory: it is read as it comes.
    to.set_by_hand(true);
    let path = std::env::temp_dir().join(format!("large-{}", std::process::id()));
    let mut file = File::create(&path)?;
    io::copy(&mut to.recv()?.fetch(), &mut file)?;
    println!("{} bytes in a file", path.metadata()?.len());
    std::fs::remove_file(path)?;

    let (first, second, third) = (to.recv()?, to.recv()?, to.recv()?);
    for mail in [third, first, second] {
        let mut buffer = vec![0; 4 << 20];
        io::Read::read_exact(&mut mail.fetch(), &mut buffer)?;
        println!("{} bytes of {}", buffer.len(), buffer[0]);
    }
    Ok(sender.join().expect("a sender that ends")?)
}
