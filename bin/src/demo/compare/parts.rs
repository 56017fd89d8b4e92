//! The parts of the jobs, in either model: what differs is how a part tells and hears.

use super::news::News;
use super::outcome::Outcome;
use super::rules::{END, Film, Item, Keys, World, is_item, item};
use super::stint;
use measure::{Times, clock};
use std::thread;
use std::time::{Duration, Instant};

/// Adds 1 for a time. Each value that comes back is larger than the one before.
pub fn count(time: Duration, mut add: impl FnMut() -> Outcome<Option<u64>>) -> Outcome<News> {
    let (mut last, mut faults) = (0, 0);
    let score = stint::run(time, |_| {
        if let Some(value) = add()? {
            faults += u64::from(value <= last);
            last = value;
        }
        Ok(())
    })?;
    Ok(News::of(&score, faults))
}

/// Puts items in for a time, and then the last one.
pub fn produce(time: Duration, mut put: impl FnMut(&Item) -> Outcome<()>) -> Outcome<News> {
    let score = stint::run(time, |number| put(&item(number)))?;
    put(&item(END))?;
    Ok(News::of(&score, 0))
}

/// Takes all items out, and looks whether each is the next one.
pub fn consume(mut take: impl FnMut() -> Outcome<Item>) -> Outcome<News> {
    let (mut count, mut faults) = (0, 0);
    let mut begin = None;
    loop {
        let item = take()?;
        let begin = *begin.get_or_insert_with(now);
        if item[0] == END {
            return Ok(News { count, span: [begin, now()], faults, ..News::default() });
        }
        faults += u64::from(!is_item(&item, count));
        count += 1;
    }
}

/// Puts an item in and waits for its answer, for a time.
pub fn ask(
    time: Duration,
    mut put: impl FnMut(&Item) -> Outcome<()>,
    mut take: impl FnMut() -> Outcome<Item>,
) -> Outcome<News> {
    let mut faults = 0;
    let score = stint::run(time, |number| {
        put(&item(number))?;
        faults += u64::from(!is_item(&take()?, number));
        Ok(())
    })?;
    put(&item(END))?;
    Ok(News::of(&score, faults))
}

/// Puts each item that it takes into the other buffer.
pub fn answer(
    mut take: impl FnMut() -> Outcome<Item>,
    mut put: impl FnMut(&Item) -> Outcome<()>,
) -> Outcome<News> {
    let mut count = 0;
    loop {
        let item = take()?;
        if item[0] == END {
            return Ok(News { count, ..News::default() });
        }
        put(&item)?;
        count += 1;
    }
}

/// Looks at the keys so many times a second for a time; as often as it can, if `rate` is 0.
pub fn input(time: Duration, rate: u32, mut tell: impl FnMut(&Keys) -> Outcome<()>) -> Outcome<News> {
    let begin = Instant::now();
    for number in 0.. {
        if rate > 0 {
            let due = Duration::from_secs(1) * number / rate;
            thread::sleep(due.saturating_sub(begin.elapsed()));
        }
        let is_last = begin.elapsed() >= time;
        tell(&Keys::of(number.into(), now(), is_last))?;
        if is_last {
            return Ok(News { count: u64::from(number) + 1, ..News::default() });
        }
    }
    Err("there are no more numbers".into())
}

/// Steps the world with the keys of each frame.
pub fn physics(
    mut hear: impl FnMut() -> Outcome<Keys>,
    mut tell: impl FnMut(&World) -> Outcome<()>,
) -> Outcome<News> {
    let (mut world, mut count) = (World::new(), 0);
    while world.is_last == 0 {
        world = world.step(&hear()?);
        tell(&world)?;
        count += 1;
    }
    Ok(News { count, ..News::default() })
}

/// Draws each world; how old its keys were then.
pub fn render(mut hear: impl FnMut() -> Outcome<World>) -> Outcome<News> {
    let (mut film, mut times, mut news) = (Film::new(), Times::default(), News::default());
    let mut begin = None;
    loop {
        let world = hear()?;
        let begin = *begin.get_or_insert_with(now);
        news.faults += u64::from(world.number != news.count);
        film.add(&world);
        times.add(clock().saturating_sub(Duration::from_nanos(world.time)));
        news.count += 1;
        if world.is_last != 0 {
            news.span = [begin, now()];
            news.times = times.entries().collect();
            news.result = film.sum();
            return Ok(news);
        }
    }
}

/// Adds 1 to a word of its own for a time.
pub fn tick(time: Duration, mut add: impl FnMut()) -> Outcome<News> {
    // In one go: adding takes less time than looking whether time is over.
    const TOGETHER: u64 = 256;
    let score = stint::run(time, |_| {
        (0..TOGETHER).for_each(|_| add());
        Ok(())
    })?;
    let mut news = News::of(&score, 0);
    news.count *= TOGETHER;
    news.times.clear();
    Ok(news)
}

/// In nanoseconds of the machine's clock.
fn now() -> u64 {
    clock().as_nanos() as u64
}
