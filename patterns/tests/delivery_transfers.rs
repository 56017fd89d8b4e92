//! Transfers between accounts while everything is killed at random. With each weaker promise: what it allows.

use kit::{Child, Folder, kill_oneself, wait_until};
use mailbox::{Config, Deadline, Endpoint, Region};
use mailbox_patterns::delivery::{
    Consumer, DeadLetters, DeliveryError, Durability, JournalError, Ledger, Letter, Outbox, OutboxError,
    Replay, Retry,
};
use std::env;
use std::error::Error;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

type Outcome = Result<(), Box<dyn Error>>;

const BANK: u32 = 0;
const TELLERS: u32 = 4;
const EACH: u64 = 2500;
const ACCOUNTS: usize = 16;
const OPENING: i64 = 1000;
/// How many transfers of a teller have one commit.
const AT_ONCE: u64 = 5;
/// Longer than anything here takes.
const GUARD: Duration = Duration::from_secs(30);
const ROLE: &str = "DELIVERY_TEST_ROLE";
const FOLDER: &str = "DELIVERY_TEST_FOLDER";

/// A number that nobody can foresee, below this one.
fn random(below: u64) -> u64 {
    RandomState::new().hash_one(Instant::now()) % below
}

/// A transfer of a teller, made from its number: the same each time.
#[derive(Clone, Copy)]
struct Transfer {
    teller: u64,
    number: u64,
    from: u64,
    to: u64,
    amount: u64,
}

impl Transfer {
    fn new(teller: u32, number: u64) -> Self {
        let mixed = (number + u64::from(teller) * 7919).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let account = |shift: u32| (mixed >> shift) % ACCOUNTS as u64;
        Self {
            teller: teller.into(),
            number,
            from: account(8),
            to: account(24),
            amount: 1 + (mixed >> 40) % 50,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        [self.teller, self.number, self.from, self.to, self.amount]
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let words: Vec<u64> =
            bytes.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().expect("8 bytes"))).collect();
        let [teller, number, from, to, amount] = words[..] else { return None };
        Some(Self { teller, number, from, to, amount })
    }
}

/// What the bank knows.
struct Book {
    balances: Vec<i64>,
    /// How often each transfer was carried out, by teller and number.
    counts: Vec<u8>,
}

impl Book {
    fn new() -> Self {
        Self {
            balances: vec![OPENING; ACCOUNTS],
            counts: vec![0; ((TELLERS + 1) as usize) * (EACH as usize + 1)],
        }
    }

    fn carry_out(&mut self, transfer: &Transfer) {
        self.balances[transfer.from as usize] -= transfer.amount as i64;
        self.balances[transfer.to as usize] += transfer.amount as i64;
        self.counts[(transfer.teller * (EACH + 1) + transfer.number) as usize] += 1;
    }

    fn bytes(&self) -> Vec<u8> {
        self.balances
            .iter()
            .flat_map(|balance| balance.to_le_bytes())
            .chain(self.counts.iter().copied())
            .collect()
    }

    fn replay(&mut self, replay: Replay<'_>) {
        match replay {
            Replay::State(state) => {
                let (balances, counts) = state.split_at(8 * ACCOUNTS);
                let balance = |word: &[u8]| i64::from_le_bytes(word.try_into().expect("8 bytes"));
                self.balances = balances.chunks_exact(8).map(balance).collect();
                self.counts = counts.to_vec();
            }
            Replay::Effect(effect) => self.carry_out(&Transfer::read(effect).expect("a transfer")),
        }
    }

    fn open(folder: &Path) -> (Self, Ledger) {
        let mut book = Self::new();
        let (ledger, _) =
            Ledger::open(folder.join("bank"), Durability::Process, |replay| book.replay(replay))
                .expect("a ledger");
        (book, ledger)
    }

    /// How often each of so many transfers of these tellers was carried out.
    fn carried_out(&self, tellers: impl IntoIterator<Item = u32>, each: u64) -> Vec<u8> {
        let at = |teller: u32| (u64::from(teller) * (EACH + 1) + 1) as usize;
        tellers
            .into_iter()
            .flat_map(|teller| &self.counts[at(teller)..at(teller) + each as usize])
            .copied()
            .collect()
    }
}

fn start(region: &Region, folder: &Path, role: &str) -> Child {
    let mut command = Command::new(env::current_exe().expect("this test"));
    command.args(["--exact", "second_process"]).stdout(Stdio::null());
    command.env(ROLE, role).env(FOLDER, folder);
    region.hand_to(&mut command).expect("a file descriptor");
    Child::start(&mut command)
}

