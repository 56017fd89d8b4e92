//! A region without a name, given to a child process: nothing is left of it when both have ended.

use mailbox::{Config, Region};
use std::process::Command;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Ok(region) = Region::from_env() {
        return answer(&region);
    }
    let region = Region::create_unnamed(Config::ranks(2))?;
    let me = region.join(0)?;
    let mut command = Command::new(std::env::current_exe()?);
    region.hand_to(&mut command)?;
    let mut child = command.spawn()?;

    me.send(1, b"hello")?; // it lies there until the child has joined
    let reply = me.from(1).recv()?.into_vec();
    println!("the child says: {}", String::from_utf8_lossy(&reply));
    child.wait()?;
    Ok(())
}

/// What the child does.
fn answer(region: &Region) -> Result<(), Box<dyn std::error::Error>> {
    let me = region.join(1)?;
    let mail = me.from(0).recv()?;
    me.send(0, &mail.to_vec().to_ascii_uppercase())?;
    Ok(())
}
