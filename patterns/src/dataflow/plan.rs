//! A graph that was checked: which part of which operator is where, and which channels there are.

use super::GraphError;
use super::channel::Wire;
use super::operator::Operator;
use super::wiring::Wiring;
use core::any::Any;
use core::fmt::Write;
use std::collections::BTreeSet;
use std::rc::Rc;

/// Makes a part of an operator.
pub type Build = Rc<dyn Fn(&mut Wiring<'_>, usize) -> Box<dyn Operator>>;

/// What an operator takes from.
#[derive(Clone)]
pub struct Feed {
    /// The number of the operator.
    pub from: usize,
    /// How its records are dealt out to the parts, if not part to part. A `Route` of its records.
    pub route: Option<Rc<dyn Any>>,
}

/// An operator, as its program says it.
#[derive(Clone)]
pub struct Spec {
    pub name: String,
    /// What it does, in a word or two.
    pub kind: String,
    /// What it makes.
    pub makes: &'static str,
    pub parts: usize,
    pub ranks: Vec<u32>,
    pub feeds: Vec<Feed>,
    /// Whether it was declared before what it takes from.
    pub is_later: bool,
    pub is_source: bool,
    /// What is wrong with it alone.
    pub flaw: Option<GraphError>,
    pub build: Build,
}

impl Spec {
    pub fn rank(&self, part: usize) -> u32 {
        self.ranks[part % self.ranks.len()]
    }
}

/// A channel.
#[derive(Debug, Clone, Copy)]
pub struct Edge {
    /// The operator and the part that put events in.
    pub from: (usize, usize),
    /// The operator that takes them out, from which of its feeds, and the part.
    pub to: (usize, usize, usize),
    pub from_rank: u32,
    pub to_rank: u32,
}

/// A graph that can run.
pub struct Plan {
    pub specs: Vec<Spec>,
    /// Each operator behind those that it takes from.
    pub order: Vec<usize>,
    pub edges: Vec<Edge>,
    pub fingerprint: u64,
}

impl Plan {
    pub fn new(specs: Vec<Spec>) -> Result<Self, GraphError> {
        check(&specs)?;
        let order = order(&specs)?;
        let mut edges = vec![];
        for (op, spec) in specs.iter().enumerate() {
            for (slot, feed) in spec.feeds.iter().enumerate() {
                let from = &specs[feed.from];
                let is_part_to_part = feed.route.is_none() && from.parts == spec.parts;
                for part in 0..spec.parts {
                    let sources = if is_part_to_part { part..part + 1 } else { 0..from.parts };
                    edges.extend(sources.map(|source| Edge {
                        from: (feed.from, source),
                        to: (op, slot, part),
                        from_rank: from.rank(source),
                        to_rank: spec.rank(part),
                    }));
                }
            }
        }
        let fingerprint = fingerprint(&specs);
        Ok(Self { specs, order, edges, fingerprint })
    }

    /// The ranks that take part.
    pub fn ranks(&self) -> BTreeSet<u32> {
        self.specs.iter().flat_map(|spec| (0..spec.parts).map(|part| spec.rank(part))).collect()
    }

    /// The parts on this rank, each operator behind those that it takes from.
    pub fn parts_on(&self, rank: u32) -> impl Iterator<Item = (usize, usize)> {
        let parts = self.order.iter().flat_map(|op| (0..self.specs[*op].parts).map(|part| (*op, part)));
        parts.filter(move |(op, part)| self.specs[*op].rank(*part) == rank)
    }

    /// How many parts of sources there are, and how many before this one.
    pub fn sources(&self, op: usize, part: usize) -> (usize, usize) {
        let parts = |specs: &[Spec]| -> usize {
            specs.iter().filter(|spec| spec.is_source).map(|spec| spec.parts).sum()
        };
        (parts(&self.specs), parts(&self.specs[..op]) + part)
    }

    /// The graph as a drawing for `dot`: each rank is a box, each part of an operator is in that of its rank.
    pub fn dot(&self) -> String {
        let mut text = String::from("digraph {\n    rankdir=LR;\n    node [shape=box];\n");
        // Writing to a string does not fail.
        for rank in self.ranks() {
            _ = writeln!(text, "    subgraph cluster_{rank} {{\n        label=\"rank {rank}\";");
            for (op, part) in self.parts_on(rank) {
                let spec = &self.specs[op];
                let number = if spec.parts > 1 { format!(" {part}") } else { String::new() };
                let (name, kind) = (escaped(&spec.name), escaped(&spec.kind));
                _ = writeln!(text, "        o{op}_{part} [label=\"{name}{number}\\n{kind}\"];");
            }
            text += "    }\n";
        }
        for Edge { from, to, .. } in &self.edges {
            _ = writeln!(text, "    o{}_{} -> o{}_{};", from.0, from.1, to.0, to.2);
        }
        text + "}\n"
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', " ")
}

fn check(specs: &[Spec]) -> Result<(), GraphError> {
    let mut names = BTreeSet::new();
    for spec in specs {
        let operator = || spec.name.clone();
        if !names.insert(&spec.name) {
            return Err(GraphError::Name { operator: operator() });
        } else if spec.ranks.is_empty() || spec.parts == 0 {
            return Err(GraphError::Nowhere { operator: operator() });
        } else if let Some(flaw) = &spec.flaw {
            return Err(flaw.clone());
        } else if spec.is_later && spec.feeds.len() != 1 {
            return Err(GraphError::Unconnected { operator: operator(), streams: spec.feeds.len() });
        }
    }
    if specs.is_empty() { Err(GraphError::Empty) } else { Ok(()) }
}

/// Each operator behind those that it takes from (A. B. Kahn, *Topological Sorting of Large Networks*, 1962).
fn order(specs: &[Spec]) -> Result<Vec<usize>, GraphError> {
    let (mut order, mut left): (Vec<usize>, Vec<usize>) = (vec![], (0..specs.len()).collect());
    loop {
        let waits = |op: &usize| specs[*op].feeds.iter().any(|feed| left.contains(&feed.from));
        let (blocked, ready): (Vec<_>, Vec<_>) = left.iter().copied().partition(waits);
        if blocked.is_empty() {
            order.extend(ready);
            return Ok(order);
        }
        if ready.is_empty() {
            return Err(GraphError::Cycle { operators: cycle(specs, &blocked) });
        }
        order.extend(ready);
        left = blocked;
    }
}

/// Each of `blocked` takes from another of them: back from one to the next comes to one that was seen.
fn cycle(specs: &[Spec], blocked: &[usize]) -> Vec<String> {
    let (mut path, mut op) = (vec![], blocked[0]);
    while !path.contains(&op) {
        path.push(op);
        let before = specs[op].feeds.iter().map(|feed| feed.from).find(|from| blocked.contains(from));
        op = before.unwrap_or(op);
    }
    let begin = path.iter().position(|seen| *seen == op).unwrap_or(0);
    let mut cycle: Vec<usize> = path[begin..].iter().rev().copied().collect();
    // It begins with the one that was declared first.
    let first = (0..cycle.len()).min_by_key(|at| cycle[*at]).unwrap_or(0);
    cycle.rotate_left(first);
    cycle.into_iter().map(|op| specs[op].name.clone()).collect()
}

/// A number of all that two processes must agree on. The same in each process of a program.
fn fingerprint(specs: &[Spec]) -> u64 {
    let mut text = String::new();
    for spec in specs {
        let feeds: Vec<_> = spec.feeds.iter().map(|feed| (feed.from, feed.route.is_some())).collect();
        let Spec { name, kind, makes, parts, ranks, .. } = spec;
        _ = write!(text, "{name:?} {kind:?} {makes:?} {parts} {ranks:?} {feeds:?};");
    }
    hash(text.as_bytes())
}

/// FNV-1a (G. Fowler, L. C. Noll, K.-P. Vo, 1991), and the bits mixed, so that all of them count in a remainder.
pub fn hash(bytes: &[u8]) -> u64 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold);
    let hash = (hash ^ (hash >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^ (hash >> 32)
}

/// A channel without its type.
pub type AnyLink = Rc<dyn Wire>;
