//! Numbers of bytes, as people write and read them.

/// Reads `4096`, `4K`, `1M` or `2G`; the letters are powers of 1024.
pub fn parse(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 10),
        Some((at, 'm' | 'M')) => (&text[..at], 20),
        Some((at, 'g' | 'G')) => (&text[..at], 30),
        _ => (text, 0),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("a size is a number, and K, M or G after it if need be".into());
    }
    let number = digits.parse::<u64>().ok();
    number.and_then(|number| number.checked_mul(1 << shift)).ok_or_else(|| "that is too large".into())
}

/// Writes a number of bytes with three digits or so.
pub fn show(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut value = bytes as f64;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let decimals = if value.fract() == 0.0 || value >= 100.0 { 0 } else { 1 };
    format!("{value:.decimals$} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        assert_eq!(parse("0"), Ok(0));
        assert_eq!(parse("4096"), Ok(4096));
        assert_eq!(parse("3k"), Ok(3 << 10));
        assert_eq!(parse("1M"), Ok(1 << 20));
        assert_eq!(parse("2G"), Ok(2 << 30));
        for bad in ["", "K", "-1", "+1", "1.5K", "1T", "1 K", "0x10", "K1", "1ö", "99999999999999999999"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert_eq!(parse("17179869184G"), Err("that is too large".into()));
    }

    #[test]
    fn sizes_are_shown() {
        assert_eq!(show(0), "0 B");
        assert_eq!(show(1023), "1023 B");
        assert_eq!(show(256 << 10), "256 KiB");
        assert_eq!(show(1536), "1.5 KiB");
        assert_eq!(show(1 << 46), "64 TiB");
    }
}