#[test]
fn second_process() {
    let Ok(role) = env::var(ROLE) else { return };
    kit::die_with_parent();
    kit::end_within(120);
    let folder = PathBuf::from(env::var_os(FOLDER).expect("a folder"));
    let region = Region::from_env().expect("a region");
    if role == "full" {
        return fill_the_disk(&region.join(BANK).expect("a free rank"), &folder);
    }
    let outcome = match role.parse() {
        Ok(teller) => send_transfers(&region.join(teller).expect("a free rank"), &folder),
        Err(_) => keep_books(&region.join(BANK).expect("a free rank"), &folder, &role),
    };
    outcome.expect("it goes on until it is killed");
}

fn send_transfers(me: &Endpoint, folder: &Path) -> Outcome {
    let path = folder.join(format!("teller-{}", me.rank()));
    let (mut outbox, _) = Outbox::open(me, path, Durability::Process)?;
    loop {
        let last = outbox.last(BANK);
        for number in last + 1..=EACH.min(last + AT_ONCE) {
            outbox.post(BANK, &Transfer::new(me.rank(), number).bytes())?;
        }
        match outbox.deliver(GUARD) {
            Ok(()) if outbox.last(BANK) == EACH => return Ok(()),
            Ok(()) | Err(OutboxError::Undelivered { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn keep_books(me: &Endpoint, folder: &Path, promise: &str) -> Outcome {
    let (mut book, mut ledger) = Book::open(folder);
    let dead = DeadLetters::open(folder.join("dead"))?;
    // Kills are no fault of the messages.
    let mut consumer = Consumer::new(me, Retry::new(1_000_000), dead);
    let transfer = |letter: &Letter| Transfer::read(&letter.body).ok_or("no transfer");
    let mut handled = 0;
    loop {
        match promise {
            "exactly once" => {
                let done = consumer.exactly_once(&mut ledger, Deadline::Never, |letter| {
                    let transfer = transfer(letter)?;
                    book.carry_out(&transfer);
                    Ok(transfer.bytes())
                })?;
                handled += done.handled;
                if handled > 500 {
                    ledger.compact(&book.bytes())?;
                    handled = 0;
                }
            }
            "at least once" => {
                consumer.at_least_once(Deadline::Never, |letter| {
                    ledger.note(&transfer(letter)?.bytes()).map_err(|error| error.to_string())?;
                    ledger.commit().map_err(|error| error.to_string())?;
                    // The effect is there, and the message is not acknowledged.
                    if random(100) == 0 {
                        kill_oneself();
                    }
                    Ok(())
                })?;
            }
            _ => {
                consumer.at_most_once(Deadline::Never, |letter| {
                    // It is acknowledged, and the effect is not there.
                    if random(100) == 0 {
                        kill_oneself();
                    }
                    ledger.note(&transfer(letter)?.bytes()).map_err(|error| error.to_string())?;
                    ledger.commit().map_err(|error| error.to_string())
                })?;
            }
        }
    }
}

#[test]
fn ten_thousand_transfers_are_carried_out_once_while_everything_is_killed() {
    let folder = Folder::new();
    let region = Region::create_unnamed(Config::ranks(TELLERS + 1)).expect("memory");
    let role = |rank: u32| if rank == BANK { "exactly once".into() } else { rank.to_string() };
    let mut processes: Vec<_> = (0..=TELLERS).map(|rank| start(&region, &folder, &role(rank))).collect();
    let mut is_over = vec![false; processes.len()];
    let mut kills = 0;
    let deadline = Instant::now() + Duration::from_secs(100);
    while is_over[1..].contains(&false) {
        assert!(Instant::now() < deadline, "it goes on, after {kills} kills");
        thread::sleep(Duration::from_micros(random(12_000)));
        for rank in 1..=TELLERS as usize {
            if !is_over[rank] && processes[rank].has_ended() {
                assert!(processes[rank].finish().success(), "teller {rank}");
                is_over[rank] = true;
            }
        }
        let victim = random(u64::from(TELLERS) + 1) as usize;
        if !is_over[victim] {
            processes[victim].kill();
            processes[victim] = start(&region, &folder, &role(victim as u32));
            kills += 1;
        }
    }
    processes[BANK as usize].kill();
    println!("{kills} kills");
    assert!(kills > 10, "{kills}");
    let (book, _) = Book::open(&folder);
    assert_eq!(book.balances.iter().sum::<i64>(), OPENING * ACCOUNTS as i64);
    let mut expected = Book::new();
    for teller in 1..=TELLERS {
        (1..=EACH).for_each(|number| expected.carry_out(&Transfer::new(teller, number)));
    }
    assert_eq!(book.carried_out(1..=TELLERS, EACH), vec![1; EACH as usize * TELLERS as usize]);
    assert_eq!(book.balances, expected.balances);
    assert!(DeadLetters::open(folder.join("dead")).expect("a box").names().expect("a folder").is_empty());
}

/// Sends transfers to a bank that keeps this promise and kills itself now and then. How often each was carried out.
fn carried_out(promise: &str, count: u64) -> Vec<u8> {
    let folder = Folder::new();
    let region = Region::create_unnamed(Config::ranks(2)).expect("memory");
    let me = region.join(1).expect("a free rank");
    for number in 1..=count {
        me.send(BANK, &Transfer::new(1, number).bytes()).expect("room");
    }
    let mut deaths = 0;
    let mut bank = start(&region, &folder, promise);
    let is_over = || region.inspect().mailboxes.iter().all(|mailbox| mailbox.unread == 0);
    wait_until("all was handled", || {
        if bank.has_ended() {
            deaths += 1;
            bank = start(&region, &folder, promise);
        }
        is_over()
    });
    // The last message may be in hand.
    me.send(BANK, &Transfer::new(2, 1).bytes()).expect("room");
    wait_until("the bank has the last message", || {
        if bank.has_ended() {
            deaths += 1;
            bank = start(&region, &folder, promise);
        }
        is_over()
    });
    bank.kill();
    assert!(deaths > 0, "a death in {count} messages, with one in 100");
    Book::open(&folder).0.carried_out([1], count)
}

#[test]
fn at_least_once_loses_nothing_and_does_some_twice() {
    let counts = carried_out("at least once", 1500);
    assert!(counts.iter().all(|count| *count >= 1), "{counts:?}");
    assert!(counts.iter().any(|count| *count > 1), "{counts:?}");
}

#[test]
fn at_most_once_does_nothing_twice_and_loses_some() {
    let counts = carried_out("at most once", 1500);
    assert!(counts.iter().all(|count| *count <= 1), "{counts:?}");
    assert!(counts.contains(&0), "{counts:?}");
}

/// Handles transfers until the ledger cannot be written.
fn fill_the_disk(me: &Endpoint, folder: &Path) {
    let (_, mut ledger) = Book::open(folder);
    let mut consumer =
        Consumer::new(me, Retry::new(3), DeadLetters::open(folder.join("dead")).expect("a box"));
    let mut handle =
        |ledger: &mut Ledger| consumer.exactly_once(ledger, GUARD, |letter| Ok(letter.body.clone()));
    let error = (0..100).find_map(|_| handle(&mut ledger).err()).expect("no room");
    assert!(matches!(error, DeliveryError::Journal(JournalError::Io { .. })), "{error}");
    let error = handle(&mut ledger).expect_err("it has failed");
    assert!(matches!(error, DeliveryError::Journal(JournalError::Failed { .. })), "{error}");
}

#[test]
fn what_was_not_written_is_not_acknowledged() {
    const COUNT: u64 = 140;
    let folder = Folder::new();
    let region = Region::create_unnamed(Config::ranks(2)).expect("memory");
    let me = region.join(1).expect("a free rank");
    for number in 1..=COUNT {
        let numbers =
            [&7_u64.to_le_bytes()[..], &number.to_le_bytes(), &(number as u32).to_le_bytes()].concat();
        me.send(BANK, &[numbers, Transfer::new(1, number).bytes()].concat()).expect("room");
    }
    // No file may have more than 5 or 10 KiB, and that is no signal.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ && ulimit -f 10 && exec \"$0\" \"$@\""]);
    command.arg(env::current_exe().expect("this test")).args(["--exact", "second_process"]);
    command.stdout(Stdio::null()).env(ROLE, "full").env(FOLDER, &*folder);
    region.hand_to(&mut command).expect("a file descriptor");
    assert!(Child::start(&mut command).finish().success());

    let bank = region.join(BANK).expect("a free rank");
    let mut left = 0;
    while let Ok(Some(mail)) = bank.try_recv() {
        left += 1;
        mail.ack();
    }
    let written = Book::open(&folder).0.carried_out([1], COUNT).iter().filter(|count| **count == 1).count();
    assert_eq!(left + written, COUNT as usize);
    assert!(left > 0, "{left}");
}
