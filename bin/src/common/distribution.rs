//! A distribution of times, as a part of a message.

use measure::Times;

/// How many entries it has, and each.
const ENTRY: usize = 16;

/// Appends it.
pub fn write(times: &Times, bytes: &mut Vec<u8>) {
    bytes.extend((times.entries().count() as u64).to_ne_bytes());
    for (value, count) in times.entries() {
        bytes.extend(bytemuck::bytes_of(&[value, count]));
    }
}

/// Takes one from the front; `None` if there is none.
pub fn read(bytes: &mut &[u8]) -> Option<Times> {
    let (count, rest) = bytes.split_first_chunk()?;
    let len = usize::try_from(u64::from_ne_bytes(*count)).ok()?.checked_mul(ENTRY)?;
    let (entries, rest) = rest.split_at_checked(len)?;
    let mut times = Times::default();
    for entry in entries.as_chunks::<ENTRY>().0 {
        let [value, count] = bytemuck::pod_read_unaligned(entry);
        times.add_entry((value, count));
    }
    *bytes = rest;
    Some(times)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn several_follow_each_other() {
        let mut one = Times::default();
        [100, 100, 12_345].iter().for_each(|nanoseconds| one.add(Duration::from_nanos(*nanoseconds)));
        let mut bytes = vec![];
        write(&one, &mut bytes);
        write(&Times::default(), &mut bytes);
        bytes.push(7);
        let mut rest = &bytes[..];
        let read_again = read(&mut rest).expect("one");
        assert_eq!(read_again.entries().collect::<Vec<_>>(), one.entries().collect::<Vec<_>>());
        assert_eq!(read(&mut rest).expect("another").count(), 0);
        assert_eq!(rest, [7]);
    }

    #[test]
    fn what_is_none_is_left() {
        let none = |bytes: &[u8]| {
            let mut rest = bytes;
            assert!(read(&mut rest).is_none());
            assert_eq!(rest, bytes);
        };
        none(&[]);
        none(&[1; 7]);
        none(&u64::MAX.to_ne_bytes());
        none(&[&1u64.to_ne_bytes()[..], &[0; 15]].concat());
    }
}
