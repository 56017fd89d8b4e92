//! The topic that `mbox pub` and `mbox sub` work on.

use super::access::Access;
use super::number;
use super::remedy::{command_for, joining, lost};
use super::stop::Stop;
use crate::common::failure::Failure;
use clap::Args;
use mailbox::{
    Endpoint, FindTopicError, PublishError, PublisherError, ReadError, SubscriberError, Topic, TopicError,
};

/// How many topics are named to one who names another.
const SHOWN: usize = 10;

/// A topic, and the rank that this process joins as.
#[derive(Args)]
pub struct OnTopic {
    #[command(flatten)]
    access: Access,
    /// The topic's name
    topic: String,
    /// The rank to join as [default: any that is free]
    #[arg(long = "as", value_name = "R", value_parser = number::rank)]
    me: Option<u32>,
    /// The topic's latest value instead of a stream of messages
    #[arg(long)]
    pub latest: bool,
}

impl OnTopic {
    /// Joins the region; from now on signals end waits. A topic that is not there is made, if it `may` be.
    pub fn join(&self, stop: &Stop, may_make: bool) -> Result<(Endpoint, Topic), Failure> {
        let region = self.access.open()?;
        let joined = self.me.map_or_else(|| region.join_any(), |rank| region.join(rank));
        let me = joined.map_err(|error| joining(&self.access.name, error))?;
        stop.start(me.interrupter())?;
        if !may_make {
            self.check_was_published()?;
        }
        let topic = region.topic(&self.topic).map_err(|error| self.failure(error))?;
        Ok((me, topic))
    }

    /// An error if nobody has ever published the topic.
    fn check_was_published(&self) -> Result<(), Failure> {
        let published = self.access.look()?.topics().into_iter().filter(|topic| topic.kind.is_some());
        let mut published: Vec<String> = published.map(|topic| topic.name).collect();
        if published.contains(&self.topic) {
            return Ok(());
        }
        published.sort_unstable();
        let first: Vec<_> =
            published.iter().take(SHOWN).map(|name| name.escape_debug().to_string()).collect();
        let others = match published.len() - first.len() {
            _ if first.is_empty() => "nor any other".into(),
            0 => format!("but {}", first.join(", ")),
            more => format!("but {} and {more} more", first.join(", ")),
        };
        let what = format!("nobody has published topic \"{}\", {others}", self.topic.escape_debug());
        Err(Failure::of_region(self.region(), what).hint("wait for it with --wait"))
    }

    /// The region's name.
    pub fn region(&self) -> &str {
        &self.access.name
    }

    /// Why nothing can be published or read.
    pub fn failure(&self, error: impl Into<TopicError>) -> Failure {
        use TopicError::{Find, Publish, Publisher, Read, Subscriber};
        let error = error.into();
        let (name, region) = (self.topic.escape_debug(), &*self.access.name);
        let hint = match error {
            Find(FindTopicError::TooMany { .. }) => {
                let topics = command_for("topics", region);
                format!(
                    "none is freed before the region is removed: create it with more --topics; see them with: {topics}"
                )
            }
            Publisher(PublisherError::OtherKind { is_stream })
            | Subscriber(SubscriberError::OtherKind { is_stream })
            | Read(ReadError::OtherKind { is_stream }) => {
                if is_stream { "omit --latest" } else { "use --latest" }.into()
            }
            Publisher(PublisherError::Taken { rank }) => {
                let stat = command_for("stat", region);
                format!("wait for its end, or end the process of rank {rank}; see which with: {stat}")
            }
            Publisher(PublisherError::Misfit { .. }) | Publish(PublishError::Misfit { .. })
                if self.latest =>
            {
                "create the region with a larger --value".into()
            }
            Publish(PublishError::Misfit { .. }) => "create the region with a larger --stream".into(),
            error if has_no_memory(error) => "remove other regions: mbox ls, mbox rm".into(),
            Find(FindTopicError::Lost(why))
            | Publisher(PublisherError::Lost(why))
            | Subscriber(SubscriberError::Lost(why))
            | Publish(PublishError::Lost(why))
            | Read(ReadError::Lost(why)) => lost(region, why),
            _ => String::new(),
        };
        let what = match error {
            error if has_no_memory(error) => "there is no memory".to_owned(),
            Find(FindTopicError::TooMany { .. }) => error.to_string(),
            _ => format!("topic \"{name}\": {error}"),
        };
        Failure::of_region(region, what).hint(&hint)
    }
}

fn has_no_memory(error: TopicError) -> bool {
    matches!(
        error,
        TopicError::Find(FindTopicError::NoSpace)
            | TopicError::Publisher(PublisherError::NoSpace)
            | TopicError::Subscriber(SubscriberError::NoSpace)
            | TopicError::Publish(PublishError::NoSpace)
            | TopicError::Read(ReadError::NoSpace)
    )
}
