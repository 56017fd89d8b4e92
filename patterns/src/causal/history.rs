//! What a member did, in order.

use super::{Clock, Event, Id, Member};

/// What a member did: one life of a rank, from the time when it joined. [`check`](super::check()) looks at those of all members.
///
/// It is plain data: a program makes it from what a [`Member`] tells, or by other means for another kind of delivery.
///
/// ```
/// # use mailbox::{Config, Region};
/// # use mailbox_patterns::causal::{agree, check, Group, History, Member};
/// # let region = Region::create_unnamed(Config::ranks(2))?;
/// # let (me, other) = (region.join(0)?, region.join(1)?);
/// # const GROUP: Group = Group::new("group", 0..2);
/// let mut member = Member::join(&me, &GROUP)?;
/// let mut history = History::of(&member);
/// # let mut second = Member::join(&other, &GROUP)?;
/// # let mut theirs = History::of(&second);
/// history.sent(member.broadcast(b"hello")?);
/// # theirs.sent(second.broadcast(b"hello")?);
/// while let Some(event) = member.try_next_event()? {
///     history.told(&event);
/// }
/// # while let Some(event) = second.try_next_event()? {
/// #     theirs.told(&event);
/// # }
/// // Then, of all members:
/// let all = [history, theirs];
/// assert_eq!((check(&all), agree(&all)), (Ok(()), Ok(())));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// The rank.
    pub rank: u32,
    /// What was sent before it joined: this is not delivered to it. Its own rank included.
    pub start: Clock,
    /// What it did.
    pub steps: Vec<Step>,
}

/// What a member does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// It has sent a message.
    Sent(Id),
    /// It was given a message of another member.
    Delivered(Id),
    /// It leaves out what a rank sends, from this message on, until another message of this rank is delivered.
    LeftOut(Id),
}

impl History {
    /// That of a member that has just joined.
    pub fn of(member: &Member<'_>) -> Self {
        Self { rank: member.rank(), start: member.clock().clone(), steps: vec![] }
    }

    /// The member has sent this message.
    pub fn sent(&mut self, id: Id) {
        self.steps.push(Step::Sent(id));
    }

    /// The member was told this.
    pub fn told(&mut self, event: &Event) {
        match event {
            Event::Message(message) => self.steps.push(Step::Delivered(message.id())),
            Event::Lied { id, .. } => self.steps.push(Step::LeftOut(*id)),
            _ => {}
        }
    }
}
