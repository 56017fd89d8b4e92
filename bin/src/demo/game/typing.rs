//! What the bytes mean that a terminal sends for keys.

use super::keys::Key;

/// What was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typed {
    Key(Key),
    /// The game is over.
    Quit,
}

/// Reads byte by byte. Arrows take three: escape, `[` or `O`, a letter.
#[derive(Default)]
pub struct Typing {
    /// How many of an arrow's came.
    begun: usize,
}

impl Typing {
    /// Takes the next byte; what it completes.
    pub fn take(&mut self, byte: u8) -> Option<Typed> {
        let begun = std::mem::take(&mut self.begun);
        let key = match (begun, byte) {
            (_, b'\x1b') => {
                self.begun = 1;
                return None;
            }
            (1, b'[' | b'O') => {
                self.begun = 2;
                return None;
            }
            (2, b'D') | (0, b'a' | b'h') => Key::Left,
            (2, b'C') | (0, b'd' | b'l') => Key::Right,
            (2, b'B') | (0, b's' | b' ') => Key::Stop,
            (0, b'q') => return Some(Typed::Quit),
            _ => return None,
        };
        Some(Typed::Key(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(bytes: &[u8]) -> Vec<Typed> {
        let mut typing = Typing::default();
        bytes.iter().filter_map(|byte| typing.take(*byte)).collect()
    }

    #[test]
    fn letters_and_arrows_are_keys() {
        use Key::{Left, Right, Stop};
        let keys = [Left, Left, Left, Left, Right, Right, Right, Right, Stop, Stop, Stop];
        assert_eq!(typed(b"ah\x1b[D\x1bODdl\x1b[C\x1bOCs \x1b[B"), keys.map(Typed::Key));
        assert_eq!(typed(b"xq"), [Typed::Quit]);
    }

    #[test]
    fn what_is_no_key_is_passed_over() {
        assert_eq!(typed(b"\x1b[A\x1b[\x1b\x1bq\0\xff[Dx"), [], "and what follows an escape belongs to it");
        assert_eq!(typed(b"\x1b[\x1b[Ca"), [Typed::Key(Key::Right), Typed::Key(Key::Left)]);
    }
}
