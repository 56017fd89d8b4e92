//! Whether the sums hold: what traders were told, beside what the gateway has.

use super::claim::Claim;
use super::order::Side::{Buy, Sell};
use crate::common::failure::Failure;

/// What the gateway counted.
#[derive(Debug, Clone, Copy)]
pub struct Floor {
    /// Orders that came, those that were refused included.
    pub orders: u64,
    /// Shares that changed hands.
    pub traded: u64,
    /// By side: what rests in the books.
    pub resting: [u64; 2],
}

/// An error if a sum does not hold.
pub fn check(claim: &Claim, floor: &Floor) -> Result<(), Failure> {
    // What rested and does no more was filled.
    let filled = [Buy, Sell].map(|side| {
        let side = side as usize;
        i128::from(claim.traded[side]) + i128::from(claim.rested[side]) - i128::from(floor.resting[side])
    });
    let [bought, sold] = filled;
    let resting: u64 = floor.resting.iter().sum();
    let accounted = 2 * floor.traded + resting + claim.quantity_refused;
    let sums = [
        ("bought and sold", bought, sold),
        ("filled, resting or refused, and ordered", accounted.into(), claim.quantity.into()),
        ("orders that came and that were sent", floor.orders.into(), claim.asked.into()),
        ("answers and orders", (claim.filled + claim.refused).into(), claim.asked.into()),
    ];
    match sums.iter().find(|(_, left, right)| left != right) {
        None => Ok(()),
        Some((what, left, right)) => {
            Err(Failure::new(format_args!("the sums do not hold: {what}: {left} and {right}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 10 bought of 10 that rested, 2 refused, 3 rest.
    const CLAIM: Claim = Claim {
        asked: 4,
        filled: 3,
        refused: 1,
        quantity: 25,
        quantity_refused: 2,
        traded: [10, 0],
        rested: [3, 10],
        snapshots: 0,
        time: 0,
    };
    const FLOOR: Floor = Floor { orders: 4, traded: 10, resting: [3, 0] };

    #[test]
    fn sums_that_hold() {
        check(&CLAIM, &FLOOR).expect("they hold");
    }

    #[test]
    fn each_sum_is_looked_at() {
        let fails = |claim: Claim, floor: Floor, what: &str| {
            let line = check(&claim, &floor).expect_err("it does not hold").to_string();
            assert!(line.starts_with(&format!("the sums do not hold: {what}: ")), "{line}");
        };
        fails(CLAIM, Floor { resting: [2, 1], ..FLOOR }, "bought and sold");
        fails(Claim { traded: [9, 0], ..CLAIM }, FLOOR, "bought and sold");
        fails(CLAIM, Floor { traded: 9, ..FLOOR }, "filled, resting or refused, and ordered");
        fails(Claim { quantity_refused: 3, ..CLAIM }, FLOOR, "filled, resting or refused, and ordered");
        fails(CLAIM, Floor { orders: 5, ..FLOOR }, "orders that came and that were sent");
        fails(Claim { refused: 2, ..CLAIM }, FLOOR, "answers and orders");
    }
}
