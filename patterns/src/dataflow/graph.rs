//! A graph, as a program builds it.

use super::options::Options;
use super::plan::{Plan, Spec};
use super::record::Record;
use super::run::Run;
use super::source::{Read, Source};
use super::stream::{Specs, Stream};
use super::{GraphError, Report, RunError};
use core::any::type_name;
use core::fmt;
use mailbox::Endpoint;
use std::rc::Rc;

/// A directed graph of operators. All processes that run it build the same.
///
/// ```
/// use mailbox_patterns::delivery::Durability;
/// use mailbox_patterns::dataflow::{Graph, GraphError};
///
/// let graph = Graph::new();
/// graph
///     .source("numbers", |from| (from..100).map(|number| (number, number)))
///     .filter("even", |number| number % 2 == 0)
///     .on([1])
///     .to_file("out", "even.txt", Durability::Process, |number| format!("{number}\n"));
/// assert!(graph.dot()?.contains("rank 1"));
///
/// // One that would wait for itself is refused.
/// let (later, stream) = graph.later::<u64>("loop");
/// later.connect(&stream.map("next", |number| number + 1));
/// let operators = vec!["loop".to_string(), "next".to_string()];
/// assert_eq!(graph.check(), Err(GraphError::Cycle { operators }));
/// # Ok::<(), GraphError>(())
/// ```
#[derive(Default)]
pub struct Graph {
    specs: Specs,
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.specs.borrow().iter().map(|spec| &spec.name)).finish()
    }
}

impl Graph {
    /// One without operators.
    pub fn new() -> Self {
        Self::default()
    }

    /// A source: `read` gives the records from a number on, each with its time, and the same ones each time. Times do not fall.
    ///
    /// The iterator should not wait: nothing else is done on its rank meanwhile.
    pub fn source<T: Record, I: Iterator<Item = (u64, T)> + 'static>(
        &self,
        name: &str,
        read: impl Fn(u64) -> I + 'static,
    ) -> Stream<T> {
        self.sources(name, 1, 0, move |_, from| read(from))
    }

    /// A source of several parts, which can be placed on several ranks: `read` is given the number of the part and that of the record. A
    /// record may have a time that is up to `lateness` before the latest that came from its part.
    pub fn sources<T: Record, I: Iterator<Item = (u64, T)> + 'static>(
        &self,
        name: &str,
        parts: usize,
        lateness: u64,
        read: impl Fn(usize, u64) -> I + 'static,
    ) -> Stream<T> {
        let read = Rc::new(read);
        let build = move |wiring: &mut super::wiring::Wiring<'_>, part: usize| {
            let read = read.clone();
            let read: Read<T> = Rc::new(move |from| Box::new(read(part, from)));
            let source = Source::new(read, lateness, wiring.output(part), wiring.turns(part));
            Box::new(source) as Box<dyn super::operator::Operator>
        };
        let spec = Spec {
            name: name.into(),
            kind: "source".into(),
            makes: type_name::<T>(),
            parts,
            ranks: vec![0],
            feeds: vec![],
            is_later: false,
            is_source: true,
            flaw: None,
            build: Rc::new(build),
        };
        Stream::add(&self.specs, spec)
    }

    /// A stream that is told later which stream it is: for a program that declares operators before those that they take from. A cycle
    /// can be written so, and is refused.
    pub fn later<T: Record>(&self, name: &str) -> (Later<T>, Stream<T>) {
        let stream = Stream::later(&self.specs, name);
        (Later(stream.clone()), stream)
    }

    pub(super) fn plan(&self) -> Result<Plan, GraphError> {
        Plan::new(self.specs.borrow().clone())
    }

    /// Whether the graph can run.
    pub fn check(&self) -> Result<(), GraphError> {
        self.plan().map(drop)
    }

    /// The graph in the language of Graphviz: `dot -Tsvg` draws it. Each rank is a box around its operators.
    pub fn dot(&self) -> Result<String, GraphError> {
        Ok(self.plan()?.dot())
    }

    /// Runs this rank's part of the graph until all sources have ended and all sinks have all. Every rank that has a part calls it, each
    /// with the same graph and options, also a process that comes after a death. Waits for all of them.
    ///
    /// If the folder says that the graph has ended, this returns at once: remove the folder to run it again.
    ///
    /// The endpoint may have other mail: it stays unread. The mailboxes have room for it only as far as it is received. If that of a rank
    /// which takes part is in the way, this returns [`RecvError::Crowded`](mailbox::RecvError::Crowded).
    pub fn run(&self, me: &Endpoint, options: &Options) -> Result<Report, RunError> {
        Run::new(me, self.plan()?, options)?.run()
    }
}

/// What is to be connected: of [`Graph::later`].
#[derive(Debug)]
pub struct Later<T>(Stream<T>);

impl<T: Record> Later<T> {
    /// The records are those of this stream, which is of the same graph.
    pub fn connect(self, stream: &Stream<T>) {
        self.0.take_from(stream);
    }
}
