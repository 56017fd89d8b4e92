//! What an actor does.

use super::Context;

/// What an actor does with its messages. A closure that takes a message and a [`Context`] is one, too.
///
/// ```
/// # use mailbox::{Config, Region};
/// # use mailbox_patterns::actor::{Actor, Context, InProcess, Limits, Next, Protocol, System};
/// # use mailbox_patterns::codec::Message;
/// # use std::time::Duration;
/// struct Count(u32);
/// struct One;
/// # impl Message for One { const NAME: &'static str = "One"; }
/// # impl Protocol for One { type Codec = InProcess; }
/// impl Actor<One> for Count {
///     fn receive(&mut self, _: One, _: &mut Context<'_, One>) -> Next<One> {
///         self.0 += 1;
///         // From the third on it does nothing more.
///         if self.0 == 3 { Next::become_(|_, _: &mut Context<'_, One>| Next::Same) } else { Next::Same }
///     }
/// }
/// # let mut system = System::new(Region::create_unnamed(Config::ranks(1))?.join(0)?, Limits::default());
/// let count = system.spawn(Count(0))?;
/// system.tell(count, One)?;
/// system.run_for(Duration::from_millis(1))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Actor<M>: 'static {
    /// Called once, before the first message.
    fn started(&mut self, cx: &mut Context<'_, M>) {
        _ = cx;
    }

    /// Called with each message, one at a time. It must not wait: no other actor of the rank runs meanwhile.
    fn receive(&mut self, message: M, cx: &mut Context<'_, M>) -> Next<M>;
}

impl<M, F> Actor<M> for F
where
    F: FnMut(M, &mut Context<'_, M>) -> Next<M> + 'static,
{
    fn receive(&mut self, message: M, cx: &mut Context<'_, M>) -> Next<M> {
        self(message, cx)
    }
}

/// What becomes of an actor after a message.
pub enum Next<M> {
    /// It goes on.
    Same,
    /// It does this with the messages that follow, those in its mailbox included. It keeps its address, links and monitors. `started`
    /// is not called again.
    Become(Box<dyn Actor<M>>),
    /// It ends, with [`Reason::Stopped`](super::Reason::Stopped).
    Stop,
    /// It ends, with [`Reason::Failed`](super::Reason::Failed) and these words.
    Fail(String),
}

impl<M> Next<M> {
    /// [`Next::Become`], boxed.
    pub fn become_(actor: impl Actor<M>) -> Self {
        Next::Become(Box::new(actor))
    }
}

impl<M> core::fmt::Debug for Next<M> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Next::Same => f.write_str("Same"),
            Next::Become(_) => f.write_str("Become"),
            Next::Stop => f.write_str("Stop"),
            Next::Fail(why) => f.debug_tuple("Fail").field(why).finish(),
        }
    }
}
