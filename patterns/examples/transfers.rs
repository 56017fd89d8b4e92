//! A bank whose processes are killed in the middle of its work. Each transfer is carried out once.

use mailbox::{Config, Endpoint, Region};
use mailbox_patterns::delivery::{Consumer, DeadLetters, Durability, Ledger, Outbox, Replay, Retry};
use std::error::Error;
use std::path::Path;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;
use std::{env, fs, process};

const BANK: u32 = 0;
const TELLER: u32 = 1;
const TRANSFERS: u64 = 300;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [rank, folder] = &arguments[..] {
        let me = Region::from_env()?.join(rank.parse()?)?;
        return if me.rank() == BANK { bank(&me, folder.as_ref()) } else { teller(&me, folder.as_ref()) };
    }
    let folder = env::temp_dir().join(format!("transfers-{}", process::id()));
    fs::create_dir(&folder)?;
    let region = Region::create_unnamed(Config::ranks(2))?;
    let start = |rank: u32| -> Result<Child, Box<dyn Error>> {
        let mut command = Command::new(env::current_exe()?);
        region.hand_to(command.arg(rank.to_string()).arg(&folder))?;
        Ok(command.spawn()?)
    };
    let mut both = [start(BANK)?, start(TELLER)?];
    for kill in 0..10 {
        sleep(Duration::from_millis(15 + kill));
        let victim = kill as usize % 2;
        both[victim].kill()?;
        both[victim].wait()?;
        both[victim] = start(victim as u32)?;
    }
    both[TELLER as usize].wait()?;
    both[BANK as usize].kill()?;
    both[BANK as usize].wait()?;
    let mut balance = 0;
    Ledger::open(folder.join("bank"), Durability::Process, |replay| balance = read(replay))?;
    println!("after {TRANSFERS} transfers of 10, and 10 kills: {balance}");
    Ok(fs::remove_dir_all(folder)?)
}

fn read(replay: Replay<'_>) -> u64 {
    let (Replay::State(bytes) | Replay::Effect(bytes)) = replay;
    bytes.try_into().map_or(0, u64::from_le_bytes)
}

fn teller(me: &Endpoint, folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut outbox = Outbox::open(me, folder.join("teller"), Durability::Process)?.0;
    // What its earlier lives have posted is in the file.
    for _ in outbox.last(BANK)..TRANSFERS {
        outbox.post(BANK, &10_u64.to_le_bytes())?;
        outbox.commit()?;
        sleep(Duration::from_micros(300));
    }
    Ok(outbox.deliver(Duration::from_secs(30))?)
}

fn bank(me: &Endpoint, folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut balance = 0;
    let mut ledger =
        Ledger::open(folder.join("bank"), Durability::Process, |replay| balance = read(replay))?.0;
    let mut consumer = Consumer::new(me, Retry::new(1000), DeadLetters::open(folder.join("dead"))?);
    loop {
        consumer.exactly_once(&mut ledger, Duration::from_secs(30), |letter| {
            balance += letter.body[..].try_into().map_or(0, u64::from_le_bytes);
            Ok(balance.to_le_bytes().to_vec())
        })?;
    }
}
