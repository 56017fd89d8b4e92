//! A server of many clients, each a process: nobody waits longer than ten seconds for anybody.

use mailbox::{Config, RecvError, Region};
use std::process::Command;

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Some(name) = std::env::args().nth(1) {
        return ask(&name);
    }
    let name = format!("server-{}", std::process::id());
    let me = Region::create(&name, Config::ranks(16))?.join(0)?;
    let start = || Command::new(std::env::current_exe()?).arg(&name).spawn();
    let mut clients = [start()?, start()?, start()?];
    let (mut answers, mut gone) = (0, 0);
    while gone < clients.len() {
        match me.from_any().within(PATIENCE).recv() {
            Ok(mail) => {
                let square = mail.value::<u64>()?.pow(2).to_ne_bytes();
                answers += u32::from(me.to(mail.from()).within(PATIENCE).send(&square).is_ok());
            }
            Err(RecvError::Gone { .. }) => gone += 1,
            Err(error) => return Err(error.into()),
        }
    }
    clients.iter_mut().try_for_each(|client| client.wait().map(drop))?;
    println!("{answers} answers to {gone} clients");
    drop(me);
    Ok(Region::remove_at(&name)?)
}

fn ask(server: &str) -> Result<(), Box<dyn std::error::Error>> {
    let me = Region::open(server)?.join_any()?;
    (1..=10u64).try_for_each(|number| {
        me.to(0).within(PATIENCE).send(&number.to_ne_bytes())?;
        assert_eq!(me.from(0).within(PATIENCE).recv()?.value::<u64>()?, number * number);
        Ok(())
    })
}
