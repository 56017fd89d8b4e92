//! Operations of all members, against what each must give.
#![cfg(not(loom))]

mod common;

use bytemuck::{Pod, Zeroable};
use common::members;
use mailbox::{Broken, CollectiveError, Comm, Config, Region};

/// Runs `part` as each of `ranks` members.
fn with_members(ranks: u32, part: impl Fn(&Comm<'_>) + Sync) {
    let region = Region::create_unnamed(Config::ranks(ranks)).expect("a region");
    members::with_members(&region, |_, comm| {
        part(&comm);
        comm.barrier().expect("all are there");
    });
}

/// The values that a member has.
fn values(member: u32, len: usize) -> Vec<u32> {
    (0..len as u32).map(|at| at.wrapping_mul(7919) ^ (member + 1).wrapping_mul(0x9e37_79b9)).collect()
}

const LENGTHS: [usize; 10] = [0, 1, 2, 13, 26, 27, 1000, 16_385, 20_000, 300_001];

#[test]
fn each_operation_gives_what_it_says() {
    for ranks in [1, 2, 3, 5] {
        with_members(ranks, |comm| {
            let me = comm.rank();
            for (turn, len) in LENGTHS.into_iter().enumerate() {
                let root = turn as u32 % ranks;
                let mine = values(me, len);
                let everything: Vec<u32> = (0..ranks).flat_map(|member| values(member, len)).collect();

                let mut got = if me == root { mine.clone() } else { vec![0; len] };
                comm.broadcast(root, &mut got).unwrap();
                assert!(got == values(root, len), "broadcast of {len}");

                let mut all = vec![0; if me == root { everything.len() } else { 0 }];
                comm.gather(root, &mine, &mut all).unwrap();
                assert!(me != root || all == everything, "gather of {len}");

                let mut part = vec![0; len];
                comm.scatter(root, if me == root { &everything } else { &[] }, &mut part).unwrap();
                assert!(part == mine, "scatter of {len}");

                let mut all = vec![0; everything.len()];
                comm.all_gather(&mine, &mut all).unwrap();
                assert!(all == everything, "all-gather of {len}");
                let mut all = vec![0; everything.len()];
                all[me as usize * len..][..len].copy_from_slice(&mine);
                comm.all_gather_in_place(&mut all).unwrap();
                assert!(all == everything, "all-gather in place of {len}");

                // The part of member `from` for member `to`.
                let between = |from: u32, to: u32| values(from * 100 + to, len);
                let out: Vec<u32> = (0..ranks).flat_map(|to| between(me, to)).collect();
                let expected: Vec<u32> = (0..ranks).flat_map(|from| between(from, me)).collect();
                let mut got = vec![0; out.len()];
                comm.all_to_all(&out, &mut got).unwrap();
                assert!(got == expected, "all-to-all of {len}");
                let mut got = out;
                comm.all_to_all_in_place(&mut got).unwrap();
                assert!(got == expected, "all-to-all in place of {len}");

                // Neither commutative nor, by luck, the same in another order.
                let combine = |one: u32, other: u32| one.wrapping_mul(31).wrapping_add(other);
                let merge = |all: Vec<u32>, next: Vec<u32>| -> Vec<u32> {
                    all.into_iter().zip(next).map(|(one, other)| combine(one, other)).collect()
                };
                let of_all =
                    |members: u32, len: usize| (0..members).map(|member| values(member, len)).reduce(merge);
                let up_to = |members: u32| of_all(members, len).unwrap();
                let (sum, before) = (up_to(ranks), up_to(me.max(1)));
                let mut got = mine.clone();
                comm.reduce(root, &mut got, combine).unwrap();
                assert!(got == if me == root { sum.clone() } else { mine.clone() }, "reduce of {len}");
                let mut got = mine.clone();
                comm.all_reduce(&mut got, combine).unwrap();
                assert!(got == sum, "all-reduce of {len}");
                let mut got = mine.clone();
                comm.scan(&mut got, combine).unwrap();
                assert!(got == up_to(me + 1), "scan of {len}");
                let mut got = mine.clone();
                comm.exclusive_scan(&mut got, combine).unwrap();
                assert!(got == if me == 0 { mine.clone() } else { before }, "exclusive scan of {len}");
                let whole = values(me, len * ranks as usize);
                let mut got = vec![0; len];
                comm.reduce_scatter(&whole, &mut got, combine).unwrap();
                let expected = of_all(ranks, len * ranks as usize).unwrap();
                assert!(got == expected[me as usize * len..][..len], "reduce-scatter of {len}");
            }
        });
    }
}

#[test]
fn parts_may_have_different_lengths() {
    for ranks in [1, 2, 4] {
        with_members(ranks, |comm| {
            let me = comm.rank();
            // Some longer than what one round carries, and some empty.
            let len = |from: u32, to: u32| [0, 3, 90_001, 150_000][(from * 3 + to) as usize % 4];
            let list = |from: u32, to: u32| values(from * 7 + to, len(from, to));
            for root in [0, ranks - 1] {
                let all: Vec<_> = (0..ranks).map(|from| list(from, 9)).collect();
                assert!(comm.all_gather_varied(&all[me as usize]).unwrap() == all);
                let got = comm.gather_varied(root, &all[me as usize]).unwrap();
                assert!(got == if me == root { all.clone() } else { vec![] });
                let parts: Vec<&[u32]> = all.iter().map(Vec::as_slice).collect();
                let got = comm.scatter_varied(root, if me == root { &parts } else { &[] }).unwrap();
                assert!(got == all[me as usize]);

                // Started, one behind the other. What has no meaning elsewhere than on the root may be anything.
                let everything = comm.start_all_gather_varied(all[me as usize].clone());
                let sum = comm.start_all_reduce(vec![me], |one, other| one + other);
                let gather = comm.start_gather_varied(root, all[me as usize].clone());
                let scatter = comm.start_scatter_varied(root, if me == root { &parts } else { &parts[..1] });
                assert!(scatter.wait().unwrap() == all[me as usize]);
                assert!(gather.wait().unwrap() == if me == root { all.clone() } else { vec![] });
                assert!(everything.wait().unwrap() == all);
                assert_eq!(sum.wait().unwrap(), [ranks * (ranks - 1) / 2]);
            }
            let parts: Vec<_> = (0..ranks).map(|to| list(me, to)).collect();
            let parts: Vec<&[u32]> = parts.iter().map(Vec::as_slice).collect();
            let expected: Vec<_> = (0..ranks).map(|from| list(from, me)).collect();
            assert!(comm.all_to_all_varied(&parts).unwrap() == expected);
            let started = [comm.start_all_to_all_varied(&parts), comm.start_all_to_all_varied(&parts)];
            started.into_iter().for_each(|started| assert!(started.wait().unwrap() == expected));
            let counts: Vec<_> = (0..ranks).map(|to| len(1, to)).collect();
            let all = values(me, counts.iter().sum());
            let before: usize = counts[..me as usize].iter().sum();
            let sum = (0..ranks).map(|member| values(member, all.len()));
            let sum =
                sum.reduce(|one, other| one.iter().zip(other).map(|(a, b)| a.wrapping_sub(b)).collect());
            let got = comm.reduce_scatter_varied(&all, &counts, u32::wrapping_sub).unwrap();
            assert!(got == sum.unwrap()[before..][..counts[me as usize]]);
            let started = comm.start_reduce_scatter_varied(all, &counts, u32::wrapping_sub);
            assert!(started.wait().unwrap() == got);
        });
    }
}

#[test]
fn what_does_not_fit_is_told_before_anything_begins() {
    with_members(2, |comm| {
        let unfit = CollectiveError::Unfit { needed: 4, len: 3 };
        assert_eq!(comm.all_gather(&[1, 2], &mut [0; 3]).err(), Some(unfit));
        assert_eq!(comm.all_to_all(&[1, 2, 3, 4], &mut [0; 3]).err(), Some(unfit));
        assert_eq!(comm.reduce_scatter(&[1, 2, 3], &mut [0; 2], |a, _| a).err(), Some(unfit));
        let unfit = CollectiveError::Unfit { needed: 2, len: 3 };
        assert_eq!(comm.all_gather_in_place(&mut [0; 3]).err(), Some(unfit));
        assert_eq!(comm.start_all_to_all(vec![1, 2, 3]).wait().err(), Some(unfit));
        let nobody = CollectiveError::Broken(Broken::NoSuchRank { rank: 2, ranks: 2 });
        assert_eq!(comm.broadcast(2, &mut [0]).err(), Some(nobody));
        assert_eq!(comm.start_gather(2, vec![0]).wait().err(), Some(nobody));
        assert_eq!(comm.start_gather_varied(2, vec![0]).wait().err(), Some(nobody));
        assert_eq!(comm.start_scatter_varied::<u8>(2, &[]).wait().err(), Some(nobody));
        let unfit = |needed, len| Some(CollectiveError::Unfit { needed, len });
        assert_eq!(comm.start_all_to_all_varied(&[&[0]]).wait().err(), unfit(2, 1));
        if comm.rank() == 0 {
            assert_eq!(comm.start_scatter_varied(0, &[&[0]]).wait().err(), unfit(2, 1));
        }
        let all = |counts: &[usize]| comm.start_reduce_scatter_varied(vec![1, 2], counts, |a, _| a).wait();
        assert_eq!((all(&[1]).err(), all(&[1, 2]).err()), (unfit(2, 1), unfit(3, 2)));
    });
}

#[test]
fn started_operations_give_what_the_others_give() {
    with_members(3, |comm| {
        let me = comm.rank();
        for len in [1, 40, 100_000] {
            let mine = values(me, len);
            let all: Vec<u32> = (0..3).flat_map(|member| values(member, len)).collect();
            let add = u32::wrapping_add;
            let barrier = comm.start_barrier();
            let broadcast = comm.start_broadcast(1, mine.clone());
            let gather = comm.start_gather(2, mine.clone());
            let scatter = comm.start_scatter(0, if me == 0 { all.clone() } else { vec![] }, len);
            let everything = comm.start_all_gather(mine.clone());
            let to_all = comm.start_all_to_all(all.clone());
            let reduce = comm.start_reduce(0, mine.clone(), add);
            let sum = comm.start_all_reduce(mine.clone(), add);
            let scan = comm.start_scan(mine.clone(), add);
            let before = comm.start_exclusive_scan(mine.clone(), add);
            let part = comm.start_reduce_scatter(all.clone(), add);
            let fold = |members: u32| {
                let add_all =
                    |all: Vec<u32>, next| all.into_iter().zip(next).map(|(a, b)| add(a, b)).collect();
                (0..members).map(|member| values(member, len)).reduce(add_all)
            };
            barrier.wait().unwrap();
            assert!(broadcast.wait().unwrap() == values(1, len));
            assert!(gather.wait().unwrap() == if me == 2 { all.clone() } else { vec![] });
            assert!(scatter.wait().unwrap() == mine);
            assert!(everything.wait().unwrap() == all);
            let own = &all[me as usize * len..][..len];
            assert!(to_all.wait().unwrap() == own.repeat(3));
            assert!(reduce.wait().unwrap() == if me == 0 { fold(3).unwrap() } else { mine.clone() });
            assert!(sum.wait().unwrap() == fold(3).unwrap());
            assert!(scan.wait().unwrap() == fold(me + 1).unwrap());
            assert!(before.wait().unwrap() == fold(me).unwrap_or(mine));
            assert!(
                part.wait().unwrap() == own.iter().map(|value| value.wrapping_mul(3)).collect::<Vec<_>>()
            );
        }
    });
}

#[test]
fn floating_point_results_are_the_same_to_the_bit() {
    let results = std::sync::Mutex::new(Vec::new());
    for _ in 0..5 {
        with_members(5, |comm| {
            for len in [1, 100, 70_000] {
                let me = f64::from(comm.rank());
                let mut values: Vec<f64> =
                    (0..len).map(|at| (f64::from(at) + 0.1).powf(me - 2.0) / 3.0).collect();
                comm.all_reduce(&mut values, |one, other| one + other).unwrap();
                let bits: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
                results.lock().unwrap().push((len, bits));
            }
        });
    }
    let mut results = results.into_inner().unwrap();
    results.sort();
    results.dedup();
    assert_eq!(results.len(), 3, "one for each length");
}

/// A value of an odd length, of which eight are more than a member can publish at once.
#[derive(Clone, Copy, PartialEq, Zeroable, Pod)]
#[repr(C)]
struct Long {
    first: [[u8; 4096]; 8],
    rest: [[u8; 4096]; 4],
    last: u8,
}

#[test]
fn values_may_be_long_and_of_an_odd_length() {
    with_members(5, |comm| {
        let long = |seed: u32| Long {
            first: [[seed as u8; 4096]; 8],
            rest: [[seed as u8 + 1; 4096]; 4],
            last: seed as u8 + 2,
        };
        let (me, all) = (comm.rank(), (0..5).map(long).collect::<Vec<_>>());
        let mut got = vec![long(me); 9];
        comm.broadcast(3, &mut got).unwrap();
        assert!(got == vec![long(3); 9]);
        comm.scatter(3, &all, &mut got[..1]).unwrap();
        assert!(got[0] == long(me));
        comm.all_to_all_in_place(&mut got[..5]).unwrap();
        assert!(got[me as usize] == if me == 0 { long(0) } else { long(3) });
        let mut got = vec![long(me); 9];
        comm.all_reduce(&mut got, |one, other| if other.last > one.last { other } else { one }).unwrap();
        assert!(got == vec![long(4); 9]);
    });
}

#[test]
fn values_of_which_one_for_each_is_more_than_fits_are_combined_and_scattered() {
    let value =
        |seed: u32| Long { first: [[seed as u8; 4096]; 8], rest: [[seed as u8; 4096]; 4], last: seed as u8 };
    with_members(6, |comm| {
        let all: Vec<Long> = (0..6).map(value).collect();
        let mut part = [value(99)];
        comm.reduce_scatter(&all, &mut part, |one, _| one).unwrap();
        assert!(part[0] == value(comm.rank()));
        let part = comm.start_reduce_scatter(all, |one, _| one).wait().unwrap();
        assert!(part == [value(comm.rank())], "started");
    });
}

#[test]
fn members_have_no_more_for_others_than_the_longest_message() {
    let region = Region::create_unnamed(Config::ranks(2).max_message(8000)).expect("a region");
    members::with_members(&region, |_, comm| {
        let (fits, long) = (vec![7u64; 1000], vec![7u64; 1001]);
        let unfit = CollectiveError::Unfit { needed: 1000, len: 1001 };
        assert_eq!(comm.all_gather_varied(&fits).unwrap(), [&*fits, &fits]);
        assert_eq!(comm.all_gather_varied(&long).err(), Some(unfit));
        assert_eq!(comm.gather_varied(0, &long).err(), Some(unfit));
        assert_eq!(comm.scatter_varied(1, &[&[1], &long]).err(), Some(unfit));
        assert_eq!(comm.all_to_all_varied(&[&[1], &long]).err(), Some(unfit));
        let last = comm.start_all_gather_varied(fits.clone());
        for started in [
            comm.start_all_gather_varied(long.clone()),
            comm.start_gather_varied(0, long.clone()),
            comm.start_all_to_all_varied(&[&[1], &long]),
        ] {
            assert_eq!(started.wait().err(), Some(unfit));
        }
        assert_eq!(comm.start_scatter_varied(1, &[&[1], &long]).wait().err(), Some(unfit));
        assert_eq!(last.wait().unwrap(), [&*fits, &fits]);
        comm.barrier().unwrap();
    });
}

#[test]
fn a_part_that_is_too_long_for_one_is_an_error_for_all() {
    let region = Region::create_unnamed(Config::ranks(3).max_message(64)).expect("a region");
    members::with_members(&region, |_, comm| {
        let long = [0u8; 65];
        let parts: [&[u8]; 3] = if comm.rank() == 0 { [&[], &long, &[]] } else { [&[]; 3] };
        let unfit = CollectiveError::Unfit { needed: 64, len: 65 };
        assert_eq!(comm.all_to_all_varied(&parts).err(), Some(unfit));
        assert_eq!(comm.start_all_to_all_varied(&parts).wait().err(), Some(unfit));
        assert_eq!(comm.barrier(), Ok(()), "nothing has begun");
    });
}

#[test]
fn sums_of_lengths_beyond_all_numbers_do_not_fit() {
    with_members(2, |comm| {
        let unfit = |needed| Some(CollectiveError::Unfit { needed, len: 0 });
        let counts = [usize::MAX, 1];
        assert_eq!(comm.reduce_scatter_varied::<u8>(&[], &counts, |a, _| a).err(), unfit(usize::MAX));
        if comm.rank() == 0 {
            let scatter = comm.start_scatter::<u8>(0, vec![], 1 << (usize::BITS - 1));
            assert_eq!(scatter.wait().err(), unfit(usize::MAX));
        }
    });
}
