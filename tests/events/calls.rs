//! Events where ranks call.

use super::*;

#[test]
fn a_call_after_any_number_of_mails_is_told_of_a_caller_that_has_come_again() {
    for count in 0..40u64 {
        let (_scratch, region) = region(2);
        let [me, a] = join(&region, [0, 1]);
        expect(&me, &[Joined(1, 1)]);
        (0..count).for_each(|at| a.send(0, &at.to_ne_bytes()).expect("room"));
        die(a);
        let [a] = join(&region, [1]);
        let call = a.to(0).start_call(b"?").expect("room");
        (0..count).for_each(|at| expect(&me, &[mail(1, 1, &at.to_ne_bytes())]));
        expect(&me, &[Died(1, 1), Joined(1, 2), mail(1, 2, b"?")]);
        drop(call);
    }
}

#[test]
fn a_call_after_any_number_of_mails_is_told_of_a_caller_that_has_ended() {
    for count in 0..40u64 {
        let (_scratch, region) = region(2);
        let [me, a] = join(&region, [0, 1]);
        (0..count).for_each(|at| a.send(0, &at.to_ne_bytes()).expect("room"));
        std::mem::forget(a.to(0).start_call(b"?").expect("room"));
        die(a);
        expect(&me, &[Joined(1, 1)]);
        (0..count).for_each(|at| expect(&me, &[mail(1, 1, &at.to_ne_bytes())]));
        expect(&me, &[mail(1, 1, b"?"), Died(1, 1), Alone]);
    }
}
