//! The parts of a region, as its header lists them. Pure functions.
//!
//! A program ignores a section of a kind that it does not know. A section that must not be ignored comes with a bit
//! of the header's incompatible features.

use super::layout::PAGE;

/// Entries of the directory.
pub const SECTIONS: usize = 16;
/// Words of an entry: kind, version, offset, length.
pub const SECTION_WORDS: usize = 4;
/// Words of the directory.
pub const DIRECTORY_WORDS: usize = SECTIONS * SECTION_WORDS;

/// The kind of the rank table.
pub const RANKS: u64 = 1;
/// The kind of the mailboxes.
pub const MAILBOXES: u64 = 2;
/// The kind of the ranks' areas for loans.
pub const LOANS: u64 = 3;

/// The kind of the groups' slots.
pub const GROUPS: u64 = 4;

/// The kind of the topics.
pub const TOPICS: u64 = 5;

/// A part of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section {
    /// What it is; 0 means that the entry is unused.
    pub kind: u64,
    /// The version of its layout.
    pub version: u64,
    /// Where it begins, in bytes from the beginning of the region: a multiple of a page.
    pub offset: u64,
    /// Its length in bytes.
    pub len: u64,
}

/// The directory that lists these sections.
pub fn to_directory(sections: &[Section]) -> [u64; DIRECTORY_WORDS] {
    let mut words = [0; DIRECTORY_WORDS];
    for (entry, section) in words.chunks_exact_mut(SECTION_WORDS).zip(sections) {
        entry.copy_from_slice(&[section.kind, section.version, section.offset, section.len]);
    }
    words
}

/// The sections that a directory lists, ordered by offset. `None` if two overlap, if one begins inside the first page
/// or not at a page, or if one ends beyond the range of a number.
pub fn from_directory(words: &[u64; DIRECTORY_WORDS]) -> Option<Vec<Section>> {
    let entries = words.as_chunks::<SECTION_WORDS>().0.iter().filter(|entry| entry[0] != 0);
    let mut sections: Vec<Section> =
        entries.map(|&[kind, version, offset, len]| Section { kind, version, offset, len }).collect();
    sections.sort_by_key(|section| section.offset);
    let mut end = PAGE;
    for section in &sections {
        if section.offset < end || !section.offset.is_multiple_of(PAGE) {
            return None;
        }
        end = section.offset.checked_add(section.len)?;
    }
    Some(sections)
}

/// The length of a region with these sections, which are ordered by offset.
pub fn end(sections: &[Section]) -> u64 {
    sections.last().map_or(PAGE, |last| last.offset + last.len)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const TABLE: Section = Section { kind: RANKS, version: 1, offset: 4096, len: 8192 };
    const REST: Section = Section { kind: 77, version: 9, offset: 12288, len: 100 };

    fn list(sections: &[Section]) -> Option<Vec<Section>> {
        from_directory(&to_directory(sections))
    }

    #[test]
    fn a_directory_says_what_was_written() {
        assert_eq!(list(&[]), Some(vec![]));
        assert_eq!(list(&[REST, TABLE]), Some(vec![TABLE, REST]));
        assert_eq!(end(&[TABLE, REST]), 12388);
    }

    #[test]
    fn sections_that_make_no_sense_are_refused() {
        for offset in [0, 4095, 4097, 8192, u64::MAX] {
            assert_eq!(list(&[TABLE, Section { offset, ..REST }]), None, "{offset}");
        }
        assert_eq!(list(&[Section { len: u64::MAX, ..TABLE }]), None);
        assert_eq!(list(&[Section { len: u64::MAX, ..TABLE }, REST]), None);
    }
}
