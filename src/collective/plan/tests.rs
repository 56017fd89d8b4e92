//! All members carry out their plans on labels instead of bytes: each says which byte of whose input it is.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// A byte of a member's input, or several that were combined.
type Byte = u32;
/// A byte of an output that nothing was written to.
const NONE: Byte = u32::MAX;

/// Combines two bytes. Neither commutative nor, by luck, the same in another order.
fn combine(one: Byte, other: Byte) -> Byte {
    (one.wrapping_mul(31).wrapping_add(other)) >> 1
}

fn input_of(member: usize, len: usize) -> Vec<Byte> {
    (0..len as u32).map(|at| (at.wrapping_mul(16) + member as u32) >> 1).collect()
}

const VARIED: [Kind; 5] = [Kind::Gather, Kind::Scatter, Kind::AllGather, Kind::AllToAll, Kind::ReduceScatter];

/// An operation of all members.
#[derive(Debug, Clone)]
struct Case {
    kind: Kind,
    root: usize,
    element: usize,
    /// Bytes that a member has for another: by giver, and by taker. All the same, if the operation does not vary.
    lens: Vec<Vec<usize>>,
    is_varied: bool,
}

fn kind() -> impl Strategy<Value = Kind> {
    use Kind::*;
    let any = select(vec![
        Barrier,
        Broadcast,
        Gather,
        Scatter,
        AllGather,
        AllToAll,
        Reduce,
        AllReduce,
        Scan,
        ExclusiveScan,
        ReduceScatter,
    ]);
    prop_oneof![3 => any, 1 => Just(AllReduce)]
}

fn case() -> impl Strategy<Value = Case> {
    let element = prop_oneof![4 => 1..=16usize, 2 => select(vec![8, 64, 4096, 65_536]), 1 => 1..=65_536usize];
    let bytes = prop_oneof![4 => 0..300usize, 3 => 0..30_000usize, 1 => 0..600_000usize];
    (kind(), 1..=7usize, any::<prop::sample::Index>(), element, bytes, any::<bool>()).prop_flat_map(
        |(kind, size, root, element, bytes, is_varied)| {
            let most = if kind == Kind::Barrier { 0 } else { bytes.div_ceil(element) };
            let is_varied = is_varied && VARIED.contains(&kind);
            let least = if is_varied { 0 } else { most };
            vec(least..=most, size * size).prop_map(move |counts| {
                let len = |from: usize, to: usize| {
                    let at = match kind {
                        Kind::Gather | Kind::AllGather => from,
                        Kind::Scatter | Kind::ReduceScatter => to,
                        _ => from * size + to,
                    };
                    counts[at] * element
                };
                let lens = (0..size).map(|from| (0..size).map(|to| len(from, to)).collect()).collect();
                Case { kind, root: root.index(size), element, lens, is_varied }
            })
        },
    )
}

impl Case {
    fn size(&self) -> usize {
        self.lens.len()
    }

    fn longest(&self) -> usize {
        self.lens.concat().into_iter().max().unwrap_or_default()
    }

    /// Bytes of the parts of a member's input, and of its output.
    fn parts(&self, me: usize) -> [Vec<usize>; 2] {
        let lens = &self.lens;
        let from_all = || lens.iter().map(|lens| lens[me]).collect();
        let is_root = me == self.root;
        match self.kind {
            Kind::Gather => [vec![lens[me][0]], if is_root { from_all() } else { vec![] }],
            Kind::AllGather => [vec![lens[me][0]], from_all()],
            Kind::Scatter => [if is_root { lens[me].clone() } else { vec![] }, vec![lens[self.root][me]]],
            Kind::AllToAll => [lens[me].clone(), from_all()],
            Kind::ReduceScatter => [lens[me].clone(), vec![lens[me][me]]],
            _ => [vec![lens[me][me]], vec![lens[me][me]]],
        }
    }

    fn plan(&self, me: usize) -> Plan {
        let (root, seat) = (self.root as u32, (me as u32, self.size() as u32));
        let plan = Plan::new(self.kind, root, seat, self.longest(), self.element);
        if !self.is_varied {
            return plan;
        }
        let [input, output] = self.parts(me).map(|lens| Parts::of(lens.into_iter()));
        plan.varied(Varied { input, output })
    }

