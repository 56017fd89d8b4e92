//! A group of processes of the operating system, which are killed, and come again.

use kit::{Child, Collected, Dice, SIGCONT, SIGSTOP};
use mailbox::{Config, Endpoint, Region};
use mailbox_patterns::causal::{CausalError, Clock, Event, Group, History, Id, Member, Step, agree, check};
use std::collections::BTreeSet;
use std::env;
use std::error::Error;
use std::io::{Write, stdout};
use std::process::{Command, Stdio};
use std::time::Duration;

const RANKS: u32 = 5;
const GROUP: Group = Group::new("group", 0..RANKS);
const RANK: &str = "PATTERNS_TEST_RANK";
/// Longer than anything here takes.
const GUARD: Duration = Duration::from_secs(30);
const STOP: &[u8] = b"stop";
const DONE: &[u8] = b"done";

/// Says what it does, in a line each, before a message is sent and after one was received.
fn note(what: &str, id: Id) {
    write!(stdout(), "\n#{what} {} {};\n", id.rank, id.number).expect("a reader");
    stdout().flush().expect("a reader");
}

/// Who is in the group, and whether it has said that it sends no more.
#[derive(Default)]
struct Others {
    here: BTreeSet<u32>,
    done: BTreeSet<u32>,
    is_stopped: bool,
}

impl Others {
    fn told(&mut self, event: &Event) {
        match event {
            Event::Joined { rank, .. } => {
                self.here.insert(*rank);
                self.done.remove(rank);
            }
            Event::Left { rank, .. } | Event::Died { rank, .. } => _ = self.here.remove(rank),
            Event::Message(message) if message.bytes() == DONE => _ = self.done.insert(message.id().rank),
            Event::Message(message) if message.bytes() == STOP => self.is_stopped = true,
            _ => {}
        }
    }

    fn are_done(&self) -> bool {
        self.here.is_subset(&self.done)
    }
}

/// A member that sends at random, until it is told to stop and all others have.
#[test]
fn second_process() {
    let Ok(rank) = env::var(RANK) else { return };
    kit::die_with_parent();
    kit::end_within(120);
    talk(rank.parse().expect("a rank")).expect("no error");
}

fn talk(rank: u32) -> Result<(), Box<dyn Error>> {
    let me = Region::from_env()?.join(rank)?;
    let mut member = Member::join(&me, &GROUP)?;
    member.clock().iter().for_each(|(rank, number)| note("start", Id { rank, number }));
    let mut random = Dice(u64::from(rank) << 32 | me.epoch());
    let (mut others, mut is_done) = (Others::default(), false);
    while !(is_done && others.are_done()) {
        let next = Id { rank, number: member.clock().of(rank) };
        if others.is_stopped && !is_done {
            note("sent", next);
            member.broadcast_within(DONE, GUARD)?;
            is_done = true;
        } else if !is_done && random.below(3) == 0 {
            note("sent", next);
            // Some are longer than what fits beside a number.
            let bytes = vec![7; random.below(300) as usize];
            assert_eq!(member.broadcast_within(&bytes, GUARD), Ok(next));
        }
        let pause = Duration::from_micros(if is_done { 10_000 } else { random.below(300) });
        if let Some(event) = member.next_event_within(pause)? {
            others.told(&event);
            match &event {
                Event::Message(message) => note("told", message.id()),
                Event::Lied { lie, .. } => panic!("nobody lies: {lie}"),
                _ => {}
            }
        }
    }
    Ok(())
}

/// A process that is a member, and what it notes.
struct Other {
    rank: u32,
    child: Child,
    notes: Collected,
}

impl Other {
    fn start(region: &Region, rank: u32) -> Self {
        let mut command = Command::new(env::current_exe().expect("this test"));
        command.args(["--exact", "second_process", "--nocapture"]).env(RANK, rank.to_string());
        region.hand_to(command.stdout(Stdio::piped())).expect("a file descriptor");
        let mut child = Child::start(&mut command);
        let notes = Collected::of(child.output().expect("a pipe"));
        Self { rank, child, notes }
    }

    fn kill(mut self) -> History {
        self.child.kill();
        history(self.rank, &self.notes.text())
    }

    fn finish(mut self) -> History {
        assert!(self.child.finish().success(), "rank {}", self.rank);
        history(self.rank, &self.notes.text())
    }
}

/// What a process has noted. The last line of one that was killed may be cut.
fn history(rank: u32, notes: &str) -> History {
    let mut history = History { rank, start: Clock::new(0..RANKS), steps: vec![] };
    for line in notes.lines().filter_map(|line| line.strip_prefix('#')?.strip_suffix(';')) {
        let [what, rank, number] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let id = Id { rank: rank.parse().expect("a rank"), number: number.parse().expect("a number") };
        match what {
            "start" => history.start.set(id.rank, id.number),
            "sent" => history.sent(id),
            _ => history.steps.push(Step::Delivered(id)),
        }
    }
    history
}

/// A member of this process, which takes part and notes the same.
struct Observer<'a> {
    member: Member<'a>,
    history: History,
    others: Others,
    told: Vec<Event>,
}

