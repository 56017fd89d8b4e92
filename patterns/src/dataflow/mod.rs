//! Dataflow.

mod channel;
mod each;
mod error;
mod fold;
mod folder;
mod graph;
mod lead;
mod note;
mod operator;
mod options;
mod output;
mod plan;
mod rates;
mod record;
mod run;
mod sink;
mod source;
mod stream;
mod wiring;
mod worker;

pub use error::{CheckpointError, GraphError, RunError};
pub use fold::Window;
pub use graph::{Graph, Later};
pub use options::Options;
pub use rates::{Rate, Rates, Report};
pub use record::{Reader, Record};
pub use stream::{Keyed, Stream, Windowed};
