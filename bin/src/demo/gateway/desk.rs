//! The gateway: answers orders, and adds up in the end.

use super::audit::{self, Floor};
use super::book::Book;
use super::claim::Account;
use super::order::{Fill, GATEWAY, Order, Refusal, SYMBOLS, Side, Snapshot};
use super::references::References;
use crate::common::chart;
use crate::common::failure::Failure;
use crate::common::output::show;
use crate::common::place::Where;
use clap::Args;
use mailbox::{Mail, RecvError};

#[derive(Args)]
pub struct Desk {
    #[command(flatten)]
    place: Where,
    #[arg(long)]
    traders: u32,
    #[arg(long)]
    seed: u64,
    /// A region to measure the machine in.
    #[arg(long)]
    references: String,
}

/// All books, and what is counted.
#[derive(Default)]
struct Pit {
    books: [Book; SYMBOLS.len()],
    orders: u64,
    traded: u64,
    /// The last order of each trader.
    last: Vec<u64>,
    /// Of those who have done.
    accounts: Vec<Option<Account>>,
}

impl Desk {
    pub fn run(&self) -> Result<(), Failure> {
        let mut references = References::default();
        references.measure(&self.references)?;
        let pit = self.serve()?;
        // The machine may have changed its pace.
        references.measure(&self.references)?;
        let mut sum = Account::default();
        pit.accounts.iter().flatten().for_each(|account| sum.add(account));
        self.show_counts(&pit, &sum)?;
        references.draw(&sum.orders).iter().try_for_each(|line| show(line))?;
        audit::check(&sum.claim, &pit.floor())?;
        show("the sums hold: bought = sold, filled + resting + refused = ordered,")?;
        show("and each order came once and was answered once")
    }

    fn serve(&self) -> Result<Pit, Failure> {
        let me = self.place.join(GATEWAY)?;
        let mut pit = Pit::new(self.traders);
        while pit.accounts.iter().any(Option::is_none) {
            match me.recv() {
                Ok(mail) => pit.answer(mail).map_err(|failure| self.place.failure(failure))?,
                Err(RecvError::Gone { rank, died: false }) if pit.has_done(rank) => {}
                Err(error) => {
                    show(&format!("the gateway is told after order {}: {error}", pit.orders))?;
                    return Err(self.place.failure(error));
                }
            }
        }
        Ok(pit)
    }

    fn show_counts(&self, pit: &Pit, sum: &Account) -> Result<(), Failure> {
        let (claim, floor) = (&sum.claim, pit.floor());
        let seconds = claim.time().as_secs_f64();
        let rate = claim.asked as f64 / seconds / 1e3;
        show(&format!("{} orders in {seconds:.1} s, {rate:.0} k/s; seed {}", claim.asked, self.seed))?;
        show(&format!(
            "{} filled or resting, {} refused; {} shares traded, {} rest",
            claim.filled,
            claim.refused,
            floor.traded,
            floor.resting.iter().sum::<u64>()
        ))?;
        if claim.snapshots > 0 {
            let size = size_of::<super::order::Depth>();
            show(&format!("{} snapshots of {size} bytes, through the mailbox:", claim.snapshots))?;
            show(&format!("  {}", chart::quantiles(&sum.snapshots)))?;
        }
        show("how long a trader waits for the answer to an order:")
    }
}

impl Pit {
    fn new(traders: u32) -> Self {
        let traders = traders as usize;
        Self { last: vec![0; traders], accounts: (0..traders).map(|_| None).collect(), ..Self::default() }
    }

    fn has_done(&self, rank: u32) -> bool {
        self.accounts.get(rank as usize - 1).is_some_and(Option::is_some)
    }

    /// Requests are told apart by their length.
    fn answer(&mut self, call: Mail<'_>) -> Result<(), Failure> {
        let rank = call.from();
        let result = if let Ok(order) = call.value::<Order>() {
            let last = &mut self.last[rank as usize - 1];
            if order.number != *last + 1 {
                let number = order.number;
                return Err(Failure::new(format_args!("order {number} of trader {rank} follows {last}")));
            }
            *last = order.number;
            self.orders += 1;
            match order.check() {
                Ok(side) => call.reply(bytemuck::bytes_of(&self.trade(&order, side))),
                Err(reason) => {
                    let refusal = Refusal { number: order.number, reason: reason as u64 };
                    call.refuse(bytemuck::bytes_of(&refusal))
                }
            }
        } else if let Ok(query) = call.value::<Snapshot>() {
            match self.books.get(query.symbol as usize) {
                Some(book) => call.reply(bytemuck::bytes_of(&book.depth())),
                None => call.refuse(b"no such symbol"),
            }
        } else {
            let account = Account::of_bytes(&call.to_vec());
            self.accounts[rank as usize - 1] = account;
            if self.has_done(rank) { call.reply(&[]) } else { call.refuse(b"no such request") }
        };
        result.map_err(Failure::new)
    }

    fn trade(&mut self, order: &Order, side: Side) -> Fill {
        let (mut filled, mut value) = (0, 0);
        let book = &mut self.books[order.symbol as usize];
        let rests = book.place(self.orders, side, order.price, order.quantity, |trade| {
            filled += trade.quantity;
            value += u64::from(trade.price) * u64::from(trade.quantity);
        });
        self.traded += u64::from(filled);
        Fill { id: self.orders, number: order.number, value, filled, rests }
    }

    fn floor(&self) -> Floor {
        let resting = Side::BOTH.map(|side| self.books.iter().map(|book| book.resting(side)).sum());
        Floor { orders: self.orders, traded: self.traded, resting }
    }
}
