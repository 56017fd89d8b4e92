//! Writing from front to back to memory that is filled in place.

/// Makes the type an `io::Write`. It has `len`, the field `written`, and `write_at`. A write beyond the end is cut short.
macro_rules! write_in_order {
    ($type:ty) => {
        impl std::io::Write for $type {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                let count = bytes.len().min(self.len() - self.written);
                self.write_at(self.written, &bytes[..count]);
                self.written += count;
                Ok(count)
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
    };
}

pub(crate) use write_in_order;
