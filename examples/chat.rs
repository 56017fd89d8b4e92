//! A chat of any number of processes: `cargo run --example chat anna` in one terminal, `cargo run --example chat bob` in
//! another. Without a name it starts the two, has anna say something, and shows what bob sees.

use mailbox::{Config, Deadline, Endpoint, Event, JoinOptions, RecvError, Region};
use std::process::{Command, Stdio};
use std::{collections::BTreeMap, env, io::Write, io::stdin, sync::mpsc, thread, time::Duration};
type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let Some(name) = env::args().nth(1) else { return anna_and_bob() };
    let region = Region::create_or_open(env::args().nth(2).as_deref().unwrap_or("chat"), Config::ranks(16))?;
    chat(JoinOptions::new().label(&name).join(&region)?, name)?;
    let _ = region.remove(); // by the last to leave
    Ok(())
}

fn chat(me: Endpoint, name: String) -> Outcome {
    let ((typed, lines), interrupter) = (mpsc::channel(), me.interrupter());
    thread::spawn(move || {
        let said = stdin().lines().map_while(Result::ok).map(|line| Some(format!("{name}: {line}")));
        said.chain([None]).for_each(|line| _ = (typed.send(line), interrupter.interrupt()));
    });
    let (mut present, mut until) = (BTreeMap::new(), Deadline::Never);
    loop {
        match me.next_event_within(until) {
            Ok(Event::Mail(mail)) => println!("{}", String::from_utf8_lossy(&mail.to_vec())),
            Ok(Event::Joined { rank, .. }) => {
                present.insert(rank, me.region().label(rank).unwrap_or_default());
                println!("{} joined", present[&rank]);
            }
            Ok(Event::Left { rank, .. }) => println!("{} left", present.remove(&rank).unwrap_or_default()),
            Ok(Event::Died { rank, .. }) => println!("{} died", present.remove(&rank).unwrap_or_default()),
            Ok(_) => {}
            Err(RecvError::Interrupted) => until = Duration::ZERO.into(), // all that has happened so far is told first
            Err(RecvError::Timeout) => {
                for line in lines.try_iter() {
                    let Some(line) = line else { return Ok(()) };
                    present.keys().for_each(|rank| _ = me.try_send(*rank, line.as_bytes())); // a full one misses it
                }
                until = Deadline::Never;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn anna_and_bob() -> Outcome {
    let place = format!("chat-{}", std::process::id());
    let region = Region::create(place.as_str(), Config::ranks(16))?;
    let start = |name: &str, screen: Stdio| {
        let mut person = Command::new(env::current_exe()?);
        person.args([name, &place]).stdin(Stdio::piped()).stdout(screen).spawn()
    };
    let mut people = [start("anna", Stdio::null())?, start("bob", Stdio::inherit())?];
    (0..2).try_for_each(|rank| region.wait_for(rank, Duration::from_secs(10)).map(drop))?;
    people[0].stdin.take().ok_or("a pipe")?.write_all(b"hello\n")?;
    Ok(people.iter_mut().try_for_each(|who| who.wait().map(drop))?) // waiting ends what they read
}
