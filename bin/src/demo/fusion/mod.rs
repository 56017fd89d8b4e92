//! Sensor fusion: three sensors publish streams, a fuser aligns them by their time stamps and publishes its latest estimate, and a
//! controller looks at that.

pub mod command;
pub mod controller;
pub mod ear;
pub mod estimate;
pub mod fuser;
pub mod history;
pub mod kind;
pub mod outage;
pub mod reading;
pub mod sensor;
