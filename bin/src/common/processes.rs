//! Processes that a command starts, their regions, and what makes sure that nothing of them stays.

use super::failure::Failure;
use super::output::{DEMO, show, tell};
use super::place::place;
use super::player::{Player, cannot_start, command};
use super::screen::Screen;
use super::segments;
use super::signals;
use mailbox::{Config, Region};
use signal_hook::consts::SIGKILL;
use std::fs::{self, DirBuilder};
use std::io::{self, BufRead, BufReader, PipeReader};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use std::{env, process, thread};

/// How often one looks whether a process has failed.
const LOOK: Duration = Duration::from_millis(50);
/// After so many looks in a row at which it was stopped, a process counts as failed: 10 s in which this one was awake.
const STOPPED: u32 = 200;

/// All that must be gone in the end; it changes only under the lock, so a signal never comes in between.
struct State {
    /// What the names of their regions, and of their folder, begin with.
    prefix: String,
    regions: Vec<String>,
    /// Where those in files are.
    folder: Option<PathBuf>,
    count: usize,
    children: Vec<Player>,
    /// Whether a player may leave something that is no region any more.
    ruins: bool,
    /// The terminal, if players draw on it.
    screen: Option<Screen>,
}

/// Starts processes. However the play ends, they end before it, and their regions are removed.
pub struct Processes(Arc<Mutex<State>>);

