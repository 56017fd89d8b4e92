//! Seats of a theatre, sold by several processes at once. One process keeps how many are left, and three keep the latest price. One of those is
//! killed meanwhile.

use mailbox::{Config, Deadline, Region};
use mailbox_patterns::register::{Owner, Register, Remote, Replica, Replicated};
use std::env;
use std::error::Error;
use std::process::{Child, Command};
use std::time::Duration;

const LEFT: Register<u32> = Register::new("seats left");
const PRICE: Register<u32> = Register::new("price");
const SEATS: u32 = 100;
/// The ranks of those that keep the price, of the one that keeps the seats, and of those that sell.
const REPLICAS: [u32; 3] = [0, 1, 2];
const OWNER: u32 = 3;
const SELLERS: [u32; 4] = [4, 5, 6, 7];

fn main() -> Result<(), Box<dyn Error>> {
    if let Some(rank) = env::args().nth(1) {
        let me = Region::from_env()?.join(rank.parse()?)?;
        if SELLERS.contains(&me.rank()) {
            let sold = sell(&mut Remote::new(&me, &LEFT, OWNER)?)?;
            return Ok(me.send(8, &sold.to_ne_bytes())?);
        }
        let mut replica = Replica::join(me, &PRICE, REPLICAS, 20)?;
        loop {
            replica.serve(Deadline::Never)?;
        }
    }
    let region = Region::create_unnamed(Config::ranks(9))?;
    let start = |rank: u32| -> Result<Child, Box<dyn Error>> {
        let mut command = Command::new(env::current_exe()?);
        region.hand_to(command.arg(rank.to_string()))?;
        Ok(command.spawn()?)
    };
    let me = region.join(8)?;
    let mut replicas = REPLICAS.map(start).into_iter().collect::<Result<Vec<_>, _>>()?;
    let mut price = Replicated::new(&me, &PRICE, REPLICAS)?;
    price.write(&25)?;
    replicas[0].kill()?;
    println!("a seat is {}", price.read()?);

    let mut owner = Owner::new(region.join(OWNER)?, &LEFT, SEATS)?;
    let mut sellers = SELLERS.map(start).into_iter().collect::<Result<Vec<_>, _>>()?;
    let (mut sold, mut done) = (0, 0);
    while done < SELLERS.len() {
        _ = owner.serve(Duration::from_millis(1)); // nobody may ask for a while
        while let Some(mail) = me.try_recv().ok().flatten() {
            sold += mail.value::<u32>()?;
            done += 1;
        }
    }
    println!("{sold} of {SEATS} seats were sold, {} are left", owner.get());
    sellers.iter_mut().try_for_each(|seller| seller.wait().map(drop))?;
    replicas.iter_mut().try_for_each(|replica| replica.kill().and_then(|()| replica.wait()).map(drop))?;
    Ok(())
}

/// Sells seats until none is left. No seat is sold twice.
fn sell(left: &mut Remote<'_, u32>) -> Result<u32, Box<dyn Error>> {
    let (mut now, mut sold) = (left.read()?, 0);
    while now > 0 {
        match left.compare_and_swap(&now, &(now - 1))? {
            Ok(()) => (now, sold) = (now - 1, sold + 1),
            Err(other) => now = other,
        }
    }
    Ok(sold)
}
