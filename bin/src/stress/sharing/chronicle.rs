//! The joinings and ends that the threads of one life are told of, taken together.

use mailbox::{Region, Status};
use std::collections::HashMap;

/// What was told of a rank: its life with this epoch, and whether that has joined or ended. Each life joins before it ends.
type Told = (u64, bool);

/// What was told, by rank.
#[derive(Default)]
pub struct Chronicle {
    told: HashMap<u32, Vec<Told>>,
    /// How many ends were told of a rank without an epoch.
    gone: HashMap<u32, u64>,
}

/// How all ranks stand.
pub fn stand(region: &Region) -> Vec<(Status, u64)> {
    (0..region.ranks()).map(|rank| region.status(rank).expect("it is a rank")).collect()
}

impl Chronicle {
    /// A thread was told that a life has joined, or ended.
    pub fn hear(&mut self, rank: u32, epoch: u64, has_ended: bool) {
        self.told.entry(rank).or_default().push((epoch, has_ended));
    }

    /// A thread was told by a receive that a rank has ended.
    pub fn hear_of_end(&mut self, rank: u32) {
        *self.gone.entry(rank).or_default() += 1;
    }

    /// What is wrong with what was told since things stood so. `only_events`: no receive has told an end.
    pub fn judge(
        &mut self,
        since: &[(Status, u64)],
        now: &[(Status, u64)],
        only_events: bool,
    ) -> Result<(), String> {
        for (&rank, told) in &mut self.told {
            // Threads may note in another order what they were told.
            told.sort_unstable();
            let wrong = |what: &str| Err(format!("of rank {rank} it is told {told:?}: {what}"));
            if told.windows(2).any(|pair| pair[0] == pair[1]) {
                return wrong("one thing twice");
            }
            let is_turn = |(at, told): (usize, &Told)| told.1 == (at % 2 == 1);
            if only_events && !told.iter().enumerate().all(is_turn) {
                return wrong("joinings and ends do not take turns");
            }
        }
        for (&rank, gone) in &self.gone {
            let ends =
                self.told.get(&rank).map_or(0, |told| told.iter().filter(|told| told.1).count() as u64);
            let most = now[rank as usize].1 + 1 - since[rank as usize].1;
            if gone + ends > most {
                return Err(format!(
                    "{gone} and {ends} ends of rank {rank} are told, and there were {most} at most"
                ));
            }
        }
        Ok(())
    }

    /// What is missing, once there was nothing more to tell, of a rank that stood so at first and in the end.
    pub fn complete(&self, rank: u32, first: (Status, u64), last: (Status, u64)) -> Result<(), String> {
        let told = self.told.get(&rank).and_then(|told| told.iter().max());
        let (lives, epoch) = (last.0 == Status::Live, last.1);
        let is_complete = match told {
            // One that ended before.
            None => !lives && (first == last || epoch == 0),
            // A death that has a successor which has not said so yet looks like life.
            Some((told, has_ended)) => *told == epoch && (*has_ended || lives),
        };
        if is_complete {
            Ok(())
        } else {
            Err(format!("the last of rank {rank} that is told is {told:?}, and it stands {last:?}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(told: &[Told], gone: u64, only_events: bool) -> bool {
        let mut chronicle = Chronicle::default();
        told.iter().for_each(|(epoch, has_ended)| chronicle.hear(0, *epoch, *has_ended));
        (0..gone).for_each(|_| chronicle.hear_of_end(0));
        chronicle.judge(&[(Status::Live, 3)], &[(Status::Live, 5)], only_events).is_ok()
    }

    #[test]
    fn joinings_and_ends_take_turns() {
        assert!(judged(&[(3, false), (4, true), (5, false)], 0, true));
        assert!(judged(&[(5, false), (3, false), (3, true)], 0, true), "noted in another order");
        assert!(!judged(&[(3, false), (5, false)], 0, true), "an end is missing");
        assert!(!judged(&[(3, true)], 0, true), "a joining is missing");
        assert!(!judged(&[(3, false), (3, false), (3, true)], 0, true), "told twice");
        assert!(judged(&[(4, true)], 1, false) && !judged(&[(4, true)], 3, false));
    }

    #[test]
    fn what_stands_was_told() {
        let mut chronicle = Chronicle::default();
        let [dead, live] = [(Status::Dead, 2), (Status::Live, 3)];
        assert!(chronicle.complete(0, dead, dead).is_ok() && chronicle.complete(0, dead, live).is_err());
        chronicle.hear(0, 3, false);
        assert!(chronicle.complete(0, dead, live).is_ok());
        assert!(chronicle.complete(0, dead, (Status::Left, 3)).is_err());
        chronicle.hear(0, 3, true);
        assert!(chronicle.complete(0, dead, (Status::Left, 3)).is_ok());
    }
}
