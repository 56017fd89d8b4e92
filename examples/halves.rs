//! An endpoint in two halves: one thread sends while another receives, as one rank.

use mailbox::{Config, RecvError, Region};
use std::thread;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let region = Region::create_unnamed(Config::ranks(2).cells(16))?;
    let (me, echo) = (region.join(0)?, region.join(1)?);
    thread::spawn(move || -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        for _ in 0..1000 {
            let mail = echo.recv()?;
            echo.send(mail.from(), &mail.to_vec())?;
        }
        Ok(()) // dropping the endpoint ends what the other side receives
    });

    // A mailbox has room for 16: one thread that sent 1000 before it received would wait for ever.
    let (sender, receiver) = me.into_split();
    let sending =
        thread::spawn(move || (0..1000u64).try_for_each(|number| sender.send(1, &number.to_ne_bytes())));
    let mut replies = 0;
    loop {
        match receiver.from(1).recv() {
            Ok(mail) => replies += u64::from(mail.value::<u64>()? == replies),
            Err(RecvError::Gone { died: false, .. }) => break,
            Err(error) => return Err(error.into()),
        }
    }
    sending.join().expect("a sender that ends")?;
    println!("{replies} replies, in order");
    Ok(())
}
