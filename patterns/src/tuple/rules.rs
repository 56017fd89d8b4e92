//! What a shard accepts.

use super::code;
use super::message::{Answer, Asked, Request, Verb, Wanted};
use super::{Limits, Type};
use std::collections::HashMap;

/// What a shard accepts.
#[derive(Debug)]
pub struct Rules {
    /// The number of this shard, of so many.
    pub place: (u32, u32),
    /// Its life.
    pub epoch: u64,
    pub limits: Limits,
    /// The longest tuple that an answer can carry.
    pub longest: usize,
    /// The types of the fields of all tuples with these keys.
    pub shapes: HashMap<Box<[u8]>, Vec<Vec<Type>>>,
}

impl Rules {
    /// Why a request is not carried out, as far as no tuple needs to be looked for.
    /// The process that asks has so many leases.
    pub fn refusal(&self, asked: &Asked<'_>, leases: u32) -> Option<Answer<'static>> {
        if asked.epoch != 0 && asked.epoch != self.epoch {
            return Some(Answer::OtherLife);
        }
        let others = Answer::OtherShards { theirs: self.place.1 };
        if asked.shards != self.place.1 {
            return Some(others);
        }
        let fields = match asked.request {
            Request::Put { tuple, function: None } => tuple,
            Request::Put { tuple, .. } => return (!self.is_ours(tuple)).then_some(others),
            Request::Find { verb: Verb::Lease(_), .. } if leases >= self.limits.leases => {
                return Some(Answer::Leases { most: self.limits.leases });
            }
            Request::Find { wanted: Wanted::Matching(template), .. } => template,
            Request::Done { tuple: Some(tuple), .. } if !self.is_ours(tuple) => {
                return Some(Answer::OtherKey);
            }
            Request::Done { tuple: Some(tuple), .. } => tuple,
            Request::Find { .. } | Request::Done { .. } | Request::Renew { .. } => return None,
        };
        if !self.is_ours(fields) {
            return Some(others);
        }
        self.misfit(fields)
    }

    /// Whether each process that asks for the tuple in this request, if there is one, can be given it.
    pub fn can_be_answered(&self, asked: &Asked<'_>) -> bool {
        match asked.request {
            Request::Put { tuple, .. } | Request::Done { tuple: Some(tuple), .. } => {
                tuple.len() <= self.longest
            }
            _ => true,
        }
    }

    /// Whether a tuple or a template belongs to this shard.
    fn is_ours(&self, fields: &[u8]) -> bool {
        code::key(fields).is_none_or(|key| code::shard_of(key, self.place.1) == self.place.0)
    }

    /// Where a tuple or a template has another shape than those that were declared for its key.
    fn misfit(&self, fields: &[u8]) -> Option<Answer<'static>> {
        let shapes = self.shapes.get(code::key(fields)?)?;
        let found: Vec<_> = code::fields(fields).map(|(_, kind, _)| kind).collect();
        if shapes.contains(&found) {
            return None;
        }
        let Some(shape) = shapes.iter().find(|shape| shape.len() == found.len()) else {
            return Some(Answer::Arity { wanted: shapes[0].len(), found: found.len() });
        };
        let field = shape.iter().zip(&found).position(|(wanted, found)| wanted != found)?;
        Some(Answer::Type { field, wanted: shape[field], found: found[field] })
    }
}
