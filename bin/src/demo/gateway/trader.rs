//! A process that orders.

use super::claim::Account;
use super::market::Market;
use super::order::{Depth, Fill, GATEWAY, Order, Reason, Refusal, SYMBOLS, Side, Snapshot};
use crate::common::failure::Failure;
use crate::common::output::show;
use crate::common::place::Where;
use clap::Args;
use mailbox::{CallError, Endpoint, Reply};
use std::thread;
use std::time::{Duration, Instant};

/// Orders between two snapshots.
const SNAPSHOT: u64 = 1000;
/// How many orders, and which trader's, are shown.
const SHOWN: u64 = 3;
const SHOWN_RANK: u32 = 1;

/// What the gateway answers, or why it refuses.
type Answer = Result<Reply, Vec<u8>>;

#[derive(Args)]
pub struct Trader {
    #[command(flatten)]
    place: Where,
    #[arg(long)]
    rank: u32,
    #[arg(long)]
    seed: u64,
    /// Orders, or else seconds.
    #[arg(long)]
    orders: Option<u64>,
    #[arg(long, default_value_t = u64::MAX)]
    seconds: u64,
}

impl Trader {
    pub fn run(&self) -> Result<(), Failure> {
        let me = self.place.join(self.rank)?;
        // A call would wait for it, too, but its time would count.
        while me.region().status(GATEWAY).is_none_or(|(_, epoch)| epoch == 0) {
            thread::sleep(Duration::from_millis(1));
        }
        let account = self.trade(&me)?;
        self.ask(&me, &account.to_bytes()).map(drop)
    }

    fn trade(&self, me: &Endpoint) -> Result<Account, Failure> {
        let mut market = Market::new(self.seed, self.rank);
        let mut account = Account::default();
        let start = Instant::now();
        let mut now = start;
        while !self.is_enough(account.claim.asked, now - start) {
            let order = market.order();
            let begin = Instant::now();
            let answer = self.ask(me, bytemuck::bytes_of(&order))?;
            now = Instant::now();
            account.orders.add(now - begin);
            self.book(&order, &answer, &mut account)?;
            if account.claim.asked.is_multiple_of(SNAPSHOT) {
                let query = Snapshot { symbol: market.symbol() };
                let begin = Instant::now();
                let answer = self.ask(me, bytemuck::bytes_of(&query))?;
                now = Instant::now();
                account.snapshots.add(now - begin);
                self.look(&query, &answer, &mut account)?;
            }
        }
        account.claim.time = start.elapsed().as_nanos() as u64;
        Ok(account)
    }

    fn is_enough(&self, orders: u64, time: Duration) -> bool {
        self.orders.map_or(time >= Duration::from_secs(self.seconds), |enough| orders >= enough)
    }

    /// Asks the gateway.
    fn ask(&self, me: &Endpoint, request: &[u8]) -> Result<Answer, Failure> {
        match me.call(GATEWAY, request) {
            Ok(reply) => Ok(Ok(reply)),
            Err(CallError::Refused(why)) => Ok(Err(why)),
            Err(error) => {
                show(&format!("trader {} is told by its call: {error}", self.rank))?;
                Err(self.place.failure(error))
            }
        }
    }

    fn book(&self, order: &Order, answer: &Answer, account: &mut Account) -> Result<(), Failure> {
        let claim = &mut account.claim;
        claim.asked += 1;
        let news = match (answer, order.check()) {
            (Ok(reply), Ok(side)) => {
                let fill: Fill = reply.value().map_err(|error| self.place.failure(error))?;
                if !fill.fits(order, side) {
                    return Err(self.place.failure(format_args!("{order:?} is answered by {fill:?}")));
                }
                claim.fill(order, side, &fill);
                describe(&fill)
            }
            (Err(why), Err(reason)) if is_refusal(why, order, reason) => {
                claim.refuse(order);
                format!("refused, {reason:?} is out of bounds")
            }
            (answer, _) => {
                let kind = if answer.is_ok() { "a fill" } else { "a refusal" };
                return Err(self.place.failure(format_args!("{order:?} is answered by {kind}")));
            }
        };
        if self.rank == SHOWN_RANK && claim.asked <= SHOWN {
            let side = if order.side == Side::Buy as u32 { "buy" } else { "sell" };
            let symbol = SYMBOLS[order.symbol as usize];
            let price = f64::from(order.price) / 100.0;
            show(&format!("trader {}: {side} {} {symbol} at {price:.2}: {news}", self.rank, order.quantity))?;
        }
        Ok(())
    }

    fn look(&self, query: &Snapshot, answer: &Answer, account: &mut Account) -> Result<(), Failure> {
        let Ok(reply) = answer else { return Err(self.place.failure("a snapshot is refused")) };
        let depth: Depth = reply.value().map_err(|error| self.place.failure(error))?;
        if !depth.makes_sense() {
            return Err(self.place.failure(format_args!("{} is {depth:?}", SYMBOLS[query.symbol as usize])));
        }
        account.claim.snapshots += 1;
        Ok(())
    }
}

/// For people.
fn describe(fill: &Fill) -> String {
    let at = fill.average().map_or(String::new(), |average| format!(" at {:.2}", average / 100.0));
    format!("{} filled{at}, {} rest, id {}", fill.filled, fill.rests, fill.id)
}

fn is_refusal(bytes: &[u8], order: &Order, reason: Reason) -> bool {
    let refusal = Refusal { number: order.number, reason: reason as u64 };
    bytes == bytemuck::bytes_of(&refusal)
}
