//! `mbox topics`

use super::access::Trust;
use super::remedy::opening;
use super::standard;
use super::stat::json;
use super::table::Table;
use crate::common::failure::Failure;
use crate::common::place::place;
use clap::Args;
use mailbox::{TopicKind, TopicReport};
use serde::Serialize;

const MORE: &str = "\
Each reader of a stream is shown as its rank, and how many messages it has not read. A + says that it gets every message, so that \
the publisher waits for it; others miss messages if they are slow. Readers of a latest value are not known.

topics opens the region for reading only.

Examples:
  mbox topics demo
  mbox topics demo --json | jq -r '.[].name'";

/// List a region's topics, who publishes them, and who reads them
#[derive(Args)]
#[command(after_help = MORE)]
pub struct Topics {
    /// The region's name; or, with a slash, the path of its file
    name: String,
    /// Print a JSON array of objects
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    trust: Trust,
}

/// What scripts read: names here stay.
#[derive(Serialize)]
struct Entry {
    name: String,
    kind: &'static str,
    publisher: Option<u32>,
    published: u64,
    readers: Vec<Reader>,
}

#[derive(Serialize)]
struct Reader {
    rank: u32,
    every: bool,
    unread: u64,
}

impl Topics {
    /// Lists.
    pub fn run(&self) -> Result<(), Failure> {
        let view =
            self.trust.options().look(place(&self.name)).map_err(|error| opening(&self.name, error))?;
        let entries: Vec<Entry> = view.topics().into_iter().map(Entry::of).collect();
        standard::print(&if self.json { json(&entries) } else { table(&entries) })
    }
}

impl Entry {
    fn of(topic: TopicReport) -> Self {
        let readers = topic.readers.iter().map(|reader| Reader {
            rank: reader.rank,
            every: reader.every,
            unread: reader.unread,
        });
        let kind = match topic.kind {
            Some(TopicKind::Value) => "latest",
            Some(TopicKind::Stream) => "stream",
            None => "none",
        };
        let readers = readers.collect();
        Self { kind, publisher: topic.publisher, published: topic.published, readers, name: topic.name }
    }
}

fn table(entries: &[Entry]) -> String {
    let mut table = Table::new(&["<topic", "<kind", "publisher", "published", "<readers"]);
    for Entry { name, kind, publisher, published, readers } in entries {
        let reader =
            |one: &Reader| format!("{}{}:{}", one.rank, if one.every { "+" } else { "" }, one.unread);
        table.add([
            name.escape_debug().to_string(),
            (*kind).into(),
            publisher.map_or(String::new(), |rank| rank.to_string()),
            published.to_string(),
            readers.iter().map(reader).collect::<Vec<_>>().join(" "),
        ]);
    }
    table.text()
}
