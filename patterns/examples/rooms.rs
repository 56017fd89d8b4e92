//! A chat. Its rooms are actors of other processes, under a supervisor. A process is killed, its room is started again in the other one,
//! and the members find it there by its name.

use mailbox::{Config, Deadline, Region};
use mailbox_patterns::actor::{Actor, ActorId, Context, Limits, Next, Strategy, Supervisor, System};
use mailbox_patterns::{codec::Json, protocol};
use std::{cell::RefCell, env, error::Error, process::Command, rc::Rc, time::Duration};

const PATIENCE: Duration = Duration::from_secs(30);
const ROOMS: [&str; 2] = ["tea", "news"];

#[derive(serde::Serialize, serde::Deserialize)]
#[rustfmt::skip]
enum Chat { Enter(ActorId), Say(String), Heard(String), Look, Found(Option<ActorId>) }
protocol! { Chat as "Chat" in Json }

struct Room(&'static str, Vec<ActorId>);
impl Actor<Chat> for Room {
    fn started(&mut self, cx: &mut Context<'_, Chat>) {
        // If it panics, the room ends, and is started again.
        cx.register(self.0, PATIENCE, |named| named.map(|()| Chat::Look).expect("a name"));
    }
    fn receive(&mut self, message: Chat, cx: &mut Context<'_, Chat>) -> Next<Chat> {
        if let Chat::Enter(member) = message {
            self.1.push(member);
            _ = cx
                .tell(member.address(), Chat::Heard(format!("welcome to {} on rank {}", self.0, cx.rank())));
        } else if let Chat::Say(text) = message {
            self.1.retain(|member| cx.tell(member.address(), Chat::Heard(text.clone())).is_ok());
        }
        Next::Same
    }
}

fn member(name: &'static str, room: &'static str, log: Rc<RefCell<Vec<String>>>) -> impl Actor<Chat> {
    move |message, cx: &mut Context<'_, Chat>| {
        match message {
            Chat::Heard(text) => log.borrow_mut().push(format!("{name} hears: {text}")),
            Chat::Found(Some(room)) => {
                cx.monitor(room, |_| Chat::Look);
                _ = cx.tell(room.address(), Chat::Enter(cx.me().id()));
            }
            Chat::Found(None) => cx.after(Duration::from_millis(5), Chat::Look),
            _ => cx.find::<Chat>(room, PATIENCE, |it| Chat::Found(it.ok().map(|room| room.id()))),
        }
        Next::Same
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    if let Some(rank) = env::args().nth(1) {
        let mut system = System::new(Region::from_env()?.join(rank.parse()?)?, Limits::default());
        ROOMS.into_iter().for_each(|name| system.kind(name, move |()| Room(name, vec![])));
        return Ok(system.run_until(Deadline::Never, |_| false).map(drop)?);
    }
    let (region, log, mut hosts) = (Region::create_unnamed(Config::ranks(3))?, Rc::default(), vec![]);
    for rank in [1, 2] {
        let mut command = Command::new(env::current_exe()?);
        region.hand_to(command.arg(rank.to_string()))?;
        hosts.push((command.spawn()?, region.wait_for(rank, PATIENCE)?).0);
    }
    let mut system = System::new(region.join(0)?, Limits::default());
    let supervisor = Supervisor::new(Strategy::OneForOne).child_on("tea", &[1, 2], "tea", &());
    system.spawn(supervisor.child_on("news", &[2, 1], "news", &()))?;
    let members = [("ann", "tea"), ("bob", "news")];
    let members = members.map(|(name, room)| system.spawn(member(name, room, Rc::clone(&log))));
    members.into_iter().try_for_each(|member| Ok::<_, Box<dyn Error>>(system.tell(member?, Chat::Look)?))?;
    for (host, welcomes) in hosts.iter_mut().zip([2, 1]) {
        system.run_until(PATIENCE, |_| log.borrow().len() == welcomes)?;
        for name in ROOMS {
            let room = system.find(name, PATIENCE)?;
            system.tell(room, Chat::Say("hello".into()))?;
        }
        system.run_until(PATIENCE, |_| log.borrow().len() == welcomes + 2)?;
        host.kill()?;
        host.wait()?;
        log.borrow_mut().sort();
        log.take().iter().for_each(|line| println!("{line}"));
    }
    Ok(())
}
