//! A second process that does with an endpoint what it is told.

use super::{
    Child, ON_EVENTS, SHORT, Scratch, UNNAMED, become_user, clone, command, exit_at_once, fork, gist, handle,
    lose_locks, pattern, place, processor_time, reply, wait_any, wait_for,
};
use mailbox::{
    Endpoint, Interrupter, Mail, OpenOptions, RecvError, RecvHalf, Region, Request, SendHalf, Source, Wait,
};
use std::fmt::Debug;
use std::panic::{self, AssertUnwindSafe};
use std::process;
use std::sync::OnceLock;
use std::time::Duration;

/// Starts one.
pub fn puppet(region: &Scratch) -> Child {
    Child::start("puppet", region)
}

/// How a puppet tells of a mail: number `seq` of `from` in its life `epoch`.
pub fn mail(from: u32, epoch: u64, seq: u64, text: &str) -> String {
    format!("{from}.{epoch} #{seq} {text}")
}

/// What is done in the second process. Every command has one answer: `ok`, what was asked for, or the error.
///
/// - `join 1`; `leave`; `unwind`: leave in a panic; `exit`: end the process without leaving; `epoch`
/// - `send|try_send|send_timeout|send_patiently TO TEXT`; `fill TO`: send until the mailbox is full, how many
/// - `send_long TO LEN SEED`: send the pattern of that seed; `gist [FROM]`: receive, and answer with a gist
/// - `loan LEN SEED TO…`: send the pattern of that seed on loan to these ranks; `lend LEN SEED`: the same to nobody
/// - `exhaust SEED`: begin loans of 256 KiB until there is no room, write them and keep them; how many
/// - `batch`: begin one that ends with the endpoint; `split`: only the sending half obeys from now on
/// - `recv|try_recv|recv_timeout [FROM]`; `hold [FROM]`: receive, and not acknowledge before one's death
/// - `wait_any`: whether there is something within a short time
/// - `wait spin|adaptive|block|event`; `interrupt`, from now on a signal does it; `interrupt now`
/// - `idle`: the microseconds of processor time that a `recv` took; `idle together`: that a wait for receives of the tags 1 to 3 took
/// - `fork`: the new process goes on; `clone`: the same, unknown to the C library; `spawn`: start some program
/// - `lose-lock`: lose the descriptor that holds the rank; `user ID`: become another user; `remove`
pub fn perform(name: &str) {
    let mut puppet = Puppet { region: None, name, endpoint: None, halves: None };
    while let Some(command) = command() {
        let words: Vec<&str> = command.split(' ').collect();
        reply(&puppet.obey(&words));
    }
    // A puppet that did not say `leave` has died. And a forked process must not continue its parent's code.
    exit_at_once();
}

struct Puppet<'a> {
    /// Opened when it is first needed, so that a forked process may inherit it.
    region: Option<Region>,
    name: &'a str,
    endpoint: Option<Endpoint>,
    halves: Option<(SendHalf, RecvHalf)>,
}

impl Puppet<'_> {
    fn obey(&mut self, words: &[&str]) -> String {
        match *words {
            ["open"] => said(self.region().map(drop)),
            ["join", rank] => match self.region().map(|region| region.join(number(rank))) {
                Ok(Ok(endpoint)) => {
                    self.endpoint = Some(endpoint);
                    "ok".to_string()
                }
                Ok(Err(error)) => told(error),
                Err(error) => told(error),
            },
            ["leave"] => {
                self.endpoint = None;
                "ok".to_string()
            }
            ["unwind"] => {
                let endpoint = self.endpoint.take();
                let _ = panic::catch_unwind(AssertUnwindSafe(move || {
                    let _endpoint = endpoint;
                    // As `panic!`, but says nothing on standard error.
                    panic::resume_unwind(Box::new(()))
                }));
                "ok".to_string()
            }
            ["exit"] => process::exit(0),
            ["user", id] => {
                become_user(number(id));
                "ok".to_string()
            }
            ["remove"] => said(Region::remove_at(place(self.name))),
            ["remove-roots"] => said(OpenOptions::new().owner(0).remove(place(self.name))),
            ["fork" | "clone"] => match if words == ["fork"] { fork() } else { clone() } {
                0 => process::id().to_string(),
                child => {
                    wait_for(child);
                    "ended".to_string()
                }
            },
            ["spawn"] => match process::Command::new("sleep").arg("600").spawn() {
                Ok(child) => child.id().to_string(),
                Err(error) => told(error),
            },
            ["lose-lock"] => {
                lose_locks();
                "ok".to_string()
            }
            ["split"] => {
                self.halves = self.endpoint.take().map(Endpoint::into_split);
                "ok".to_string()
            }
            _ => match (&self.endpoint, &self.halves) {
                (Some(endpoint), _) => obey(endpoint, words),
                (None, Some((sender, _))) => match *words {
                    ["send", to, text] => said(sender.send(number(to), text.as_bytes())),
                    _ => panic!("{words:?}"),
                },
                (None, None) => "nobody".to_string(),
            },
        }
    }

    fn region(&mut self) -> Result<&Region, mailbox::OpenError> {
        Ok(match &mut self.region {
            Some(region) => region,
            none if self.name == UNNAMED => none.insert(Region::from_env()?),
            none => none.insert(Region::open(place(self.name))?),
        })
    }
}

