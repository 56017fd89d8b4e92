//! Half an endpoint.

/// The half of an endpoint that is at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    Sending = 0,
    Receiving = 1,
}
