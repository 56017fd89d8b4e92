//! The latest value: a sensor publishes its position a thousand times a second. A controller looks at it whenever it needs it; a
//! display waits for changes, and is told how many it has missed.

use mailbox::{Config, Endpoint, Region, TopicError};
use std::{thread, time::Duration};

const LAST: f64 = 100.0;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let region = Region::create_unnamed(Config::ranks(3))?;
    let (sensor, controller, display) = (region.join(0)?, region.join(1)?, region.join(2)?);
    let sensor = thread::spawn(move || sense(&sensor));
    let controller = thread::spawn(move || control(&controller));
    show(&display)?;
    controller.join().expect("a thread that ends")?;
    println!("the controller has seen it, too");
    sensor.join().expect("a thread that ends")?;
    Ok(())
}

fn sense(me: &Endpoint) -> Result<(), TopicError> {
    let mut position = me.region().topic("position")?.publish_latest(me, 16)?;
    for step in 0..=100 {
        position.publish_value(&[f64::from(step), f64::from(step).sqrt()])?;
        thread::sleep(Duration::from_millis(1));
    }
    Ok(()) // the last value stays
}

fn control(me: &Endpoint) -> Result<(), TopicError> {
    let mut position = me.region().topic("position")?.latest(me)?;
    // A loop of its own pace: each look takes some nanoseconds.
    while position.value()?.is_none_or(|[x, _]: [f64; 2]| x < LAST) {
        thread::sleep(Duration::from_millis(3));
    }
    Ok(())
}

fn show(me: &Endpoint) -> Result<(), TopicError> {
    let mut position = me.region().topic("position")?.latest(me)?;
    let (mut missed, mut last) = (0, [0.0; 2]);
    while last[0] < LAST && position.wait(Duration::from_secs(10))? {
        let before = position.number();
        last = position.value()?.expect("one is there");
        missed += position.number() - before - 1;
    }
    eprintln!("the display has missed {missed} values");
    println!("the display shows {last:?}, value {}", position.number());
    Ok(())
}
