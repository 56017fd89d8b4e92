//! An actor that does what a test wants.

use super::Seen;
use mailbox_patterns::actor::{Address, Context, InProcess, Next, System};
use mailbox_patterns::protocol;
use std::cell::RefCell;
use std::rc::Rc;

type Work = dyn FnOnce(&mut Context<'_, Do>);

/// What it is told to do.
pub enum Do {
    Run(Box<Work>),
    See(Seen),
}

protocol! { Do as "Do" in InProcess }

pub type Log = Rc<RefCell<Vec<Seen>>>;

/// An actor that does what a test wants, and notes what it is told.
pub fn probe(system: &mut System) -> (Address<Do>, Log) {
    let log = Log::default();
    let to = Rc::clone(&log);
    let probe = system.spawn(move |message, cx: &mut Context<'_, Do>| {
        match message {
            Do::Run(run) => run(cx),
            Do::See(seen) => to.borrow_mut().push(seen),
        }
        Next::Same
    });
    (probe.expect("room"), log)
}

pub fn run(system: &mut System, probe: Address<Do>, run: impl FnOnce(&mut Context<'_, Do>) + 'static) {
    system.tell(probe, Do::Run(Box::new(run))).expect("room");
}
