//! Frames that are written once, in place, and read in place by three others.
//!
//! All ranks are threads of one process here; as many processes do the same.

use mailbox::{Config, Endpoint, RecvError, Region};
use std::io::Write;
use std::thread;

const READERS: u32 = 3;
const FRAMES: u8 = 10;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let region = Region::create_unnamed(Config::ranks(1 + READERS))?; // 64 MiB a rank for what is on loan at once
    let camera = region.join(0)?;
    let readers = (1..=READERS).map(|rank| region.join(rank)).collect::<Result<Vec<_>, _>>()?;
    let readers: Vec<_> = readers.into_iter().map(|me| thread::spawn(move || read(&me))).collect();

    for number in 0..FRAMES {
        let mut frame = camera.loan(4 << 20)?; // `Full` if a reader were sixteen of them behind
        frame.write_all(&vec![number; 1_000_000])?;
        let len = frame.written();
        let frame = frame.commit(len);
        (1..=READERS).try_for_each(|reader| frame.send(reader))?;
    } // its room is free once all three have acknowledged it

    for reader in readers {
        let (bytes, last) = reader.join().expect("a reader that ends")?;
        println!("{bytes} bytes, the last frame is of {last}");
    }
    Ok(())
}

fn read(me: &Endpoint) -> Result<(usize, u8), RecvError> {
    let (mut bytes, mut last) = (0, [0]);
    for _ in 0..FRAMES {
        let frame = me.from(0).recv()?; // from anyone it would hear of the others' ends, too
        bytes += frame.len();
        frame.read_at(frame.len() - 1, &mut last);
    } // dropped, each is acknowledged
    Ok((bytes, last[0]))
}
