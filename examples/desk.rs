//! One thread waits for several things: a desk takes orders, has an exchange confirm each, follows the price, and looks at the time.

use mailbox::{Call, Config, Endpoint, RecvError, Region, Select};
use std::{error::Error, thread, time::Duration};
type Outcome = Result<(), Box<dyn Error + Send + Sync>>;
const ORDER: u32 = 1;

fn main() -> Outcome {
    let region = Region::create_unnamed(Config::ranks(3).topics(1).value(64))?;
    let [me, trader, exchange] = [region.join(0)?, region.join(1)?, region.join(2)?];
    let threads = [thread::spawn(move || trade(&trader)), thread::spawn(move || confirm(&exchange))];
    serve(me)?; // which leaves, so the exchange ends, too
    threads.into_iter().try_for_each(|thread| thread.join().expect("a thread that ends"))
}

fn serve(me: Endpoint) -> Outcome {
    let mut price = me.region().topic("price")?.latest(&me)?;
    let (mut pending, mut confirmed, mut late) = (Vec::<(usize, Call<'_>)>::new(), 0, 0);
    let mut select = Select::new();
    let orders = select.recv(me.from(1).tag(ORDER));
    let (changed, tick) = (select.latest(&price), select.every(Duration::from_millis(100)));
    loop {
        match select.wait(Duration::from_secs(10))? {
            arm if arm == orders => match me.from(1).tag(ORDER).recv() {
                Err(RecvError::Gone { .. }) => break,
                order => {
                    let call = me.to(2).start_call(&order?.to_vec())?;
                    pending.push((select.call(&call), call));
                }
            },
            arm if arm == changed => drop(price.value::<f64>()?), // a real desk would think again
            arm if arm == tick => late = late.max(pending.len()),
            arm => {
                let at = pending.iter().position(|(one, _)| *one == arm).ok_or("no such arm")?;
                me.send(1, &pending.swap_remove(at).1.wait()?)?;
                confirmed += 1;
            }
        }
    }
    println!("{confirmed} orders, the last at {:?}; not late: {}", price.value::<f64>()?, late <= 10);
    Ok(())
}

fn trade(me: &Endpoint) -> Outcome {
    let mut price = me.region().topic("price")?.publish_latest(me, 8)?;
    for number in 0..1000u32 {
        me.to(0).tag(ORDER).send(&number.to_ne_bytes())?;
        price.publish_value(&(100.0 + f64::from(number)))?;
        me.from(0).recv()?.ack();
    }
    Ok(())
}

fn confirm(me: &Endpoint) -> Outcome {
    while let Ok(order) = me.from(0).recv() {
        order.reply(b"confirmed")?;
    }
    Ok(())
}
