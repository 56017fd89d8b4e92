//! Each operation of all members, with a result that is known.

use mailbox::{CollectiveError, CollectiveRequest, Comm};

/// Each operation. The root, where there is one, is [`root`].
pub const KINDS: [&str; 12] = [
    "barrier",
    "broadcast",
    "gather",
    "scatter",
    "scatter_varied",
    "all_gather",
    "all_to_all",
    "reduce",
    "all_reduce",
    "scan",
    "exclusive_scan",
    "reduce_scatter",
];
/// The member that dies.
pub const VICTIM: u32 = 1;
/// Of such a length, an operation takes more rounds than a member may be ahead.
pub const LONG: usize = 400_000;

/// The root of an operation that dies in its middle: others need it for each that has one.
pub fn root(kind: &str) -> u32 {
    if matches!(kind, "broadcast" | "scatter" | "scatter_varied") { VICTIM } else { 0 }
}

pub fn add(one: u32, other: u32) -> u32 {
    one.wrapping_add(other)
}

/// Takes part with `len` values that are all the member's number, and checks the result.
pub fn take_part(comm: &Comm<'_>, kind: &str, len: usize) -> Result<(), CollectiveError> {
    let (me, size, root) = (comm.rank(), comm.size() as usize, root(kind));
    let (mine, of_all) = (vec![me; len], || vec![me; len * size]);
    let mut all = of_all();
    let mut values = mine.clone();
    let got = match kind {
        "barrier" => comm.barrier().map(|()| vec![]),
        "broadcast" => comm.broadcast(root, &mut values).map(|()| values),
        "gather" => comm.gather(root, &mine, &mut all).map(|()| all),
        "scatter" => comm.scatter(root, &all, &mut values).map(|()| values),
        "scatter_varied" => comm.scatter_varied(root, &vec![mine.as_slice(); size]),
        "all_gather" => comm.all_gather(&mine, &mut all).map(|()| all),
        "all_to_all" => comm.all_to_all(&of_all(), &mut all).map(|()| all),
        "reduce" => comm.reduce(root, &mut values, add).map(|()| values),
        "all_reduce" => comm.all_reduce(&mut values, add).map(|()| values),
        "scan" => comm.scan(&mut values, add).map(|()| values),
        "exclusive_scan" => comm.exclusive_scan(&mut values, add).map(|()| values),
        "reduce_scatter" => comm.reduce_scatter(&all, &mut values, add).map(|()| values),
        _ => panic!("{kind}"),
    }?;
    check(comm, kind, len, &got);
    Ok(())
}

pub fn start<'c>(comm: &'c Comm<'_>, kind: &str, len: usize) -> CollectiveRequest<'c, u32> {
    let (me, root) = (comm.rank(), root(kind));
    let (mine, all) = (vec![me; len], vec![me; len * comm.size() as usize]);
    match kind {
        "broadcast" => comm.start_broadcast(root, mine),
        "gather" => comm.start_gather(root, mine),
        "scatter" => comm.start_scatter(root, all, len),
        "scatter_varied" => comm.start_scatter_varied(root, &vec![mine.as_slice(); comm.size() as usize]),
        "all_gather" => comm.start_all_gather(mine),
        "all_to_all" => comm.start_all_to_all(all),
        "reduce" => comm.start_reduce(root, mine, add),
        "all_reduce" => comm.start_all_reduce(mine, add),
        "scan" => comm.start_scan(mine, add),
        "exclusive_scan" => comm.start_exclusive_scan(mine, add),
        "reduce_scatter" => comm.start_reduce_scatter(all, add),
        // A barrier has values of another type.
        _ => comm.start_all_gather(vec![]),
    }
}

/// What [`take_part`] and [`start`] give at their end.
pub fn check(comm: &Comm<'_>, kind: &str, len: usize, got: &[u32]) {
    let (me, size, root) = (comm.rank(), comm.size(), root(kind));
    let by_member = || (0..size).flat_map(|member| vec![member; len]).collect();
    let expected = match kind {
        "barrier" => vec![],
        "broadcast" | "scatter" | "scatter_varied" => vec![root; len],
        "gather" if me == root => by_member(),
        // Its slice is left alone; what was started has none.
        "gather" => vec![me; got.len()],
        "all_gather" | "all_to_all" => by_member(),
        "reduce" if me != root => vec![me; len],
        "scan" => vec![(0..=me).sum(); len],
        "exclusive_scan" => vec![(0..me).sum(); len],
        _ => vec![(0..size).sum(); len],
    };
    assert!(got == expected, "{kind} of {len} on member {me} of {size}: {:?}", got.first());
}
