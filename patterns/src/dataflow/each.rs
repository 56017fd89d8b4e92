//! What is done to each record alone: map, filter, flat map, key.

use super::operator::Logic;
use super::output::Emit;
use super::record::Record;
use std::rc::Rc;

/// What is made of a record, handed on one by one.
pub type Step<I, O> = Rc<dyn Fn(I, &mut dyn FnMut(O))>;

/// An operator without a state.
pub struct Each<I, O>(pub Step<I, O>);

impl<I: Record, O: Record> Logic<I, O> for Each<I, O> {
    #[inline]
    fn record(&mut self, time: u64, value: I, out: &mut Emit<'_, O>) -> Result<(), String> {
        (self.0)(value, &mut |made| out.emit(time, made));
        Ok(())
    }
}
