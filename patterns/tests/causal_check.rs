//! The check of histories, without any member.

use kit::Dice;
use mailbox_patterns::causal::{Clock, History, Id, Step, Violation, agree, check};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

const RANKS: u32 = 3;

fn id(rank: u32, number: u64) -> Id {
    Id { rank, number }
}

fn history(rank: u32, steps: &[Step]) -> History {
    History { rank, start: Clock::new(0..RANKS), steps: steps.to_vec() }
}

use Step::{Delivered, LeftOut, Sent};

#[test]
fn a_history_without_a_fault_passes() {
    assert_eq!(check(&[]), Ok(()));
    let (a, b) = (id(0, 0), id(1, 0));
    let concurrent =
        [history(0, &[Sent(a), Delivered(b)]), history(1, &[Sent(b), Delivered(a)]), history(2, &[])];
    assert_eq!(check(&concurrent), Ok(()));
    // Others may see them in any order.
    for order in [[a, b], [b, a]] {
        let mut all = concurrent.to_vec();
        all[2].steps = order.map(Delivered).to_vec();
        assert_eq!(check(&all), Ok(()));
    }
}

#[test]
fn an_early_effect_is_found_through_others() {
    let [a, b, c] = [id(0, 0), id(1, 0), id(2, 0)];
    let asks = history(0, &[Sent(a)]);
    let through = history(1, &[Delivered(a), Sent(b)]);
    let last = history(2, &[Delivered(b), Sent(c), Delivered(a)]);
    let early = Violation::Early { history: 2, effect: b, cause: a };
    assert_eq!(check(&[asks.clone(), through.clone(), last]), Err(early));
    // Also when the cause never comes,
    let last = history(2, &[Delivered(b)]);
    let early = Violation::Early { history: 2, effect: b, cause: a };
    assert_eq!(check(&[asks, through, last]), Err(early));
    // and when both are of one sender.
    let (first, second) = (id(0, 3), id(0, 5));
    let sends = history(0, &[Sent(first), Sent(second)]);
    let swapped = history(1, &[Delivered(second), Delivered(first)]);
    let early = Violation::Early { history: 1, effect: second, cause: first };
    assert_eq!(check(&[sends, swapped]), Err(early));
}

#[test]
fn what_cannot_be_is_found() {
    let a = id(0, 0);
    let sends = history(0, &[Sent(a)]);
    let takes = |steps: &[Step]| check(&[sends.clone(), history(1, steps)]);
    assert_eq!(takes(&[Delivered(a), Delivered(a)]), Err(Violation::Twice { history: 1, message: a }));
    let own = history(0, &[Sent(a), Delivered(a)]);
    assert_eq!(check(&[own]), Err(Violation::Twice { history: 0, message: a }));
    let unknown = id(2, 0);
    let never = Violation::NeverSent { history: 1, message: unknown };
    assert_eq!(takes(&[Delivered(unknown), Delivered(a)]), Err(never));
    // Each was given the other's before it sent its own.
    let b = id(1, 0);
    let circle = [history(0, &[Delivered(b), Sent(a)]), history(1, &[Delivered(a), Sent(b)])];
    assert_eq!(check(&circle), Err(Violation::NeverSent { history: 0, message: b }));
    for wrong in [vec![Sent(id(1, 0))], vec![Sent(id(0, 3)), Sent(id(0, 3))], vec![Sent(id(0, 3)), Sent(a)]] {
        let message = match wrong[wrong.len() - 1] {
            Sent(message) => message,
            _ => unreachable!(),
        };
        assert_eq!(check(&[history(0, &wrong)]), Err(Violation::Misnumbered { history: 0, message }));
    }
    let twice = [sends.clone(), sends.clone()];
    assert_eq!(check(&twice), Err(Violation::Misnumbered { history: 1, message: a }));
}

#[test]
fn a_late_start_excuses_what_was_before_it_and_nothing_else() {
    let [first, second, effect] = [id(0, 0), id(0, 1), id(1, 0)];
    let sends = history(0, &[Sent(first), Sent(second)]);
    let answers = history(1, &[Delivered(first), Delivered(second), Sent(effect)]);
    let mut late = history(2, &[Delivered(effect)]);
    late.start.set(0, 2);
    assert_eq!(check(&[sends.clone(), answers.clone(), late.clone()]), Ok(()));
    assert_eq!(agree(&[answers.clone(), late.clone()]), Ok(()));
    late.start.set(0, 1);
    let early = Violation::Early { history: 2, effect, cause: second };
    assert_eq!(check(&[sends.clone(), answers.clone(), late.clone()]), Err(early));
    let lost = Violation::Lost { history: 1, message: second, other: 0 };
    assert_eq!(agree(&[answers.clone(), late.clone()]), Err(lost));
    late.steps.insert(0, Delivered(first));
    let before = Violation::BeforeStart { history: 2, message: first };
    assert_eq!(check(&[sends, answers, late]), Err(before));
}