impl Processes {
    /// None yet. The names of their regions have `play` in them. A signal ends all of them, and removes their regions,
    /// before it ends this process.
    pub fn new(play: &str) -> Result<Self, Failure> {
        // Process numbers come again, and may mean another process where segments are shared.
        let time = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_nanos() as u64);
        let prefix = format!("mbox-demo-{play}-{}-{time:x}-", process::id());
        let state = State {
            prefix,
            regions: vec![],
            folder: None,
            count: 0,
            children: vec![],
            ruins: false,
            screen: None,
        };
        let state = Arc::new(Mutex::new(state));
        let processes = Self(state);
        let state = processes.0.clone();
        signals::hear()
            .and_then(|heard| {
                heard.act(move |signal| {
                    let mut state = lock(&state);
                    if let Err(failure) = state.clear() {
                        tell(DEMO, &failure);
                    }
                    // Still locked: the play does nothing more.
                    process::exit(signals::status(signal));
                })
            })
            .map_err(Failure::of_signals)?;
        Ok(processes)
    }

    /// Plays `parts` in a region of its own, a process each, and shows what they show; until all have ended,
    /// or one has failed.
    pub fn play(&self, ranks: u32, parts: &[String]) -> Result<(), Failure> {
        let region = self.region(Config::ranks(ranks))?;
        self.act(&region, parts, Duration::ZERO, show_behind, || None)?;
        lock(&self.0).clear()
    }

    /// As `play`, in a region that [`region`](Self::region) created; if one has failed, the others have `time` to say what they are told of
    /// it, and to end.
    pub fn play_out(&self, region: &str, parts: &[String], time: Duration) -> Result<(), Failure> {
        self.act(region, parts, time, show_behind, || None)?;
        lock(&self.0).clear()
    }

    /// As `play_out`, but what they show is for `hear`, and one that stays stopped has failed.
    pub fn hear_out(
        &self,
        region: &str,
        parts: &[String],
        hear: impl FnMut(&str) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut looks = 0;
        self.act(region, parts, Duration::ZERO, hear, || {
            let stopped = lock(&self.0).children.iter().find_map(Player::stopped);
            looks = if stopped.is_some() { looks + 1 } else { 0 };
            stopped.filter(|_| looks >= STOPPED)
        })?;
        lock(&self.0).clear()
    }

    /// A region of its own; its name.
    pub fn region(&self, config: Config) -> Result<String, Failure> {
        let mut state = lock(&self.0);
        let name = format!("{}{}", state.prefix, state.count);
        state.create_at(name, config)
    }

    /// Like `region`, for players one of which damages it: what is left of it is removed.
    pub fn ruin(&self, config: Config) -> Result<String, Failure> {
        lock(&self.0).ruins = true;
        self.region(config)
    }

    /// Makes something in shared memory that is no region, and has its name no longer than `make` takes. No signal comes in between.
    pub fn with_name<T>(&self, make: impl FnOnce(&str) -> Result<T, Failure>) -> Result<T, Failure> {
        let mut state = lock(&self.0);
        let name = format!("{}{}", state.prefix, state.count);
        state.count += 1;
        make(&name)
    }

    /// Starts a process for `part`, which shows nothing; its number.
    pub fn enter(&self, region: &str, part: &str) -> Result<u32, Failure> {
        lock(&self.0).enter(region, part, Stdio::null())
    }

    /// Starts a process for `part`, which shows nothing unless it is `prepared` to, and gets its region by that, too. It is told the
    /// play's name; its number.
    pub fn enter_prepared(
        &self,
        part: &str,
        prepare: impl FnOnce(&mut Command) -> Result<(), Failure>,
    ) -> Result<u32, Failure> {
        let mut state = lock(&self.0);
        let mut command = command(part, Stdio::null())?;
        command.args(["--play", state.prefix.trim_end_matches('-')]);
        if let Some(screen) = &state.screen {
            command.stdin(screen.hold().map_err(cannot_start)?);
        }
        prepare(&mut command)?;
        state.spawn(part, command)
    }

    /// Has standard output show pictures until all have ended; whether it is a terminal that can.
    pub fn show_pictures(&self) -> Result<bool, Failure> {
        let mut state = lock(&self.0);
        let opened = Screen::open();
        state.screen = opened.map_err(|error| Failure::new(format_args!("standard output: {error}")))?;
        Ok(state.screen.is_some())
    }

    /// Kills the process of this number, which must not have failed before, and waits for its end; whether it was
    /// killed, and not done.
    pub fn kill(&self, process: u32) -> Result<bool, Failure> {
        let mut state = lock(&self.0);
        let at = state.children.iter().position(|player| player.child.id() == process);
        let Some(at) = at else { return Ok(false) };
        // An error means that it has ended and was waited for.
        let _ = state.children[at].child.kill();
        let mut player = state.children.swap_remove(at);
        let status = player.child.wait().map_err(cannot_start)?;
        match status.signal() {
            Some(SIGKILL) => Ok(true),
            None if status.success() => Ok(false),
            _ => Err(player.failure(status)),
        }
    }

    /// Whether the process of this number has ended, and well; an error if it has failed. It is forgotten.
    pub fn bury(&self, process: u32) -> Result<bool, Failure> {
        let mut state = lock(&self.0);
        let at = state.children.iter().position(|player| player.child.id() == process);
        let Some(at) = at else { return Ok(false) };
        let Some(status) = state.children[at].child.try_wait().map_err(cannot_start)? else {
            return Ok(false);
        };
        let mut player = state.children.swap_remove(at);
        if status.success() { Ok(true) } else { Err(player.failure(status)) }
    }

    /// As `play`, in a region in a file, and each part when the one before it has ended.
    pub fn play_in_file(&self, ranks: u32, parts: &[String]) -> Result<(), Failure> {
        let region = lock(&self.0).create_file(ranks)?;
        for part in parts.chunks(1) {
            self.act(&region, part, Duration::ZERO, show_behind, || None)?;
        }
        lock(&self.0).clear()
    }

    fn act(
        &self,
        region: &str,
        parts: &[String],
        time: Duration,
        mut hear: impl FnMut(&str) -> Result<(), Failure>,
        mut look: impl FnMut() -> Option<Failure>,
    ) -> Result<(), Failure> {
        let output = self.start(region, parts)?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // Nobody listens any more if a process has failed.
                let _ = sender.send(line);
            }
        });
        let mut failed = None;
        loop {
            match lines.recv_timeout(LOOK) {
                Ok(line) => hear(&line)?,
                Err(RecvTimeoutError::Timeout) => {
                    // The first counts: that the others fail may come of it.
                    let failure = self.have_ended().err().or_else(&mut look);
                    failed = failed.or_else(|| failure.map(|failure| (failure, Instant::now() + time)));
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if failed.as_ref().is_some_and(|(_, end)| Instant::now() >= *end) {
                break;
            }
        }
        if let Some((failure, _)) = failed {
            return Err(failure);
        }
        while !self.have_ended()? {
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Starts a process for each part; what they write.
    fn start(&self, region: &str, parts: &[String]) -> Result<PipeReader, Failure> {
        let mut state = lock(&self.0);
        let (reader, writer) = io::pipe().map_err(cannot_start)?;
        for part in parts {
            state.enter(region, part, writer.try_clone().map_err(cannot_start)?.into())?;
        }
        Ok(reader)
    }

    /// Stops the process of this number, or has it go on; nothing, if it has ended.
    pub fn stop(&self, process: u32, stops: bool) {
        lock(&self.0).children.iter().filter(|it| it.child.id() == process).for_each(|it| it.stop(stops));
    }

    /// Whether the process of this number is stopped.
    pub fn is_stopped(&self, process: u32) -> bool {
        lock(&self.0).children.iter().any(|player| player.child.id() == process && player.stopped().is_some())
    }

    /// Whether all processes have ended; an error if one has failed.
    pub fn have_ended(&self) -> Result<bool, Failure> {
        lock(&self.0).have_ended()
    }

    /// Ends all, removes all regions, and looks whether they are gone; how many there were.
    pub fn leave(self) -> Result<usize, Failure> {
        let mut state = lock(&self.0);
        state.clear()?;
        Ok(state.count)
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        if let Err(failure) = lock(&self.0).clear() {
            tell(DEMO, &failure);
        }
    }
}

fn show_behind(line: &str) -> Result<(), Failure> {
    show(&format!("     {line}"))
}

/// A thread that panicked while it was locked did no harm to it.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn enter(&mut self, region: &str, part: &str, output: Stdio) -> Result<u32, Failure> {
        let mut command = command(part, output)?;
        command.args(["--region", region]);
        self.spawn(part, command)
    }

    fn spawn(&mut self, part: &str, mut command: Command) -> Result<u32, Failure> {
        let player = Player::start(part, &mut command)?;
        let process = player.child.id();
        self.children.push(player);
        Ok(process)
    }

    fn create_file(&mut self, ranks: u32) -> Result<String, Failure> {
        let folder = env::temp_dir().join(format!("{}files", self.prefix));
        let created = DirBuilder::new().mode(0o700).create(&folder);
        created.map_err(|error| Failure::new(format_args!("{}: {error}", folder.display())))?;
        let path = folder.join("region").into_os_string().into_string();
        self.folder = Some(folder);
        let path = path.map_err(|path| Failure::new(format_args!("{}: not UTF-8", path.display())))?;
        self.create_at(path, Config::ranks(ranks))
    }

    fn create_at(&mut self, name: String, config: Config) -> Result<String, Failure> {
        let created = Region::create(place(&name), config);
        created.map_err(|error| Failure::of_region(&name, error))?;
        self.count += 1;
        self.regions.push(name.clone());
        Ok(name)
    }

    /// Whether all processes have ended, and well.
    fn have_ended(&mut self) -> Result<bool, Failure> {
        let mut all = true;
        let mut failed = vec![];
        for player in &mut self.children {
            match player.child.try_wait().map_err(cannot_start)? {
                None => all = false,
                Some(status) if status.success() => {}
                Some(status) => failed.push((status, player)),
            }
        }
        // The others may have failed because one was killed.
        failed.sort_by_key(|(status, _)| status.signal().is_none());
        match failed.into_iter().next() {
            None => Ok(all),
            Some((status, player)) => Err(player.failure(status)),
        }
    }

    /// Ends all processes, restores the terminal and removes all regions.
    fn clear(&mut self) -> Result<(), Failure> {
        for player in &mut self.children {
            // An error means that it has ended and was waited for.
            let _ = player.child.kill();
        }
        for mut player in self.children.drain(..) {
            let _ = player.child.wait();
        }
        // Nobody draws on it any more.
        drop(self.screen.take());
        let deadline = Instant::now() + segments::PATIENCE;
        while let Some(region) = self.regions.pop() {
            let removed = segments::remove(&region, deadline);
            // It bears a name that is nobody else's.
            if removed.is_err() && self.ruins && fs::remove_file(segments::path(&region)).is_ok() {
                continue;
            }
            removed?;
        }
        if let Some(folder) = self.folder.take() {
            let removed = fs::remove_dir_all(&folder);
            removed.map_err(|error| Failure::new(format_args!("{} stays: {error}", folder.display())))?;
        }
        self.look()
    }

    /// Whether shared memory is as it was.
    fn look(&self) -> Result<(), Failure> {
        let cannot_look = |error| Failure::new(format_args!("{}: {error}", segments::folder().display()));
        for name in segments::names().map_err(cannot_look)? {
            if name.starts_with(&self.prefix) {
                return Err(Failure::new(format_args!("{} is left", segments::path(&name).display())));
            }
        }
        Ok(())
    }
}
