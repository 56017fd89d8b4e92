//! Replicas and clients whose requests and answers come in any order, or never, while replicas die and come back. A checker judges
//! what the clients see. Each mutant is found.

#[path = "../../tests/histories/mod.rs"]
mod histories;

use super::name::hash;
use super::operation::{Ask, Goal, Operation, Step, World};
use super::stamp::{Kept, Stamp};
use core::cell::Cell;
use histories::{History, Op, Outcome};

/// Steps in a simulation.
const STEPS: u64 = 600;
/// Steps for which a message between two does not arrive.
const WHILE: u64 = 100;

/// What is done wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mutant {
    Nothing,
    /// A read does not write back.
    NoWriteBack,
    /// One less than a majority is enough.
    SmallQuorum,
    /// An answer of a life that has ended counts.
    CountsTheDead,
    /// A life that comes back does not ask the others.
    FoundsAgain,
    /// A write may have the stamp of one that its client gave up.
    ForgetsItsNumber,
}

/// Who asks: a client, or a replica that recovers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asker {
    Client(usize),
    Replica(usize),
}

enum Message {
    /// The question of this number, to this life of a replica.
    Request { asker: Asker, number: u64, to: usize, life: u64, ask: Ask<u64> },
    /// Its answer.
    Reply { asker: Asker, number: u64, member: usize, life: u64, answer: (Stamp, Option<u64>) },
}

#[derive(Default)]
struct Replica {
    life: u64,
    is_dead: bool,
    kept: Option<Kept<u64>>,
    recovery: Option<Question>,
}

/// An operation, and the number of what it asks now.
struct Question {
    operation: Operation<u64>,
    number: u64,
}

struct Client {
    /// A client that gives up goes on as another thread.
    thread: u32,
    question: Option<Question>,
    used: Cell<u64>,
}

/// What an operation sees of the simulation.
struct Seen<'a> {
    lives: &'a [u64],
    client: u64,
    used: &'a Cell<u64>,
    mutant: Mutant,
}

impl World for Seen<'_> {
    fn lives(&self, member: usize, life: u64) -> bool {
        self.mutant == Mutant::CountsTheDead || self.lives[member] == life
    }

    fn stamp_after(&self, seen: u64) -> Option<Stamp> {
        let used = if self.mutant == Mutant::ForgetsItsNumber { 0 } else { self.used.get() };
        self.used.set(seen.max(used) + 1);
        Some(Stamp::new(self.used.get(), self.client))
    }
}

/// Numbers that are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

struct Simulation {
    seed: u64,
    mutant: Mutant,
    dice: Dice,
    replicas: Vec<Replica>,
    clients: Vec<Client>,
    messages: Vec<Message>,
    history: History,
    time: u64,
    numbers: u64,
    threads: u32,
    has_faults: bool,
}

impl Simulation {
    fn new(mutant: Mutant, seed: u64, replicas: usize) -> Self {
        let replica = || Replica { life: 1, kept: Some(Kept::first(0)), ..Default::default() };
        let client = |thread| Client { thread, question: None, used: Cell::new(0) };
        Self {
            seed,
            mutant,
            dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            replicas: (0..replicas).map(|_| replica()).collect(),
            clients: (0..3).map(client).collect(),
            messages: vec![],
            history: History::default(),
            time: 0,
            numbers: 0,
            threads: 3,
            has_faults: false,
        }
    }

    /// Whether the checker accepts what the clients have seen.
    fn is_accepted(&mut self) -> bool {
        for time in 0..STEPS {
            self.time = time;
            match self.dice.below(200) {
                0..2 => self.kill(),
                2..6 => self.restart(),
                6 => self.give_up(),
                7..30 => self.begin(),
                30..40 => self.ask_once_more(),
                _ => self.deliver(),
            }
        }
        !self.has_faults && self.history.is_linearizable(0)
    }

    /// Fewer than half of the replicas have no value at any time.
    fn kill(&mut self) {
        let victim = self.dice.below(self.replicas.len());
        let empty = self.replicas.iter().filter(|replica| replica.kept.is_none()).count();
        if self.replicas[victim].kept.is_some() && 2 * (empty + 1) < self.replicas.len() {
            let life = self.replicas[victim].life;
            self.replicas[victim] = Replica { life, is_dead: true, ..Default::default() };
        }
    }

    fn restart(&mut self) {
        let member = self.dice.below(self.replicas.len());
        if !self.replicas[member].is_dead {
            return;
        }
        let life = self.replicas[member].life + 1;
        self.replicas[member] = Replica { life, ..Default::default() };
        if self.mutant == Mutant::FoundsAgain {
            self.replicas[member].kept = Some(Kept::first(0));
            return;
        }
        let operation = self.operation(Goal::Regular);
        self.replicas[member].recovery = Some(Question { operation, number: 0 });
        self.ask(Asker::Replica(member));
    }

