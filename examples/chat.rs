//! A chat of any number of processes: `cargo run --example chat anna` in one terminal, `cargo run --example chat bob` in
//! another. Without a name it starts the two and lets anna say something.

use mailbox::{Config, JoinOptions, RecvError, RecvHalf, Region, Status};
use std::io::{Write, stdin};
use std::process::{Command, Stdio};
use std::{env, thread, time::Duration};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let words: Vec<String> = env::args().skip(1).collect();
    match words.as_slice() {
        [] => anna_and_bob(),
        [name] => chat("chat", name),
        [region, name, ..] => chat(region, name),
    }
}

fn chat(region: &str, name: &str) -> Outcome {
    let region = Region::create_or_open(region, Config::ranks(16))?;
    let (send_half, recv_half) = JoinOptions::new().label(name).join(&region)?.into_split();
    let interrupter = recv_half.interrupter();
    let ears = thread::spawn(move || listen(&recv_half));
    for line in stdin().lines() {
        let line = format!("{name}: {}", line?);
        let is_there = |rank: &u32| matches!(region.status(*rank), Some((Status::Live, _)));
        let others = (0..region.ranks()).filter(|rank| *rank != send_half.rank()).filter(is_there);
        others.for_each(|rank| _ = send_half.try_send(rank, line.as_bytes())); // one who never listens misses it
    }
    interrupter.interrupt();
    ears.join().expect("a thread that ends")?;
    drop(send_half);
    let _ = region.remove(); // by the last to leave
    Ok(())
}

fn listen(me: &RecvHalf) -> Result<(), RecvError> {
    loop {
        match me.recv() {
            Ok(mail) => println!("{}", String::from_utf8_lossy(&mail.to_vec())),
            Err(error) if error.is_gone() => {} // others go on
            Err(RecvError::Interrupted) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

fn anna_and_bob() -> Outcome {
    let name = format!("chat-{}", std::process::id());
    let region = Region::create(name.as_str(), Config::ranks(16))?;
    let start =
        |who| Command::new(env::current_exe()?).args([name.as_str(), who]).stdin(Stdio::piped()).spawn();
    let mut people = [start("anna")?, start("bob")?];
    (0..2).try_for_each(|rank| region.wait_for(rank, Duration::from_secs(10)).map(drop))?;
    people[0].stdin.take().ok_or("a pipe")?.write_all(b"hello\n")?;
    people.iter_mut().try_for_each(|who| who.wait().map(drop))?; // waiting ends what they read
    Ok(())
}
