//! A stream with two readers: a sensor publishes 64 frames as fast as it can. A recorder gets every one: the sensor waits for it. A
//! display takes its time, misses what is overwritten meanwhile, and is told how many that are.

use mailbox::{Config, Endpoint, Policy, Region, TopicError};
use std::{sync::Barrier, thread, time::Duration};

const FRAMES: u64 = 64;
const FRAME: usize = 256 << 10; // the region keeps 4 MiB of each stream: 16 frames
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let region = Region::create_unnamed(Config::ranks(3))?;
    let (sensor, recorder, display) = (region.join(0)?, region.join(1)?, region.join(2)?);
    let (ready, over) = (&Barrier::new(3), &Barrier::new(2));
    thread::scope(|scope| {
        let recorded = scope.spawn(move || record(&recorder, ready));
        let shown = scope.spawn(move || show(&display, ready, over));
        sense(&sensor, ready)?;
        println!("the recorder has {} frames", recorded.join().expect("a thread that ends")?);
        over.wait();
        let (shown, missed) = shown.join().expect("a thread that ends")?;
        eprintln!("the display has shown {shown} frames, and missed {missed}");
        println!("the display knows of {} frames", shown + missed);
        Ok(())
    })
}

fn sense(me: &Endpoint, ready: &Barrier) -> Result<(), TopicError> {
    let mut frames = me.region().topic("frames")?.publisher(me)?;
    ready.wait(); // a reader that comes later gets what `Policy::history` says
    for number in 0..FRAMES {
        let mut draft = frames.draft(FRAME)?; // written where the readers read it
        draft.write_at(0, &number.to_ne_bytes());
        draft.publish(FRAME);
    }
    Ok(()) // the last frames stay
}

fn record(me: &Endpoint, ready: &Barrier) -> Result<u64, TopicError> {
    let mut frames = me.region().topic("frames")?.subscriber(me, Policy::every())?;
    ready.wait();
    (0..FRAMES).try_fold(0, |count, _| Ok(count + u64::from(frames.recv()?.len() == FRAME)))
}

fn show(me: &Endpoint, ready: &Barrier, over: &Barrier) -> Result<(u64, u64), TopicError> {
    let mut frames = me.region().topic("frames")?.subscriber(me, Policy::skip())?;
    ready.wait();
    let (mut shown, mut missed) = (0, 0);
    while shown + missed < FRAMES
        && let Some(frame) = frames.recv_within(PATIENCE)?
    {
        (shown, missed) = (shown + 1, missed + frame.missed());
        if shown == 1 {
            over.wait(); // it looks at its first frame for long, and the sensor does not wait
        }
    }
    Ok((shown, missed))
}