    fn operation(&self, goal: Goal<u64>) -> Operation<u64> {
        let mut operation = Operation::new(goal, self.replicas.len());
        operation.needed -= usize::from(self.mutant == Mutant::SmallQuorum);
        operation
    }

    fn begin(&mut self) {
        let client = self.dice.below(self.clients.len());
        if self.clients[client].question.is_some() {
            return;
        }
        let is_write = self.dice.below(2) == 0;
        let (goal, op) = match (is_write, self.mutant) {
            (true, _) => (Goal::Write(self.time + 1), Op::Write(self.time + 1)),
            (_, Mutant::NoWriteBack) => (Goal::Regular, Op::Read),
            _ => (Goal::Read, Op::Read),
        };
        self.history.call(self.time, self.clients[client].thread, op);
        let operation = self.operation(goal);
        self.clients[client].question = Some(Question { operation, number: 0 });
        self.ask(Asker::Client(client));
    }

    /// A client waits no longer. What it has sent may still arrive.
    fn give_up(&mut self) {
        let client = self.dice.below(self.clients.len());
        let client = &mut self.clients[client];
        if client.question.take().is_some() {
            client.thread = self.threads;
            self.threads += 1;
        }
    }

    fn question(&mut self, asker: Asker) -> &mut Option<Question> {
        match asker {
            Asker::Client(client) => &mut self.clients[client].question,
            Asker::Replica(member) => &mut self.replicas[member].recovery,
        }
    }

    /// Puts the question of this one, which is new, to all.
    fn ask(&mut self, asker: Asker) {
        self.numbers += 1;
        let number = self.numbers;
        if let Some(question) = self.question(asker) {
            question.number = number;
        }
        (0..self.replicas.len()).for_each(|to| self.send(asker, to));
    }

    /// Puts it to a replica that has not answered, and may have ended since.
    fn ask_once_more(&mut self) {
        let (client, to) = (self.dice.below(self.clients.len()), self.dice.below(self.replicas.len()));
        self.send(Asker::Client(client), to);
        self.send(Asker::Replica(to), (to + 1 + client) % self.replicas.len());
    }

    fn send(&mut self, asker: Asker, to: usize) {
        let life = self.replicas[to].life;
        let Some(Question { operation, number }) = self.question(asker) else { return };
        if operation.lacks(to) && asker != Asker::Replica(to) {
            let message = Message::Request { asker, number: *number, to, life, ask: *operation.ask() };
            self.messages.push(message);
        }
    }

    /// Whether it can still make a difference.
    fn matters(&self, message: &Message) -> bool {
        match message {
            Message::Request { to, life, ask: Ask::Update(_), .. } => self.replicas[*to].life == *life,
            Message::Request { asker, number, .. } | Message::Reply { asker, number, .. } => {
                let question = match asker {
                    Asker::Client(client) => &self.clients[*client].question,
                    Asker::Replica(replica) => &self.replicas[*replica].recovery,
                };
                question.as_ref().is_some_and(|question| question.number == *number)
            }
        }
    }

    /// For a while at a time, messages between some pairs do not arrive. So different askers hear from different majorities.
    fn is_slow(&self, message: &Message) -> bool {
        let (asker, member) = match message {
            Message::Request { asker, to, .. } => (asker, to),
            Message::Reply { asker, member, .. } => (asker, member),
        };
        let asker = match asker {
            Asker::Client(client) => 2 * client,
            Asker::Replica(replica) => 2 * replica + 1,
        };
        let pair = (asker * 64 + member) as u64;
        let numbers = [self.seed, pair, self.time / WHILE];
        hash(numbers.each_ref().map(bytemuck::bytes_of)) >> 32 & 1 == 0
    }

    fn deliver(&mut self) {
        let arriving: Vec<_> = (0..self.messages.len())
            .filter(|at| self.matters(&self.messages[*at]) && !self.is_slow(&self.messages[*at]))
            .collect();
        if arriving.is_empty() {
            return;
        }
        let at = arriving[self.dice.below(arriving.len())];
        match self.messages.swap_remove(at) {
            Message::Request { asker, number, to, life, ask } => {
                let replica = &mut self.replicas[to];
                let Some(kept) = replica.kept.as_mut().filter(|_| replica.life == life) else { return };
                let answer = match ask {
                    Ask::Query => (kept.stamp, Some(kept.value)),
                    Ask::Update(update) => {
                        kept.take(update);
                        (kept.stamp, None)
                    }
                };
                self.messages.push(Message::Reply { asker, number, member: to, life, answer });
            }
            Message::Reply { asker, number, member, life, answer } => {
                self.take(asker, number, member, life, answer);
            }
        }
    }

