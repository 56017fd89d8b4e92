//! Streams of records, and what can be done with them.

use super::GraphError;
use super::each::{Each, Step};
use super::fold::{Fold, How, Make, Window};
use super::operator::{Logic, Node};
use super::output::Route;
use super::plan::{Build, Feed, Spec, hash};
use super::record::Record;
use super::sink::{Text, ToFile, ToFunction};
use crate::delivery::Durability;
use core::any::type_name;
use core::cell::RefCell;
use core::fmt;
use core::hash::Hash;
use core::marker::PhantomData;
use std::path::PathBuf;
use std::rc::Rc;

/// Into how many parts a fold is divided, unless it is told.
const PARTS: usize = 4;

/// The operators of a graph that is being built.
pub(super) type Specs = Rc<RefCell<Vec<Spec>>>;

/// The records that an operator makes. What is made of them are further operators of the same graph.
///
/// A stream may be used several times: each operator that takes from it gets each record. The functions that operators are given must
/// do the same each time that they get the same: a graph that goes back calls them again.
pub struct Stream<T> {
    specs: Specs,
    op: usize,
    records: PhantomData<fn() -> T>,
}

impl<T> Clone for Stream<T> {
    fn clone(&self) -> Self {
        Self { specs: self.specs.clone(), op: self.op, records: PhantomData }
    }
}

impl<T> fmt::Debug for Stream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stream").field(&self.specs.borrow()[self.op].name).finish()
    }
}

/// An operator that takes from others, and is where the first of them is.
fn spec<T>(specs: &Specs, name: &str, kind: &str, parts: usize, feeds: Vec<Feed>, build: Build) -> Spec {
    let ranks = feeds.first().map_or_else(|| vec![0], |feed| specs.borrow()[feed.from].ranks.clone());
    Spec {
        name: name.into(),
        kind: kind.into(),
        makes: type_name::<T>(),
        parts,
        ranks,
        feeds,
        is_later: false,
        is_source: false,
        flaw: None,
        build,
    }
}

/// Makes parts of an operator with this logic.
fn build<I: Record, O: Record, L: Logic<I, O> + 'static>(logic: impl Fn() -> L + 'static) -> Build {
    Rc::new(move |wiring, part| Box::new(Node::new(wiring.inputs(part), wiring.output(part), logic())))
}

impl<T: Record> Stream<T> {
    pub(super) fn add(specs: &Specs, spec: Spec) -> Self {
        let mut all = specs.borrow_mut();
        all.push(spec);
        Self { specs: specs.clone(), op: all.len() - 1, records: PhantomData }
    }

    /// One that is told later what it takes from.
    pub(super) fn later(specs: &Specs, name: &str) -> Self {
        let step: Step<T, T> = Rc::new(|record, out| out(record));
        let build = build(move || Each(step.clone()));
        let spec = Spec { is_later: true, ..spec::<T>(specs, name, "later", 1, vec![], build) };
        Self::add(specs, spec)
    }

    pub(super) fn feed(&self) -> Feed {
        Feed { from: self.op, route: None }
    }

    /// Also takes from the other.
    pub(super) fn take_from(&self, other: &Self) {
        let is_foreign = !Rc::ptr_eq(&self.specs, &other.specs);
        let spec = &mut self.specs.borrow_mut()[self.op];
        if is_foreign {
            spec.flaw = Some(GraphError::Foreign { operator: spec.name.clone() });
        } else {
            spec.feeds.push(other.feed());
        }
    }

    fn parts(&self) -> usize {
        self.specs.borrow()[self.op].parts
    }

    fn each<O: Record>(&self, name: &str, kind: &str, step: Step<T, O>) -> Stream<O> {
        let build = build(move || Each(step.clone()));
        let spec = spec::<O>(&self.specs, name, kind, self.parts(), vec![self.feed()], build);
        Stream::add(&self.specs, spec)
    }

    /// Places the operator that makes this stream: on a rank, or its parts on several ranks in turns. Without this it is where the
    /// operator is that it takes from, and a source is on rank 0.
    #[must_use]
    pub fn on(self, ranks: impl IntoIterator<Item = u32>) -> Self {
        self.specs.borrow_mut()[self.op].ranks = ranks.into_iter().collect();
        self
    }

    /// Makes another record of each.
    pub fn map<O: Record>(&self, name: &str, map: impl Fn(T) -> O + 'static) -> Stream<O> {
        self.each(name, "map", Rc::new(move |record, out| out(map(record))))
    }

    /// Hands on those for which this is true.
    pub fn filter(&self, name: &str, is_wanted: impl Fn(&T) -> bool + 'static) -> Self {
        let step: Step<T, T> = Rc::new(move |record, out| {
            if is_wanted(&record) {
                out(record);
            }
        });
        self.each(name, "filter", step)
    }

    /// Makes any number of records of each. They have its time.
    pub fn flat_map<O: Record, M: IntoIterator<Item = O>>(
        &self,
        name: &str,
        map: impl Fn(T) -> M + 'static,
    ) -> Stream<O> {
        self.each(name, "flat map", Rc::new(move |record, out| map(record).into_iter().for_each(&mut *out)))
    }

    /// The records of this stream and of another, in the order in which the sources were read.
    pub fn union(&self, name: &str, other: &Self) -> Self {
        let parts = if self.parts() == other.parts() { self.parts() } else { 1 };
        let step: Step<T, T> = Rc::new(|record, out| out(record));
        let build = build(move || Each(step.clone()));
        let spec = spec::<T>(&self.specs, name, "union", parts, vec![self.feed()], build);
        let both = Self::add(&self.specs, spec);
        both.take_from(other);
        both
    }

