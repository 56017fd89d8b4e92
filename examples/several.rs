//! Several ranks a thread: six workers on two threads, each of which waits for all of its ranks at once.

use mailbox::{Config, Endpoint, RecvError, Region, Select, SelectError};
use std::error::Error;
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let region = Region::create_unnamed(Config::ranks(7))?;
    let me = region.join(0)?;
    let mut threads = vec![];
    for ranks in [[1, 2, 3], [4, 5, 6]] {
        let workers = [region.join(ranks[0])?, region.join(ranks[1])?, region.join(ranks[2])?];
        threads.push(thread::spawn(move || serve(&workers)));
    }
    (0..600u64).try_for_each(|number| me.send(1 + number as u32 % 6, &number.to_ne_bytes()))?;
    let mut sum = 0;
    for _ in 0..600 {
        sum += me.recv()?.value::<u64>()?;
    }
    drop(me); // their work is done
    threads.into_iter().try_for_each(|thread| thread.join().expect("a thread that ends"))?;
    println!("all squares: {sum}");
    Ok(())
}

fn serve(workers: &[Endpoint]) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut select = Select::new();
    // Arms have the numbers 0, 1, 2, … in the order in which they are added.
    workers.iter().for_each(|worker| _ = select.recv(worker.from_any()));
    loop {
        let arm = match select.wait(PATIENCE) {
            Err(SelectError::Empty) => return Ok(()), // all have been removed
            arm => arm?,
        };
        match workers[arm].recv() {
            Ok(mail) => workers[arm].send(mail.from(), &mail.value::<u64>()?.pow(2).to_ne_bytes())?,
            Err(RecvError::Gone { rank: 0, .. }) => select.remove(arm), // and no more of it
            Err(RecvError::Gone { .. }) => {}                           // a worker of the other thread
            Err(error) => return Err(error.into()),
        }
    }
}
