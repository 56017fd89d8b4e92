//! The hybrid: inside a process threads share memory, and between processes there are messages. Two processes have four threads
//! each. The four of one call the other, and the four of the other answer: each takes the next call.

use super::counter_messages::OWNER;
use super::news::News;
use super::outcome::Outcome;
use super::parts;
use mailbox::{Endpoint, RecvError, Shared};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

pub const THREADS: u32 = 4;

/// Four threads that count with the other process; what all four say.
pub fn call(me: Endpoint, time: Duration) -> Outcome<News> {
    let me = me.into_shared();
    // Values come back to four threads, so only those of one thread grow.
    let add = || {
        let counted = parts::count(time, || Ok(Some(me.call(OWNER, &1u64.to_ne_bytes())?.value()?)));
        counted.map_err(|error| error.to_string())
    };
    let said = each(add)?;
    let begin = said.iter().map(|news| news.span[0]).min().unwrap_or(0);
    let end = said.iter().map(|news| news.span[1]).max().unwrap_or(0);
    let mut all = News { span: [begin, end], ..News::default() };
    for news in said {
        all.count += news.count;
        all.times.extend(news.times);
        all.faults += news.faults;
    }
    me.send(OWNER, &[])?;
    Ok(all)
}

/// Four threads that answer, and share the value.
pub fn own(me: Endpoint) -> Outcome<News> {
    let me = me.into_shared();
    let value = AtomicU64::new(0);
    let counts = each(|| answer(&me, &value).map_err(|error| error.to_string()))?;
    Ok(News { count: counts.iter().sum(), result: value.into_inner(), ..News::default() })
}

fn answer(me: &Shared, value: &AtomicU64) -> Outcome<u64> {
    let mut count = 0;
    loop {
        match me.recv() {
            Ok(call) if call.is_call() => {
                let more: u64 = call.value()?;
                call.reply(&(value.fetch_add(more, Relaxed) + more).to_ne_bytes())?;
                count += 1;
            }
            // The end, which is for all four.
            Ok(_) => {
                me.send(OWNER, &[])?;
                return Ok(count);
            }
            // The other process has sent all it had to say.
            Err(RecvError::Gone { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Does it in four threads.
fn each<T: Send>(act: impl Fn() -> Result<T, String> + Sync) -> Outcome<Vec<T>> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(&act)).collect();
        let done = threads.into_iter().map(|thread| thread.join().expect("a thread that ends"));
        done.collect::<Result<_, _>>().map_err(Into::into)
    })
}