    /// Makes a key and a value of each record.
    pub fn key_by<K: Record + Ord + Hash, V: Record>(
        &self,
        name: &str,
        key: impl Fn(T) -> (K, V) + 'static,
    ) -> Keyed<K, V> {
        let pairs = self.each(name, "key by", Rc::new(move |record, out| out(key(record))));
        Keyed { pairs, parts: PARTS, window: None }
    }

    /// Appends the text of each record to a file. The graph takes the file for its own: what is there when the graph begins is cut off.
    /// The text must not be the only thing that says where a record ends if that matters: nothing is put in between.
    ///
    /// While the graph runs, the file may have records that will be cut off and written again. Once [`Graph::run`](super::Graph::run) has
    /// returned, each record is there once.
    pub fn to_file(
        &self,
        name: &str,
        path: impl Into<PathBuf>,
        durability: Durability,
        text: impl Fn(&T) -> String + 'static,
    ) -> Stream<()> {
        let (path, text): (PathBuf, Text<T>) = (path.into(), Rc::new(text));
        self.sink(name, "to file", build(move || ToFile::new(path.clone(), text.clone(), durability)))
    }

    /// Gives the records between two checkpoints to a function, with the number of the latter, once all ranks have written that
    /// checkpoint. After a death a function may get a number again, and then it gets the same records: it has to see to it that they
    /// count once, for example by writing the number in the same transaction. Until then the records are in memory, and in checkpoints.
    pub fn to_function(
        &self,
        name: &str,
        commit: impl Fn(u64, &[T]) -> Result<(), String> + 'static,
    ) -> Stream<()> {
        let commit = Rc::new(commit);
        self.sink(name, "to function", build(move || ToFunction::new(commit.clone())))
    }

    fn sink(&self, name: &str, kind: &str, build: Build) -> Stream<()> {
        Stream::add(&self.specs, spec::<()>(&self.specs, name, kind, 1, vec![self.feed()], build))
    }
}

/// Records with keys: what [`Stream::key_by`] makes.
pub struct Keyed<K, V> {
    pairs: Stream<(K, V)>,
    parts: usize,
    window: Option<Window>,
}

impl<K, V> fmt::Debug for Keyed<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pairs, parts, window } = self;
        f.debug_struct("Keyed").field("pairs", pairs).field("parts", parts).field("window", window).finish()
    }
}

impl<K: Record + Ord + Hash, V: Record> Keyed<K, V> {
    /// Places the operator that makes the keys. As [`Stream::on`].
    #[must_use]
    pub fn on(self, ranks: impl IntoIterator<Item = u32>) -> Self {
        Self { pairs: self.pairs.on(ranks), ..self }
    }

    /// Divides the fold into so many parts, by the hash of the keys. There are 4 otherwise. The order of what comes out depends on this
    /// number, and not on how many ranks the parts are placed.
    #[must_use]
    pub fn parts(self, parts: usize) -> Self {
        Self { parts, ..self }
    }

    /// The fold is of the records in such windows, each for itself.
    pub fn window(self, window: Window) -> Windowed<K, V> {
        Windowed(Self { window: Some(window), ..self })
    }

    /// Folds all values of a key, in their order, beginning with `first`. What was folded comes out when the input ends, in the
    /// order of the keys of each part. Its time is that of the latest record, or the watermark if that is later: it is not late further on.
    pub fn fold<A: Record>(
        &self,
        name: &str,
        first: A,
        fold: impl Fn(&mut A, V) + 'static,
    ) -> Stream<(K, A)> {
        self.folded(name, first, fold, |key, _, value| (key, value))
    }

    fn folded<A: Record, O: Record>(
        &self,
        name: &str,
        first: A,
        fold: impl Fn(&mut A, V) + 'static,
        make: Make<K, A, O>,
    ) -> Stream<O> {
        let how = How { window: self.window, first, fold: Rc::new(fold), make };
        let route: Route<(K, V)> = Rc::new(|(key, _)| fixed_hash(key));
        let feed = Feed { route: Some(Rc::new(route)), ..self.pairs.feed() };
        let kind = self.window.map_or("fold".into(), |window| format!("fold {window:?}"));
        let build = build(move || Fold::new(how.clone()));
        let specs = &self.pairs.specs;
        let is_empty = matches!(self.window, Some(Window::Count(0) | Window::Time(0)));
        let flaw = is_empty.then(|| GraphError::Window { operator: name.into() });
        let spec = spec::<O>(specs, name, &kind, self.parts, vec![feed], build);
        Stream::add(specs, Spec { flaw, ..spec })
    }
}

/// Records with keys, in windows: what [`Keyed::window`] makes.
#[derive(Debug)]
pub struct Windowed<K, V>(Keyed<K, V>);

impl<K: Record + Ord + Hash, V: Record> Windowed<K, V> {
    /// Folds the values of a key in each window, in their order, beginning with `first`. What was folded comes out when the window
    /// closes, with the key and a number: of a window by time, when it begins; of one by count, how many the key had before. Its time is
    /// the last of the window by time; of a window by count that of its latest record, or the watermark if that is later.
    ///
    /// A record that comes when its window is closed is late: it is dropped, and counted ([`Rate::late`](super::Rate::late)).
    pub fn fold<A: Record>(
        &self,
        name: &str,
        first: A,
        fold: impl Fn(&mut A, V) + 'static,
    ) -> Stream<(K, u64, A)> {
        self.0.folded(name, first, fold, |key, number, value| (key, number, value))
    }
}

/// The same in each process, unlike those of maps.
fn fixed_hash<K: Record>(key: &K) -> u64 {
    thread_local!(static BYTES: RefCell<Vec<u8>> = const { RefCell::new(vec![]) });
    BYTES.with_borrow_mut(|bytes| {
        bytes.clear();
        key.write(bytes);
        hash(bytes)
    })
}