    fn take(&mut self, asker: Asker, number: u64, member: usize, life: u64, answer: (Stamp, Option<u64>)) {
        let lives: Vec<_> = self.replicas.iter().map(|replica| replica.life).collect();
        let (mutant, used) = (self.mutant, Cell::new(0));
        let (question, client, used) = match asker {
            Asker::Client(client) => {
                let number = client as u64 + 1;
                let client = &mut self.clients[client];
                (&mut client.question, number, &client.used)
            }
            Asker::Replica(replica) => (&mut self.replicas[replica].recovery, 0, &used),
        };
        let Some(asked) = question.as_mut().filter(|question| question.number == number) else { return };
        let seen = Seen { lives: &lives, client, used, mutant };
        match asked.operation.take(member, life, answer, &seen) {
            Ok(Step::Wait) => {}
            Ok(Step::Next) => self.ask(asker),
            Ok(Step::Done(kept)) => {
                let is_write = matches!(asked.operation.goal(), Goal::Write(_));
                *question = None;
                match asker {
                    Asker::Replica(replica) => self.replicas[replica].kept = Some(kept),
                    Asker::Client(client) => {
                        let outcome = if is_write { Outcome::Written } else { Outcome::Value(kept.value) };
                        self.history.end(self.time, self.clients[client].thread, outcome);
                    }
                }
            }
            Err(_) => self.has_faults = true,
        }
    }
}

/// Whether the checker rejects one of these simulations.
fn is_found(mutant: Mutant, seeds: core::ops::Range<u64>) -> bool {
    let mut simulations = seeds.map(|seed| Simulation::new(mutant, seed, if seed % 4 == 0 { 5 } else { 3 }));
    simulations.any(|mut simulation| !simulation.is_accepted())
}

#[test]
fn in_any_order_with_deaths_and_returns_what_clients_see_is_linearizable() {
    assert!(!is_found(Mutant::Nothing, 0..1500));
}

#[test]
fn a_read_that_does_not_write_back_is_found() {
    assert!(is_found(Mutant::NoWriteBack, 500..1500));
}

#[test]
fn less_than_a_majority_is_found() {
    assert!(is_found(Mutant::SmallQuorum, 0..100));
}

#[test]
fn a_life_that_begins_with_nothing_is_found() {
    assert!(is_found(Mutant::FoundsAgain, 0..1000));
}

#[test]
fn two_writes_with_one_stamp_are_found() {
    assert!(is_found(Mutant::ForgetsItsNumber, 800..1500));
}

/// The answers of a query to these replicas, until it is over.
fn query(goal: Goal<u64>, replicas: &[Kept<u64>], members: [usize; 2], seen: &Seen<'_>) -> Operation<u64> {
    let mut operation = Operation::new(goal, replicas.len());
    for member in members {
        let Kept { stamp, value } = replicas[member];
        _ = operation.take(member, seen.lives[member], (stamp, Some(value)), seen).expect("it makes sense");
    }
    operation
}

#[test]
fn an_answer_of_a_life_that_has_ended_does_not_count() {
    for mutant in [Mutant::Nothing, Mutant::CountsTheDead] {
        let (mut replicas, mut history, used) = ([Kept::first(0); 3], History::default(), Cell::new(0));
        let seen = Seen { lives: &[1, 1, 1], client: 1, used: &used, mutant };
        history.call(0, 0, Op::Write(5));
        let mut write = query(Goal::Write(5), &replicas, [0, 1], &seen);
        let Ask::Update(update) = *write.ask() else { panic!("a majority has answered") };
        replicas[0].take(update);
        assert!(matches!(write.take(0, 1, (replicas[0].stamp, None), &seen), Ok(Step::Wait)));
        // It dies, and its next life asks the others, which have not heard of the write.
        let seen = Seen { lives: &[2, 1, 1], ..seen };
        let mut recovery = query(Goal::Regular, &replicas, [1, 1], &seen);
        match recovery.take(2, 1, (replicas[2].stamp, Some(replicas[2].value)), &seen) {
            Ok(Step::Done(kept)) => replicas[0] = kept,
            step => panic!("{step:?}"),
        }
        // Now one of those hears of it.
        replicas[2].take(update);
        match write.take(2, 1, (replicas[2].stamp, None), &seen) {
            Ok(Step::Wait) => assert!(write.lacks(0) && mutant == Mutant::Nothing),
            Ok(Step::Done(_)) => history.end(1, 0, Outcome::Written),
            step => panic!("{step:?}"),
        }
        // Another client asks the two that know nothing.
        history.call(2, 1, Op::Read);
        history.end(3, 1, Outcome::Value(replicas[0].value.max(replicas[1].value)));
        assert_eq!(history.is_linearizable(0), mutant == Mutant::Nothing, "{mutant:?}");
    }
}
