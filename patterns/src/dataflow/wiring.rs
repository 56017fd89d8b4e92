//! The channels of one rank, while its operators are made.

use super::channel::{Channel, Link};
use super::output::{Group, Output, Route};
use super::plan::{AnyLink, Plan};
use super::record::Record;
use super::source::Turns;
use core::any::Any;
use core::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The channels of one rank, while its operators are made.
pub struct Wiring<'a> {
    plan: &'a Plan,
    /// The operator that is made now.
    pub op: usize,
    limit: usize,
    every: Option<u64>,
    /// By the number of the channel.
    pub links: BTreeMap<usize, AnyLink>,
}

impl<'a> Wiring<'a> {
    pub fn new(plan: &'a Plan, limit: usize, every: Option<u64>) -> Self {
        Self { plan, op: 0, limit, every, links: BTreeMap::new() }
    }

    fn link<T: Record>(&mut self, edge: usize) -> Link<T> {
        let make = || -> AnyLink { Rc::new(RefCell::new(Channel::<T>::new())) };
        let link: Rc<dyn Any> = self.links.entry(edge).or_insert_with(make).clone();
        link.downcast().expect("the streams of a graph have types")
    }

    /// The channels that this part of the operator takes from.
    pub fn inputs<T: Record>(&mut self, part: usize) -> Vec<Link<T>> {
        let (plan, op) = (self.plan, self.op);
        let edges = plan.edges.iter().enumerate();
        let mut edges: Vec<_> = edges.filter(|(_, edge)| (edge.to.0, edge.to.2) == (op, part)).collect();
        edges.sort_by_key(|(_, edge)| (edge.to.1, edge.from.1));
        edges.into_iter().map(|(number, _)| self.link(number)).collect()
    }

    /// The channels that this part of the operator puts events in.
    pub fn output<T: Record>(&mut self, part: usize) -> Output<T> {
        let (plan, op) = (self.plan, self.op);
        let mut groups: BTreeMap<(usize, usize), Group<T>> = BTreeMap::new();
        for (number, edge) in plan.edges.iter().enumerate().filter(|(_, edge)| edge.from == (op, part)) {
            let (to, slot, _) = edge.to;
            let link = self.link(number);
            let route = || plan.specs[to].feeds[slot].route.clone();
            let route = || route()?.downcast::<Route<T>>().ok().map(|route| (*route).clone());
            let group = groups.entry((to, slot));
            group.or_insert_with(|| Group { links: vec![], route: route() }).links.push(link);
        }
        Output::new(groups.into_values().collect(), self.limit)
    }

    /// When this part of a source has its turn.
    pub fn turns(&self, part: usize) -> Turns {
        let (sources, source) = self.plan.sources(self.op, part);
        Turns { sources: sources as u64, source: source as u64, every: self.every }
    }
}