impl<'a> Observer<'a> {
    fn join(me: &'a Endpoint) -> Self {
        let member = Member::join(me, &GROUP).expect("it is none yet");
        let history = History::of(&member);
        Self { member, history, others: Others::default(), told: vec![] }
    }

    fn next(&mut self) {
        let event = self.member.next_event_within(GUARD).expect("sound").expect("more comes");
        self.others.told(&event);
        self.history.told(&event);
        if !matches!(event, Event::Message(_)) {
            self.told.push(event);
        }
    }

    fn messages(&mut self, count: u64) {
        (0..count).for_each(|_| self.next());
    }

    fn until(&mut self, event: &Event) {
        while !self.told.contains(event) {
            self.next();
        }
    }

    fn say(&mut self, bytes: &[u8]) {
        self.history.sent(self.member.broadcast_within(bytes, GUARD).expect("room"));
    }
}

/// Removes the last message of a member that was killed if nobody has it: it was noted before it was sent.
fn forget_unsent(killed: &mut History, all: &[&History]) {
    let last = killed.steps.iter().rposition(|step| matches!(step, Step::Sent(_)));
    let Some((at, Step::Sent(id))) = last.map(|at| (at, killed.steps[at])) else { return };
    if !all.iter().any(|history| history.steps.contains(&Step::Delivered(id))) {
        killed.steps.truncate(at);
    }
}

#[test]
fn under_kills_those_who_stay_are_told_the_same_in_causal_order() {
    for seed in 1..=8 {
        let mut random = Dice(seed);
        let region = Region::create_unnamed(Config::ranks(RANKS)).expect("memory");
        let me = region.join(0).expect("a free rank");
        let mut observer = Observer::join(&me);
        let mut others: Vec<_> = (1..RANKS).map(|rank| Other::start(&region, rank)).collect();
        (1..RANKS).for_each(|rank| observer.until(&Event::Joined { rank, epoch: 1 }));
        let mut killed = vec![];
        for again in [true, false] {
            observer.messages(200 + random.below(500));
            // Somewhere in the middle of what it does.
            std::thread::sleep(Duration::from_micros(random.below(2000)));
            let victim = others.remove(random.below(others.len() as u64) as usize);
            let rank = victim.rank;
            let epoch = region.status(rank).expect("a rank").1;
            killed.push(victim.kill());
            if again {
                // It may be told of together with the new life.
                others.push(Other::start(&region, rank));
                observer.until(&Event::Joined { rank, epoch: epoch + 1 });
            }
            observer.until(&Event::Died { rank, epoch });
            if random.below(2) == 0 {
                observer.say(b"one of us is dead");
            }
        }
        observer.messages(300);
        observer.say(STOP);
        observer.say(DONE);
        while !observer.others.are_done() {
            observer.next();
        }
        let mut stayed = vec![observer.history.clone()];
        drop(observer);
        stayed.extend(others.into_iter().map(Other::finish));
        for at in 0..killed.len() {
            let mut one = killed.remove(0);
            forget_unsent(&mut one, &stayed.iter().chain(&killed).collect::<Vec<_>>());
            killed.push(one);
            assert!(killed[killed.len() - 1].steps.len() > 50, "seed {seed}, {at}: it took part");
        }
        assert_eq!(agree(&stayed), Ok(()), "seed {seed}");
        // Nor was one that is dead told something else: this one was there from before all of them.
        for step in killed.iter().flat_map(|history| &history.steps) {
            let (Step::Sent(id) | Step::Delivered(id)) = *step else { continue };
            let is_told =
                [Step::Sent(id), Step::Delivered(id)].iter().any(|step| stayed[0].steps.contains(step));
            assert!(is_told, "seed {seed}: {id}");
        }
        let all: Vec<_> = stayed.into_iter().chain(killed).collect();
        assert_eq!(check(&all), Ok(()), "seed {seed}");
    }
}

#[test]
fn one_that_is_stopped_is_named_and_not_waited_for_when_it_is_dead() {
    let region = Region::create_unnamed(Config::ranks(RANKS)).expect("memory");
    let me = region.join(0).expect("a free rank");
    let mut observer = Observer::join(&me);
    let other = Other::start(&region, 1);
    observer.until(&Event::Joined { rank: 1, epoch: 1 });
    other.child.signal(SIGSTOP);
    let fill = |observer: &mut Observer<'_>| loop {
        match observer.member.broadcast_within(b"more", Duration::from_millis(50)) {
            Ok(id) => observer.history.sent(id),
            Err(error) => break error,
        }
    };
    assert_eq!(fill(&mut observer), CausalError::Behind { rank: 1 });
    other.child.signal(SIGCONT);
    observer.say(b"it reads again");
    other.child.signal(SIGSTOP);
    assert_eq!(fill(&mut observer), CausalError::Behind { rank: 1 });
    // It does not take part any more, and keeps nobody waiting.
    let mut histories = vec![observer.history.clone()];
    let killed = other.kill();
    observer.say(b"alone");
    observer.until(&Event::Died { rank: 1, epoch: 1 });
    histories[0] = observer.history.clone();
    let mut killed = killed;
    forget_unsent(&mut killed, &[&histories[0]]);
    histories.push(killed);
    assert_eq!(check(&histories), Ok(()));
}