#[test]
fn a_cause_is_asked_for_also_behind_a_message_that_need_not_be_there() {
    let [cause, between, effect] = [id(0, 0), id(1, 0), id(2, 0)];
    let asks = history(0, &[Sent(cause)]);
    let answers = history(1, &[Delivered(cause), Sent(between)]);
    let mut late = history(2, &[Delivered(between), Sent(effect)]);
    late.start.set(0, 1);
    let mut last = history(3, &[Delivered(effect)]);
    last.start.set(1, 1);
    let early = Violation::Early { history: 3, effect, cause };
    assert_eq!(check(&[asks, answers, late, last]), Err(early));
}

#[test]
fn what_is_left_out_is_excused_until_more_of_it_is_delivered() {
    let own: Vec<_> = (0..4).map(|number| id(0, number)).collect();
    let effect = id(1, 0);
    let sends = history(0, &own.iter().map(|id| Sent(*id)).collect::<Vec<_>>());
    let mut steps: Vec<_> = own.iter().map(|id| Delivered(*id)).collect();
    steps.push(Sent(effect));
    let answers = history(1, &steps);
    let all = |steps: &[Step]| check(&[sends.clone(), answers.clone(), history(2, steps)]);
    assert_eq!(all(&[Delivered(own[0]), LeftOut(own[1]), Delivered(effect)]), Ok(()));
    assert_eq!(all(&[Delivered(own[0]), LeftOut(own[1]), Delivered(own[3]), Delivered(effect)]), Ok(()));
    let early = |cause| Err(Violation::Early { history: 2, effect, cause });
    assert_eq!(all(&[LeftOut(own[1]), Delivered(effect)]), early(own[0]));
    let back = [Delivered(own[0]), LeftOut(own[1]), Delivered(own[2]), Delivered(effect)];
    assert_eq!(all(&back), early(own[3]));
    let left_out = history(2, &[Delivered(own[0]), LeftOut(own[1]), Delivered(effect)]);
    assert_eq!(agree(&[answers.clone(), left_out]), Ok(()));
    let lacks = history(2, &[LeftOut(own[1]), Delivered(effect)]);
    assert_eq!(agree(&[answers, lacks]), Err(Violation::Lost { history: 1, message: own[0], other: 0 }));
}

/// A run of ranks whose links are in FIFO order, each as slow as chance has it.
fn fifo_run(random: &mut Dice) -> Vec<History> {
    let ranks = RANKS as usize;
    let mut below = |end: usize| random.below(end as u64) as usize;
    let mut links = vec![VecDeque::new(); ranks * ranks];
    let mut histories: Vec<_> = (0..RANKS).map(|rank| history(rank, &[])).collect();
    let mut numbers = vec![0; ranks];
    for _ in 0..12 {
        let rank = below(ranks);
        if below(3) == 0 {
            let message = id(rank as u32, numbers[rank]);
            numbers[rank] += 1;
            histories[rank].sent(message);
            (0..ranks).filter(|to| *to != rank).for_each(|to| links[to * ranks + rank].push_back(message));
        } else if let Some(message) = links[rank * ranks + below(ranks)].pop_front() {
            histories[rank].steps.push(Delivered(message));
        }
    }
    histories
}

/// The definition, word by word: the causes of each message as a set, and each delivery compared with it.
fn is_causal(histories: &[History]) -> bool {
    let mut causes: BTreeMap<Id, BTreeSet<Id>> = BTreeMap::new();
    // What each has sent or was given before it sent, until nothing is added.
    loop {
        let before: usize = causes.values().map(BTreeSet::len).sum();
        for history in histories {
            let mut known = BTreeSet::new();
            for step in &history.steps {
                if let Sent(message) = step {
                    causes.entry(*message).or_default().extend(known.iter().copied());
                }
                let (Sent(message) | Delivered(message)) = step else { continue };
                known.insert(*message);
                known.extend(causes.get(message).into_iter().flatten().copied());
            }
        }
        if causes.values().map(BTreeSet::len).sum::<usize>() == before {
            break;
        }
    }
    histories.iter().all(|history| {
        let mut known = BTreeSet::new();
        history.steps.iter().all(|step| {
            let (Sent(message) | Delivered(message)) = step else { return true };
            let is_right = causes.get(message).into_iter().flatten().all(|cause| known.contains(cause));
            known.insert(*message);
            is_right || matches!(step, Sent(_))
        })
    })
}

#[test]
fn it_says_what_the_definition_says_of_random_runs() {
    let mut random = Dice(4711);
    let (mut right, mut wrong) = (0, 0);
    for _ in 0..20_000 {
        let histories = fifo_run(&mut random);
        let found = check(&histories);
        assert_eq!(found.is_ok(), is_causal(&histories), "{found:?}: {histories:?}");
        match found {
            Ok(()) => right += 1,
            Err(Violation::Early { .. }) => wrong += 1,
            Err(other) => panic!("{other}: {histories:?}"),
        }
    }
    // Links in FIFO order are not enough, and often suffice.
    assert!(right > 1000 && wrong > 100, "{right} {wrong}");
}
