//! A register of which several processes have copies.

use super::asking::Asking;
use super::error::Why;
use super::operation::{Ask, Fault, Goal, Operation, Step, World};
use super::stamp::{self, Kept, Stamp};
use super::wire::{self, Answer, Head};
use super::{Register, RegisterError, members};
use bytemuck::{Pod, bytes_of};
use core::fmt;
use mailbox::{Deadline, Endpoint, Reply, Status};
use std::time::Duration;

/// A register that several processes keep: the [`Replica`](super::Replica)s. It is there as long as fewer than half of them fail.
///
/// An operation asks all replicas, and waits for a majority. It gives up after 10 s, or after what [`Replicated::set_limit`] says:
/// [`RegisterError::NoMajority`] says who is missing. Until then it asks those again that have ended, since others may come in
/// their place.
///
/// **Cost.** A write asks twice, a read once, and a second time where a majority does not have the same value yet. To ask is a call to each
/// replica. In the end there is a system call for each of a majority, to see whether it still lives.
///
/// ```
/// use mailbox::{Config, Deadline, Region};
/// use mailbox_patterns::register::{Register, Replica, Replicated};
///
/// const LEADER: Register<u32> = Register::new("leader");
///
/// let region = Region::create_unnamed(Config::ranks(4))?;
/// for rank in 0..3 {
///     // Each in a process of its own
///     let region = region.clone();
///     # std::thread::spawn(move || {
///     let mut replica = Replica::join(region.join(rank)?, &LEADER, 0..3, 0)?;
///     while replica.serve(Deadline::Never).is_ok() {}
///     # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
///     # });
/// }
///
/// let me = region.join(3)?;
/// let mut leader = Replicated::new(&me, &LEADER, 0..3)?;
/// leader.write(&7)?;
/// assert_eq!(leader.read()?, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Replicated<'a, T> {
    me: &'a Endpoint,
    register: Register<T>,
    key: u64,
    members: Vec<u32>,
    context: u64,
    limit: Duration,
}

impl<'a, T: Pod> Replicated<'a, T> {
    /// The register that these ranks keep, in this order everywhere. Asks nothing yet.
    pub fn new(
        me: &'a Endpoint,
        register: &Register<T>,
        members: impl IntoIterator<Item = u32>,
    ) -> Result<Self, RegisterError> {
        register.check_len(me, 1, size_of::<Head>() + size_of::<Stamp>())?;
        let members = members::check(me, register, members)?;
        let context = wire::hash_of_members(&members);
        Ok(Self {
            me,
            register: register.clone(),
            key: register.key(),
            members,
            context,
            limit: super::LIMIT,
        })
    }

    /// From now on each operation gives up after this time.
    pub fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// The value. Linearizable: one that reads after this has returned reads this value or a later one.
    pub fn read(&mut self) -> Result<T, RegisterError> {
        self.run(Goal::Read)
    }

    /// The value that a majority knows, without a second question. Regular (L. Lamport, *On interprocess communication*, 1986): what
    /// the last write that was over has written, or one that is going on. Two reads beside one write may find the new value first
    /// and then the old one.
    pub fn read_regular(&mut self) -> Result<T, RegisterError> {
        self.run(Goal::Regular)
    }

    /// Writes it. Returns when a majority has the value.
    pub fn write(&mut self, value: &T) -> Result<(), RegisterError> {
        self.run(Goal::Write(*value)).map(drop)
    }

