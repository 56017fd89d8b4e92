//! Slots that are used again: by a later life of a rank, and after a group whose members were late.
#![cfg(not(loom))]

use mailbox::lab::memory::GroupSlot;
use mailbox::lab::slot::{Reader, Writer};
use mailbox::{Comm, Config, Region};
use std::sync::Barrier;
use std::thread::scope;

#[test]
fn what_a_later_life_decides_in_the_same_slot_is_not_taken_for_a_decision_of_the_dead() {
    let region = Region::create_unnamed(Config::ranks(4)).unwrap();
    let (dead, decided) = (Barrier::new(4), Barrier::new(4));
    let member = |rank: u32| {
        let me = region.join(rank).unwrap();
        let world = Comm::world(&me).unwrap();
        let some = world.create(&[0, 1, 2]).unwrap();
        if let Some(some) = &some {
            some.barrier().unwrap();
        }
        dead.wait();
        let again = Comm::world(&me).unwrap();
        let other = again.create(&[0, 3]).unwrap();
        let next = other.map(|other| other.shrink().unwrap().size());
        assert_eq!(next, (rank == 3).then_some(2));
        decided.wait();
        if let Some(some) = &some {
            let rest = some.shrink().unwrap();
            assert_eq!((rest.size(), rest.rank()), (2, rank - 1));
            rest.barrier().unwrap();
        }
    };
    scope(|scope| {
        for rank in 1..4 {
            let member = &member;
            scope.spawn(move || member(rank));
        }
        let me = region.join(0).unwrap();
        let world = Comm::world(&me).unwrap();
        let some = world.create(&[0, 1, 2]).unwrap().unwrap();
        some.barrier().unwrap();
        // It does not say that it needs them no more.
        std::mem::forget((world, some));
        me.abandon();
        dead.wait();
        // The slot that its former life had in the group of three.
        let me = region.join(0).unwrap();
        let again = Comm::world(&me).unwrap();
        let other = again.create(&[0, 3]).unwrap().unwrap();
        assert_eq!(other.shrink().unwrap().size(), 2);
        decided.wait();
    });
}

#[test]
fn a_slot_is_in_use_until_a_member_that_is_late_has_begun_and_is_done() {
    let slot = GroupSlot::on_heap(4);
    let reader = Reader::new(slot.clone(), 3);
    assert!(!reader.is_away(), "it may begin yet");
    let late = Writer::begin(slot.clone(), 3);
    assert!(!reader.is_away());
    late.drop_group(3);
    assert!(reader.is_away());
    let other = Writer::begin(slot.clone(), 5);
    assert!(reader.is_away());
    other.drop_group(5);
    assert!(reader.is_away());
    // One that has used it for another group since will never begin that one.
    let reader = Reader::new(slot.clone(), 7);
    assert!(!reader.is_away());
    let other = Writer::begin(slot.clone(), 9);
    assert!(reader.is_away());
    other.drop_group(9);
    assert!(reader.is_away());
}