    /// What a member must have in the end, where it is to have something.
    fn expected(&self, me: usize) -> Vec<Byte> {
        let size = self.size();
        let inputs: Vec<_> = (0..size).map(|one| input_of(one, self.parts(one)[0].iter().sum())).collect();
        // The part of a member's input for another.
        let part = |from: usize, to: usize| {
            let lens = &self.lens[from];
            let start: usize = lens[..to].iter().sum();
            inputs[from][start..start + lens[to]].to_vec()
        };
        let merge = |parts: &mut dyn Iterator<Item = Vec<Byte>>| {
            parts.reduce(|all, next| all.into_iter().zip(next).map(|(one, two)| combine(one, two)).collect())
        };
        let of_first = |count: usize| merge(&mut inputs[..count].iter().cloned());
        let is_root = me == self.root;
        match self.kind {
            Kind::Barrier => vec![],
            Kind::Broadcast if is_root => vec![NONE; inputs[me].len()],
            Kind::Broadcast => inputs[self.root].clone(),
            Kind::Gather if !is_root => vec![],
            Kind::Gather | Kind::AllGather => inputs.concat(),
            Kind::Scatter => part(self.root, me),
            Kind::AllToAll => (0..size).flat_map(|from| part(from, me)).collect(),
            Kind::Reduce if !is_root => vec![NONE; inputs[me].len()],
            Kind::Reduce | Kind::AllReduce => of_first(size).unwrap_or_default(),
            Kind::Scan => of_first(me + 1).unwrap_or_default(),
            Kind::ExclusiveScan => of_first(me).unwrap_or_else(|| vec![NONE; inputs[me].len()]),
            Kind::ReduceScatter => merge(&mut (0..size).map(|from| part(from, me))).unwrap_or_default(),
        }
    }
}

/// A member under way.
struct Member {
    plan: Plan,
    input: Vec<Byte>,
    output: Vec<Byte>,
    /// What it has combined last.
    folded: Vec<Byte>,
}

impl Member {
    /// What it publishes in this round.
    fn publish(&self, round: u64) -> Option<Vec<Byte>> {
        let published = self.plan.publishes(round)?;
        assert!(published.len <= PART as usize, "{} bytes are more than a part of the window", published.len);
        let mut bytes = vec![NONE; published.len];
        for (offset, range) in published.parts() {
            assert!(offset.is_multiple_of(8), "it does not begin at a word");
            let from = if self.plan.publishes_shares(round) { &self.folded } else { &self.input[range] };
            bytes[offset..offset + from.len()].copy_from_slice(from);
        }
        Some(bytes)
    }

    fn write(&mut self, to: Range<usize>, bytes: &[Byte]) {
        let to = &mut self.output[to];
        assert!(to.iter().all(|byte| *byte == NONE), "written twice");
        to.copy_from_slice(bytes);
    }

    /// Takes what all have published in this round.
    fn take(&mut self, round: u64, published: &[Option<Vec<Byte>>]) {
        let mut folded: Option<Vec<Byte>> = None;
        for (from, bytes) in published.iter().enumerate() {
            let Some(take) = self.plan.takes(round, from as u32) else { continue };
            let bytes = if from == self.plan.me as usize {
                match self.plan.publishes_shares(round) {
                    // Its result is in its place already.
                    true => continue,
                    false => self.input[take.own.clone()].to_vec(),
                }
            } else {
                let bytes = bytes.as_ref().expect("it waits for what nobody publishes");
                assert_eq!(
                    bytes.len(),
                    take.published,
                    "one of them looks in the line, the other in the window"
                );
                assert!(take.offset.is_multiple_of(8), "it does not begin at a word");
                bytes[take.offset..take.offset + take.to.len()].to_vec()
            };
            if !self.plan.folds(round) {
                self.write(take.to, &bytes);
            } else {
                assert_eq!(take.to.len() % self.plan.element, 0, "a part of a value");
                folded = Some(match folded {
                    None => bytes,
                    Some(all) => all.into_iter().zip(bytes).map(|(one, two)| combine(one, two)).collect(),
                });
            }
        }
        if let Some(folded) = folded {
            self.write(self.plan.result(round), &folded);
            self.folded = folded;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, max_shrink_iters: 100, ..ProptestConfig::with_cases(150) })]

    #[test]
    fn each_byte_is_written_once_and_comes_from_its_place(case in case()) {
        let mut members: Vec<Member> = (0..case.size())
            .map(|me| {
                let [input, output] = case.parts(me).map(|lens| lens.iter().sum());
                let output = vec![NONE; output];
                Member { plan: case.plan(me), input: input_of(me, input), output, folded: vec![] }
            })
            .collect();
        let first = members[0].plan.clone();
        // Otherwise it is done by another one.
        prop_assume!(first.fits() || case.kind != Kind::ReduceScatter);
        for Member { plan, .. } in &members {
            assert_eq!((plan.word(), plan.len(), plan.rounds()), (first.word(), first.len(), first.rounds()));
        }
        for round in 0..first.rounds() {
            let published: Vec<_> = members.iter().map(|member| member.publish(round)).collect();
            members.iter_mut().for_each(|member| member.take(round, &published));
        }
        for (me, member) in members.iter().enumerate() {
            prop_assert!(member.output == case.expected(me), "member {} has something else", me);
        }
    }
}
