//! A place in the game's region, which has no name: it is gone with the last process that has it open, also if that is killed.

use super::role::{HOST, Role};
use crate::common::failure::Failure;
use bytemuck::Pod;
use clap::Args;
use mailbox::{Endpoint, Latest, LatestPublisher, RecvError, Region, TopicError};
use std::fmt::Display;

#[derive(Args)]
pub struct Seat {
    /// By which the processes of a play are found.
    #[arg(long)]
    play: String,
}

impl Seat {
    /// Joins the region that this process was given.
    pub fn join(&self, role: Role) -> Result<Endpoint, Failure> {
        let region = Region::from_env().map_err(|error| self.failure(error))?;
        region.join(role.rank()).map_err(|error| self.failure(error))
    }

    /// Something that happened there.
    pub fn failure(&self, what: impl Display) -> Failure {
        Failure::of_region(&self.play, what)
    }

    /// Whether the host has said that it is over. Never waits.
    pub fn is_over(&self, me: &Endpoint) -> Result<bool, Failure> {
        match me.from(HOST).try_recv() {
            Ok(mail) => Ok(mail.is_some()),
            // There is nobody to play for.
            Err(RecvError::Gone { .. }) => Ok(true),
            Err(error) => Err(self.failure(error)),
        }
    }
}

/// Publishes what this role says; and what its predecessor said last, for this one goes on from there.
pub fn succeed<T: Pod>(role: Role, me: &Endpoint) -> Result<(LatestPublisher<'_>, Option<T>), Failure> {
    let succeed = || {
        let topic = me.region().topic(role.topic())?;
        // From here on nobody else publishes.
        let publisher = topic.publish_latest(me, size_of::<T>())?;
        Ok((publisher, topic.latest(me)?.value()?))
    };
    succeed().map_err(|error: TopicError| of_topic(role, error))
}

/// Reads what this role says.
pub fn hear(role: Role, me: &Endpoint) -> Result<Latest<'_>, Failure> {
    let hear = || Ok::<_, TopicError>(me.region().topic(role.topic())?.latest(me)?);
    hear().map_err(|error| of_topic(role, error))
}

/// Something that happened to a role's topic.
pub fn of_topic(role: Role, error: impl Into<TopicError>) -> Failure {
    Failure::new(format_args!("topic {:?}: {}", role.topic(), error.into()))
}
