//! Where a region is, as people write it.

use mailbox::Place;
use std::path::Path;

/// The place that `name` means: with a slash in it, a file; else a name.
pub fn place(name: &str) -> Place<'_> {
    if name.contains('/') { Path::new(name).into() } else { name.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_makes_a_path() {
        for path in ["./prices", "/tmp/prices", "a/b", "prices/", "/"] {
            assert_eq!(place(path), Place::File(Path::new(path)));
        }
        for name in ["prices", ".", "prices.mbox", ""] {
            assert_eq!(place(name), Place::Name(name));
        }
    }
}
