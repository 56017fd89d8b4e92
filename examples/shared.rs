//! One rank whose calls several threads answer: each takes the next one, and nothing is locked while they wait.

use mailbox::{Config, RecvError, Region, Shared};
use std::thread;

const THREADS: usize = 4;
const CALLS: u64 = 250;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let region = Region::create_unnamed(Config::ranks(3))?;
    let server = region.join(0)?.into_shared();
    let clients = [region.join(1)?, region.join(2)?];
    let workers: Vec<_> =
        (0..THREADS).map(|_| server.clone()).map(|me| thread::spawn(move || work(&me))).collect();

    let clients = clients.map(|me| {
        thread::spawn(move || {
            (1..=CALLS).try_fold(0, |sum, number| {
                let reply = me.call(0, &number.to_ne_bytes())?;
                Ok::<_, mailbox::CallError>(sum + reply.value::<u64>().expect("a number"))
            })
        })
    });
    for client in clients {
        println!("a client's sum of squares: {}", client.join().expect("a client that ends")?);
    }

    server.send(0, b"")?; // to oneself: a worker that gets it passes it on, and ends
    let served = workers.into_iter().map(|worker| worker.join().expect("a worker that ends"));
    println!("{} calls in {THREADS} threads", served.sum::<Result<u64, _>>()?);
    Ok(())
}

fn work(me: &Shared) -> Result<u64, RecvError> {
    let mut served = 0;
    loop {
        match me.recv() {
            Ok(call) if call.is_call() => {
                let number: u64 = call.value().expect("a number");
                served += u64::from(call.reply(&(number * number).to_ne_bytes()).is_ok());
            }
            Ok(_end) => {
                let _ = me.send(0, b"");
                return Ok(served);
            }
            Err(error) if error.is_gone() => {} // a client has ended; others go on
            Err(error) => return Err(error),
        }
    }
}
