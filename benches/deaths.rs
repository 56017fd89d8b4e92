//! How long it takes until those who wait learn that a process was killed; `cargo bench --bench deaths`, some four
//! minutes. Fails if a death is told before the last mail, or more than once.

#[cfg(loom)]
fn main() {}

#[cfg(not(loom))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    not_loom::main()
}

#[cfg(not(loom))]
mod not_loom {
    use kit::{Child, Lines};
    use mailbox::{Config, Endpoint, RecvError, Region, SendError};
    use std::env;
    use std::error::Error;
    use std::process::{Command, Stdio};
    use std::sync::OnceLock;
    use std::thread;
    use std::time::{Duration, Instant};

    type Outcome<T> = Result<T, Box<dyn Error>>;

    /// Says what a second process is to be.
    const ROLE: &str = "MAILBOX_DEATHS";
    const PEERS: u32 = 64;
    const VICTIM: u32 = 1;
    /// What a victim has sent before it dies.
    const LAST: u64 = 3;
    /// As long as a look at all peers takes: a death may come anywhere in it.
    const ROTATION: Duration = Duration::from_millis(450);
    const NAPS: Duration = Duration::from_millis(100);

    /// What somebody waits for until it is told.
    #[derive(Clone, Copy)]
    enum Awaited {
        ItsMail,
        AnyMail,
        Room,
    }

    pub fn main() -> Outcome<()> {
        let name = format!("mailbox-deaths-{}", std::process::id());
        match env::var(ROLE).as_deref() {
            Ok(role) => play(role),
            Err(_) => {
                let measured = measure(&name);
                // Its processes have ended by now, or it says so.
                let removed = Region::remove_at(&name);
                measured?;
                Ok(removed?)
            }
        }
    }

    fn play(role: &str) -> Outcome<()> {
        kit::die_with_parent();
        let (role, name) = role.split_once(' ').ok_or("no region")?;
        let region = Region::open(name)?;
        let ranks = if role == "crowd" { VICTIM + 1..PEERS + 1 } else { VICTIM..VICTIM + 1 };
        let endpoints: Vec<Endpoint> = ranks.map(|rank| region.join(rank)).collect::<Result<_, _>>()?;
        for me in &endpoints {
            // What a victim before this one left unread.
            while me.from(0).try_recv().is_ok() {}
            for number in 0..if role == "silent" { 0 } else { LAST } {
                me.send(0, &number.to_ne_bytes())?;
            }
        }
        println!("ready");
        loop {
            thread::park();
        }
    }

    /// Starts a second process, and waits until it is ready.
    fn start(role: &str, name: &str) -> Outcome<Child> {
        let mut command = Command::new(env::current_exe()?);
        let mut second = Child::start(command.env(ROLE, format!("{role} {name}")).stdout(Stdio::piped()));
        let line = second.output().map(Lines::of).and_then(|lines| lines.next());
        if line.as_deref() == Some("ready") { Ok(second) } else { Err("a second process failed".into()) }
    }

    fn measure(name: &str) -> Outcome<()> {
        let region = Region::create(name, Config::ranks(PEERS + 1).cells(4).arena(128))?;
        let me = region.join(0)?;
        println!("from the kill to the error, ms{:>24}{:>8}{:>8}{:>8}", "kills", "p50", "p99", "max");
        let few = |kills, awaited, what| run(&me, name, kills, awaited, NAPS).map(|times| line(what, times));
        few(300, Awaited::ItsMail, "waits to receive from it")?;
        few(300, Awaited::Room, "waits to send, its mailbox is full")?;
        few(100, Awaited::AnyMail, "waits to receive from anyone, 1 peer")?;
        let crowd = start("crowd", name)?;
        for _ in 0..u64::from(PEERS - VICTIM) * LAST {
            drop(me.recv()?);
        }
        let times = run(&me, name, 300, Awaited::AnyMail, ROTATION)?;
        line("waits to receive from anyone, 64 peers", times);
        drop(crowd);
        Ok(())
    }

    fn run(
        me: &Endpoint,
        name: &str,
        kills: u32,
        awaited: Awaited,
        spread: Duration,
    ) -> Outcome<Vec<Duration>> {
        (0..kills).map(|number| one(me, name, awaited, spread * (number * 37 % kills) / kills)).collect()
    }

    /// One death, `delay` after somebody began to wait for it: how long until it was told.
    fn one(me: &Endpoint, name: &str, awaited: Awaited, delay: Duration) -> Outcome<Duration> {
        let role = if matches!(awaited, Awaited::Room) { "silent" } else { "sender" };
        let mut victim = start(role, name)?;
        let killed = OnceLock::new();
        if matches!(awaited, Awaited::Room) {
            while me.try_send(VICTIM, b"x").is_ok() {}
        }
        let told = thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(20) + delay);
                let _ = killed.set(Instant::now());
                victim.kill();
            });
            wait(me, awaited).map(|()| Instant::now())
        })?;
        match killed.get() {
            Some(killed) if *killed <= told => Ok(told - *killed),
            _ => Err("told of a death before it was one".into()),
        }
    }

    /// Awaited until the victim's death is told.
    fn wait(me: &Endpoint, awaited: Awaited) -> Outcome<()> {
        let mut mails = 0;
        loop {
            let received = match awaited {
                Awaited::Room => match me.send(VICTIM, b"x") {
                    Err(SendError::Gone { died: true, .. }) => return Ok(()),
                    other => return Err(format!("{other:?} instead of a death").into()),
                },
                Awaited::ItsMail => me.from(VICTIM).recv(),
                Awaited::AnyMail => me.recv(),
            };
            match received {
                Ok(_) => mails += 1,
                Err(RecvError::Gone { rank: VICTIM, died: true }) if mails == LAST => return Ok(()),
                Err(error) => return Err(format!("{error:?} after {mails} mails").into()),
            }
        }
    }

    fn line(what: &str, mut times: Vec<Duration>) {
        times.sort();
        let share = |share: f64| times[((times.len() - 1) as f64 * share).ceil() as usize];
        let [p50, p99, max] = [0.5, 0.99, 1.0].map(|of| share(of).as_secs_f64() * 1e3);
        println!("{what:<40}{:>13}{p50:>8.1}{p99:>8.1}{max:>8.1}", times.len());
    }
}
