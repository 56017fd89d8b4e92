//! Waits that are very short.

use super::*;

const TIMES: [Duration; 2] = [Duration::ZERO, Duration::from_millis(1)];

#[test]
fn a_death_that_nobody_has_found_is_told_by_one_short_wait() {
    for time in TIMES {
        let (_scratch, region) = region(12);
        let [me, _last] = join(&region, [0, 11]);
        expect(&me, &[Joined(11, 1)]);
        for epoch in 1..20 {
            let [other] = join(&region, [1]);
            assert_eq!(within(&me, time), Some(Joined(1, epoch)));
            die(other);
            assert_eq!(within(&me, time), Some(Died(1, epoch)), "{time:?}");
        }
        assert_eq!(within(&me, time), None);
    }
}

/// As where the process that joins stops before it counts that.
#[test]
fn a_joining_that_was_not_counted_is_told_by_one_short_wait() {
    for time in TIMES {
        let (scratch, region) = region(3);
        let [me] = join(&region, [0]);
        expect_nothing(&me);
        let _other = join_uncounted(&scratch, &region, 1);
        assert_eq!(within(&me, time), Some(Joined(1, 1)), "{time:?}");
    }
}