    fn run(&mut self, goal: Goal<T>) -> Result<T, RegisterError> {
        let deadline = Deadline::from(self.limit);
        let mut operation = Operation::new(goal, self.members.len());
        let mut asking = Asking::new(self.me, &self.members);
        let context = Context { me: self.me, members: &self.members, key: self.key, context: self.context };
        asking.ask(context.request(operation.ask()), None);
        loop {
            let Some((member, reply)) = asking.wait(deadline)? else {
                let is_write = matches!(operation.goal(), Goal::Write(_));
                let may_have_happened = is_write && matches!(operation.ask(), Ask::Update(_));
                let needed = operation.needed as u32;
                let missing = asking.missing();
                let register = self.register.name().into();
                return Err(RegisterError::NoMajority { register, needed, missing, may_have_happened });
            };
            match context.take(&mut operation, member, &reply) {
                Ok(Step::Wait) => asking.ask_those(|member| operation.lacks(member)),
                Ok(Step::Next) => asking.ask(context.request(operation.ask()), None),
                Ok(Step::Done(kept)) => return Ok(kept.value),
                Err(refusal) => refusal.tell(&self.register, &self.members, member, &mut asking)?,
            }
        }
    }
}

impl<T> fmt::Debug for Replicated<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replicated")
            .field("register", &self.register)
            .field("members", &self.members)
            .finish_non_exhaustive()
    }
}

/// How requests are made and answers are read.
pub struct Context<'a> {
    pub me: &'a Endpoint,
    pub members: &'a [u32],
    pub key: u64,
    pub context: u64,
}

/// Why an answer does not count.
pub enum Refusal {
    Why(Why),
    Fault(Fault),
}

impl Refusal {
    /// Has the member asked again later, or says what cannot be mended.
    pub fn tell<T: Pod>(
        self,
        register: &Register<T>,
        members: &[u32],
        member: usize,
        asking: &mut Asking<'_>,
    ) -> Result<(), RegisterError> {
        let register = || register.name().to_string();
        match self {
            Refusal::Why(why) => asking.ask_again(member, why),
            Refusal::Fault(Fault::Garbled) => asking.ask_again(member, Why::Garbled),
            Refusal::Fault(Fault::Conflict(both)) => {
                let [one, other] = both.map(|member| members[member]);
                return Err(RegisterError::Conflict { register: register(), one, other });
            }
            Refusal::Fault(Fault::Exhausted) => {
                return Err(RegisterError::Exhausted { register: register() });
            }
        }
        Ok(())
    }
}

impl Context<'_> {
    pub fn request<T: Pod>(&self, ask: &Ask<T>) -> Vec<u8> {
        match ask {
            Ask::Query => Head::new(self.key, self.context, wire::QUERY).with(&[]),
            Ask::Update(Kept { stamp, value }) => {
                Head::new(self.key, self.context, wire::UPDATE).with(&[bytes_of(stamp), bytes_of(value)])
            }
        }
    }

    /// Takes the answer of a member.
    pub fn take<T: Pod>(
        &self,
        operation: &mut Operation<T>,
        member: usize,
        reply: &Reply,
    ) -> Result<Step<T>, Refusal> {
        let garbled = || Refusal::Fault(Fault::Garbled);
        let (answer, rest) = wire::split::<Answer>(reply).ok_or_else(garbled)?;
        match answer.code {
            wire::DONE => {}
            wire::UNKNOWN => return Err(Refusal::Why(Why::Unknown)),
            wire::OTHER_MEMBERS => return Err(Refusal::Why(Why::OtherMembers)),
            wire::EMPTY => return Err(Refusal::Why(Why::Empty)),
            _ => return Err(garbled()),
        }
        let (stamp, rest) = wire::split::<Stamp>(rest).ok_or_else(garbled)?;
        let value = match operation.ask() {
            Ask::Query => Some(wire::only::<T>(rest).ok_or_else(garbled)?),
            Ask::Update(_) if rest.is_empty() => None,
            Ask::Update(_) => return Err(garbled()),
        };
        operation.take(member, answer.life, (stamp, value), self).map_err(Refusal::Fault)
    }
}

impl World for Context<'_> {
    fn lives(&self, member: usize, life: u64) -> bool {
        self.me.region().status(self.members[member]) == Some((Status::Live, life))
    }

    fn stamp_after(&self, seen: u64) -> Option<Stamp> {
        let register = self.key ^ self.context;
        Some(Stamp::new(stamp::number_after(register, seen)?, stamp::writer(self.me)))
    }
}
