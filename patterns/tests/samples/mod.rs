//! Three messages that programs exchange, each in every format that it has: a tick, an order, a nested document.
#![allow(dead_code, reason = "tests and measurements use parts of it")]

use apache_avro::AvroSchema;
use bytemuck::{Pod, Zeroable};
use mailbox_patterns::codec::Message;
use postcard_schema::Schema;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Plain data: 24 bytes.
#[derive(
    Clone, Copy, PartialEq, Pod, Zeroable, Serialize, Deserialize, Schema, AvroSchema, prost::Message,
)]
#[repr(C)]
pub struct Tick {
    #[prost(uint32, tag = "1")]
    pub instrument: u32,
    #[prost(uint32, tag = "2")]
    pub size: u32,
    #[prost(double, tag = "3")]
    pub price: f64,
    #[prost(int64, tag = "4")]
    pub time: i64,
}

mailbox_patterns::message! { Tick as "Tick" { instrument: u32, size: u32, price: f64, time: i64 } }

impl Tick {
    pub fn sample() -> Self {
        Self { instrument: 4711, size: 300, price: 101.25, time: 1_750_000_000_123_456_789 }
    }
}

#[derive(Clone, PartialEq, Serialize, Deserialize, Schema, AvroSchema, prost::Message)]
pub struct Order {
    #[prost(uint32, tag = "1")]
    pub number: u32,
    #[prost(string, tag = "2")]
    pub customer: String,
    #[prost(message, repeated, tag = "3")]
    pub lines: Vec<Line>,
    #[prost(string, optional, tag = "4")]
    pub note: Option<String>,
    #[prost(bool, tag = "5")]
    pub is_urgent: bool,
}

#[derive(Clone, PartialEq, Serialize, Deserialize, Schema, AvroSchema, prost::Message)]
pub struct Line {
    #[prost(string, tag = "1")]
    pub article: String,
    #[prost(uint32, tag = "2")]
    pub count: u32,
    #[prost(int64, tag = "3")]
    pub cents: i64,
}

impl Message for Order {
    const NAME: &'static str = "Order";
}

impl Order {
    pub fn sample() -> Self {
        let line = |number: u32| Line {
            article: format!("article-{number:05}"),
            count: number % 7 + 1,
            cents: 995 + 250 * i64::from(number),
        };
        Self {
            number: 20_311,
            customer: "Ada Lovelace, 12 St James's Square, London".into(),
            lines: (0..8).map(line).collect(),
            note: Some("ring twice".into()),
            is_urgent: true,
        }
    }
}

#[derive(Clone, PartialEq, Serialize, Deserialize, Schema, AvroSchema, prost::Message)]
pub struct Document {
    #[prost(string, tag = "1")]
    pub title: String,
    #[prost(map = "string, string", tag = "2")]
    pub labels: HashMap<String, String>,
    #[prost(message, repeated, tag = "3")]
    pub sections: Vec<Section>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize, Schema, AvroSchema, prost::Message)]
pub struct Section {
    #[prost(string, tag = "1")]
    pub heading: String,
    #[prost(string, repeated, tag = "2")]
    pub paragraphs: Vec<String>,
    #[prost(message, repeated, tag = "3")]
    pub tables: Vec<Table>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize, Schema, AvroSchema, prost::Message)]
pub struct Table {
    #[prost(string, optional, tag = "1")]
    pub caption: Option<String>,
    #[prost(message, repeated, tag = "2")]
    pub rows: Vec<Row>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize, Schema, AvroSchema, prost::Message)]
pub struct Row {
    #[prost(double, repeated, tag = "1")]
    pub cells: Vec<f64>,
}

impl Message for Document {
    const NAME: &'static str = "Document";
}

impl Document {
    /// With 8 sections of 2 paragraphs and a table of 16 rows each.
    pub fn sample() -> Self {
        let row =
            |row: u32| Row { cells: (0..4).map(|cell| f64::from(row * 4 + cell) * 1.5 + 0.25).collect() };
        let section = |number: u32| Section {
            heading: format!("Section {number}"),
            paragraphs: vec!["It was the best of times, it was the worst of times. ".repeat(6); 2],
            tables: vec![Table {
                caption: Some(format!("Table {number}")),
                rows: (0..16).map(row).collect(),
            }],
        };
        Self {
            title: "A report".into(),
            labels: (0..4).map(|number| (format!("label{number}"), format!("value{number}"))).collect(),
            sections: (0..8).map(section).collect(),
        }
    }
}

/// Contains itself.
#[derive(Clone, PartialEq, Serialize, Deserialize, AvroSchema, prost::Message)]
pub struct Tree {
    #[prost(message, repeated, tag = "1")]
    pub children: Vec<Tree>,
}

impl Schema for Tree {
    const SCHEMA: &'static postcard_schema::schema::NamedType = &postcard_schema::schema::NamedType {
        name: "Tree",
        ty: &postcard_schema::schema::DataModelType::Schema,
    };
}

impl Message for Tree {
    const NAME: &'static str = "Tree";
}

impl Tree {
    pub fn chain(levels: usize) -> Self {
        (0..levels).fold(Self { children: vec![] }, |tree, _| Self { children: vec![tree] })
    }
}