fn obey(me: &Endpoint, words: &[&str]) -> String {
    match *words {
        ["epoch"] => me.epoch().to_string(),
        ["send", to, text] => said(me.send(number(to), text.as_bytes())),
        ["try_send", to, text] => said(me.try_send(number(to), text.as_bytes())),
        ["send_timeout", to, text] => said(me.to(number(to)).within(SHORT).send(text.as_bytes())),
        ["send_patiently", to, text] => {
            said(me.to(number(to)).within(Duration::from_secs(2)).send(text.as_bytes()))
        }
        ["send_long", to, len, seed] => {
            let bytes = pattern(number(len) as usize, number(seed) as usize);
            said(me.send(number(to), &bytes))
        }
        ["loan", len, seed, ref to @ ..] | ["lend", len, seed, ref to @ ..] => {
            let bytes = pattern(number(len) as usize, number(seed) as usize);
            match me.loan(bytes.len()) {
                Ok(mut loan) => {
                    loan.write_at(0, &bytes);
                    let block = loan.commit(bytes.len());
                    said(to.iter().try_for_each(|to| block.send(number(to))))
                }
                Err(error) => told(error),
            }
        }
        ["exhaust", seed] => {
            let bytes = pattern(256 << 10, number(seed) as usize);
            let loans = std::iter::from_fn(|| me.loan(bytes.len()).ok());
            let written = loans.map(|mut loan| {
                loan.write_at(0, &bytes);
                std::mem::forget(loan);
            });
            written.count().to_string()
        }
        ["gist", ref from @ ..] => match me.from(source(from)).recv() {
            Ok(got) => mail(got.from(), got.epoch(), got.seq(), &gist(&got.to_vec())),
            Err(error) => told(error),
        },
        ["batch"] => {
            std::mem::forget(me.batch());
            "ok".to_string()
        }
        ["fill", to] => (0..).take_while(|_| me.try_send(number(to), b"fill").is_ok()).count().to_string(),
        ["recv", ref from @ ..] => heard(me.from(source(from)).recv()),
        ["try_recv", ref from @ ..] => match me.from(source(from)).try_recv() {
            Ok(None) => "Empty".to_string(),
            Ok(Some(mail)) => heard(Ok(mail)),
            Err(error) => told(error),
        },
        ["recv_timeout", ref from @ ..] => heard(me.from(source(from)).within(SHORT).recv()),
        ["hold", ref from @ ..] => match me.from(source(from)).within(SHORT).recv() {
            Ok(mail) => {
                let answer = tell(&mail);
                std::mem::forget(mail);
                answer
            }
            Err(error) => told(error),
        },
        ["wait", how] => {
            me.set_wait(strategy(how));
            "ok".to_string()
        }
        ["wait_any"] => format!("{:?}", wait_any(&[me], SHORT)),
        ["interrupt"] => {
            let _ = INTERRUPTER.set(me.interrupter());
            handle(libc::SIGUSR1, interrupt);
            "ok".to_string()
        }
        ["interrupt", "now"] => {
            interrupt(libc::SIGUSR1);
            "ok".to_string()
        }
        ["idle"] => {
            let before = processor_time();
            match me.recv() {
                Ok(_) => (processor_time() - before).as_micros().to_string(),
                Err(error) => told(error),
            }
        }
        ["idle", "together"] => {
            let before = processor_time();
            let mut receives: Vec<Request<'_>> = (1..=3).map(|tag| me.from_any().tag(tag).start()).collect();
            match Request::wait_all(&mut receives) {
                Ok(()) => (processor_time() - before).as_micros().to_string(),
                Err(error) => told(error),
            }
        }
        _ => panic!("{words:?}"),
    }
}

static INTERRUPTER: OnceLock<Interrupter> = OnceLock::new();

extern "C" fn interrupt(_signal: i32) {
    if let Some(interrupter) = INTERRUPTER.get() {
        interrupter.interrupt();
    }
}

fn number(word: &str) -> u32 {
    word.parse().expect("a number")
}

/// The strategy that a command names.
pub fn strategy(word: &str) -> Wait {
    match word {
        "spin" => Wait::Spin,
        "adaptive" => Wait::Adaptive,
        "block" => Wait::Block,
        "event" => ON_EVENTS,
        _ => panic!("{word}"),
    }
}

fn source(words: &[&str]) -> Source {
    words.first().map_or(Source::Anyone, |rank| Source::Rank(number(rank)))
}

fn said<E: Debug>(result: Result<(), E>) -> String {
    result.map_or_else(told, |()| "ok".to_string())
}

fn heard(result: Result<Mail<'_>, RecvError>) -> String {
    result.map_or_else(told, |mail| tell(&mail))
}

fn tell(got: &Mail<'_>) -> String {
    mail(got.from(), got.epoch(), got.seq(), &String::from_utf8_lossy(&got.to_vec()))
}

fn told(error: impl Debug) -> String {
    let mut text = format!("{error:?}");
    // What several verbs share is named without its wrapper.
    for wrapper in ["Broken(", "Mismatch(", "System("] {
        if let Some(at) = text.find(wrapper) {
            text.replace_range(at..at + wrapper.len(), "");
            text.pop();
        }
    }
    text
}
