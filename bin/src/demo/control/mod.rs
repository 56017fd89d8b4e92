//! A control loop in real time: a sensor, a controller and an actuator, through mailboxes and through sockets; and what becomes
//! of priorities where processes share a lock, and where they do not.

pub mod actuator;
pub mod command;
pub mod controller;
pub mod exchange;
pub mod faults;
pub mod grant;
pub mod inversion;
pub mod message;
pub mod news;
pub mod pendulum;
pub mod report;
pub mod role;
pub mod room;
pub mod rounds;
pub mod sensor;
pub mod setting;
pub mod side;
pub mod tally;
pub mod timetable;
pub mod way;
pub mod wire;
