//! `mbox-demo fusion`: sensors, their fuser, and a controller; a sensor is killed, and replaced.

use super::kind::{Kind, RANKS};
use crate::common::failure::Failure;
use crate::common::output::show;
use crate::common::place::place;
use crate::common::processes::Processes;
use clap::Args;
use mailbox::{Config, Region, TopicReport};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// How often one looks whether the fuser has seen the camera's frames.
const LOOK: Duration = Duration::from_millis(10);
/// Bytes that a stream keeps. A frame that is read and one that is written leave room for six that wait.
const STREAM: u64 = 8 << 20;

/// Fuse what three sensors publish, 1 MiB 30 times a second to 64 bytes 400 times; kill one. Draws how long all is on its way
#[derive(Args)]
pub struct Fusion {
    /// End after S seconds
    #[arg(long, value_name = "S", default_value_t = 6, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Take only two seconds
    #[arg(long, conflicts_with = "seconds")]
    quick: bool,
}

impl Fusion {
    /// Lets them measure, and kills the camera after a third of the time.
    pub fn run(&self) -> Result<(), Failure> {
        let processes = Processes::new("fusion")?;
        let seconds = if self.quick { 2 } else { self.seconds };
        show("Three sensors publish streams. A fuser aligns them by their time stamps, and")?;
        show("publishes its latest estimate. A controller looks at that 100 times a second")?;
        let region = processes.region(Config::ranks(RANKS).stream(STREAM))?;
        let enter = |kind| processes.enter(&region, &sensor(kind));
        let camera = enter(Kind::Camera)?;
        enter(Kind::Lidar)?;
        enter(Kind::Inertial)?;
        let parts = [format!("fuser --seconds {seconds}"), "controller".to_owned()];
        let (playing, play) = mpsc::channel();
        thread::scope(|scope| {
            let disturbed = scope.spawn(|| {
                let play = play;
                disturb(&processes, &region, camera, Duration::from_secs(seconds) / 3, &play)
            });
            let played = processes.play_out(&region, &parts, Duration::ZERO);
            drop(playing);
            disturbed.join().expect("a thread that ends").and(played)
        })?;
        processes.leave().map(drop)
    }
}

fn sensor(kind: Kind) -> String {
    format!("sensor --kind {}", kind.name())
}

/// Kills the camera, and starts another one, as long as the play goes on.
fn disturb(
    processes: &Processes,
    region: &str,
    camera: u32,
    pause: Duration,
    play: &Receiver<()>,
) -> Result<(), Failure> {
    let is_over = |pause| play.recv_timeout(pause) != Err(RecvTimeoutError::Timeout);
    let view = Region::look(place(region)).map_err(|error| Failure::of_region(region, error))?;
    let is_seen = |topic: &TopicReport| {
        let mut readers = topic.readers.iter();
        topic.name == Kind::Camera.name() && readers.any(|reader| reader.unread < topic.published)
    };
    while !view.topics().iter().any(is_seen) {
        if is_over(LOOK) {
            return Ok(());
        }
    }
    if is_over(pause) {
        return Ok(());
    }
    show("     the camera is killed")?;
    processes.kill(camera)?;
    if is_over(pause) {
        return Ok(());
    }
    show("     another camera is started")?;
    processes.enter(region, &sensor(Kind::Camera))?;
    // The kernel ends a player with the thread that has started it.
    let _ = play.recv();
    Ok(())
}
