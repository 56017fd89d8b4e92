//! A server of many clients, each a process: they call, and it replies. Nobody waits longer than ten seconds for anybody.

use mailbox::{Config, Event, JoinOptions, Region};
use std::process::Command;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Some(name) = std::env::args().nth(1) {
        return ask(&name);
    }
    let name = format!("server-{}", std::process::id());
    let me = Region::create(&name, Config::ranks(16))?.join(0)?;
    let start = || Command::new(std::env::current_exe()?).arg(&name).spawn();
    let mut clients = [start()?, start()?, start()?];
    let (mut replies, mut gone) = (0, 0);
    while gone < clients.len() {
        match me.next_event_within(PATIENCE)? {
            Event::Mail(call) => {
                let number: u64 = call.value()?;
                let answered = match number.checked_pow(2) {
                    Some(square) => call.reply_within(&square.to_ne_bytes(), PATIENCE),
                    None => call.refuse_within(b"too large", PATIENCE),
                };
                replies += u32::from(answered.is_ok());
            }
            Event::Left { .. } | Event::Died { .. } => gone += 1, // it may have left without a call
            _ => {}
        }
    }
    clients.iter_mut().try_for_each(|client| client.wait().map(drop))?;
    println!("{replies} replies to {gone} clients");
    drop(me);
    Ok(Region::remove_at(&name)?)
}

fn ask(server: &str) -> Result<(), Box<dyn std::error::Error>> {
    let me = JoinOptions::new().ranks(1..).join(&Region::open(server)?)?;
    (1..=10u64).try_for_each(|number| {
        let reply = me.to(0).within(PATIENCE).call(&number.to_ne_bytes())?;
        assert_eq!(reply.value::<u64>()?, number * number);
        Ok(())
    })
}
