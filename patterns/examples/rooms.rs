//! A chat. The room is an actor of another process, under a supervisor. That process is killed, the room is started again in another one,
//! and the members find it there by its name.

use mailbox::{Config, Deadline, Region};
use mailbox_patterns::actor::{Actor, ActorId, Context, Limits, Next, Strategy, Supervisor, System};
use mailbox_patterns::{codec::Json, protocol};
use std::{cell::RefCell, env, error::Error, process::Command, rc::Rc, time::Duration};

const PATIENCE: Duration = Duration::from_secs(30);

#[derive(serde::Serialize, serde::Deserialize)]
#[rustfmt::skip]
enum Chat { Enter(ActorId), Say(String), Heard(String), Look, Found(Option<ActorId>) }
protocol! { Chat as "Chat" in Json }

struct Room(Vec<ActorId>);
impl Actor<Chat> for Room {
    fn started(&mut self, cx: &mut Context<'_, Chat>) {
        // If it panics, the room ends, and is started again.
        cx.register("room", PATIENCE, |named| named.map(|()| Chat::Look).expect("a name"));
    }
    fn receive(&mut self, message: Chat, cx: &mut Context<'_, Chat>) -> Next<Chat> {
        if let Chat::Enter(member) = message {
            self.0.push(member);
            _ = cx.tell(member.address(), Chat::Heard(format!("welcome to rank {}", cx.rank())));
        } else if let Chat::Say(text) = message {
            self.0.retain(|member| cx.tell(member.address(), Chat::Heard(text.clone())).is_ok());
        }
        Next::Same
    }
}

fn member(name: &'static str, log: Rc<RefCell<Vec<String>>>) -> impl Actor<Chat> {
    move |message, cx: &mut Context<'_, Chat>| {
        match message {
            Chat::Heard(text) => log.borrow_mut().push(format!("{name} hears: {text}")),
            Chat::Found(Some(room)) => {
                cx.monitor(room, |_| Chat::Look);
                _ = cx.tell(room.address(), Chat::Enter(cx.me().id()));
            }
            Chat::Found(None) => cx.after(Duration::from_millis(5), Chat::Look),
            _ => cx.find::<Chat>("room", PATIENCE, |it| Chat::Found(it.ok().map(|room| room.id()))),
        }
        Next::Same
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    if let Some(rank) = env::args().nth(1) {
        let mut system = System::new(Region::from_env()?.join(rank.parse()?)?, Limits::default());
        system.kind("room", |()| Room(vec![]));
        return Ok(system.run_until(Deadline::Never, |_| false).map(drop)?);
    }
    let (region, log, mut hosts) = (Region::create_unnamed(Config::ranks(3))?, Rc::default(), vec![]);
    for rank in [1, 2] {
        let mut command = Command::new(env::current_exe()?);
        region.hand_to(command.arg(rank.to_string()))?;
        hosts.push((command.spawn()?, region.wait_for(rank, PATIENCE)?).0);
    }
    let mut system = System::new(region.join(0)?, Limits::default());
    system.spawn(Supervisor::new(Strategy::OneForOne).child_on("room", &[1, 2], "room", &()))?;
    let members = ["ann", "bob"].map(|name| system.spawn(member(name, Rc::clone(&log))));
    members.into_iter().try_for_each(|member| Ok::<_, Box<dyn Error>>(system.tell(member?, Chat::Look)?))?;
    for host in &mut hosts {
        system.run_until(PATIENCE, |_| log.borrow().len() == 2)?;
        let room = system.find("room", PATIENCE)?;
        system.tell(room, Chat::Say("hello".into()))?;
        system.run_until(PATIENCE, |_| log.borrow().len() == 4)?;
        host.kill()?;
        host.wait()?;
        log.borrow_mut().sort();
        log.take().iter().for_each(|line| println!("{line}"));
    }
    Ok(())
}
