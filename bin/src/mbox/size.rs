//! Numbers of bytes, as people write and read them.

/// A fraction of a unit is rounded to a multiple of this: what is shown is rounded, too, and arenas are such multiples.
const STEP: f64 = 128.0;

/// Reads `4096`, `4K`, `1.5M`, `2 MiB` or `2G`; the units are powers of 1024.
pub fn parse(text: &str) -> Result<u64, String> {
    let number_end =
        text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(number_end);
    let shift = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kib" => 10,
        "m" | "mib" => 20,
        "g" | "gib" => 30,
        "t" | "tib" => 40,
        _ => return Err(WHAT.into()),
    };
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number(number) {
        let number = number.parse::<u64>().ok();
        return number.and_then(|number| number.checked_mul(1 << shift)).ok_or_else(|| LARGE.into());
    }
    let is_fraction = number.split_once('.').is_some_and(|(whole, part)| is_number(whole) && is_number(part));
    let Some(number) = number.parse::<f64>().ok().filter(|_| is_fraction && shift > 0) else {
        return Err(WHAT.into());
    };
    let bytes = (number * (1_u64 << shift) as f64 / STEP).round() * STEP;
    if bytes < u64::MAX as f64 { Ok(bytes as u64) } else { Err(LARGE.into()) }
}

const WHAT: &str = "a size is a number of bytes, or of K, M, G or T: 4096, 64K, 1.5M, 2 MiB";
const LARGE: &str = "that is too large";

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
        let sizes = [
            ("0", 0),
            ("4096", 4096),
            ("1023 B", 1023),
            ("3k", 3 << 10),
            ("1M", 1 << 20),
            ("1MiB", 1 << 20),
            ("2 MiB", 2 << 20),
            ("1 K", 1 << 10),
            ("1.5M", 3 << 19),
            ("1.5 KiB", 1536),
            ("1.1 KiB", 1152),
            ("2G", 2 << 30),
            ("1T", 1 << 40),
            ("64 TiB", 1 << 46),
        ];
        for (text, size) in sizes {
            assert_eq!(parse(text), Ok(size), "{text}");
        }
        for bad in
            ["", "K", "-1", "+1", "1.5", "1.5 B", ".5M", "1.M", "1..5M", "1 KB", "0x10", "K1", "1ö", "1e3"]
        {
            assert_eq!(parse(bad), Err(WHAT.into()), "{bad}");
        }
        for large in ["17179869184G", "99999999999999999999", "99999999.9T"] {
            assert_eq!(parse(large), Err(LARGE.into()), "{large}");
        }
    }

    #[test]
    fn sizes_are_shown() {
        assert_eq!(show(0), "0 B");
        assert_eq!(show(1023), "1023 B");
        assert_eq!(show(256 << 10), "256 KiB");
        assert_eq!(show(1536), "1.5 KiB");
        assert_eq!(show(1 << 46), "64 TiB");
    }

    #[test]
    fn what_is_shown_can_be_read() {
        for bytes in (0..46).flat_map(|shift| [1, 3, 130].map(|many: u64| many << shift)) {
            let read = parse(&show(bytes)).expect("a size");
            // As close as three digits are.
            assert!(read.abs_diff(bytes) <= bytes / 19, "{bytes} {read}");
        }
    }
}
