//! The beginning of a payload, as people and programs read it.

use serde::Serialize;
use std::fmt::{self, Display, Formatter};

/// Some bytes: as text, or in hexadecimal digits if they are none.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Preview {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
    /// Whether there is more.
    #[serde(skip)]
    is_cut: bool,
}

/// What `bytes` say, the beginning of a payload of `len` bytes.
pub fn preview(bytes: &[u8], len: u64) -> Preview {
    let is_cut = (bytes.len() as u64) < len;
    let text = match str::from_utf8(bytes) {
        Ok(text) => Some(text),
        // The last letter is cut.
        Err(error) if is_cut && error.error_len().is_none() => {
            str::from_utf8(&bytes[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    };
    let is_text = |text: &&str| !text.chars().any(|letter| letter.is_control() && !letter.is_whitespace());
    match text.filter(is_text) {
        Some(text) => Preview { text: Some(text.to_owned()), hex: None, is_cut },
        None => {
            let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            Preview { text: None, hex: Some(hex), is_cut }
        }
    }
}

impl Display for Preview {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // A string is escaped as in source code, so it stays on its line.
        match (&self.text, &self.hex) {
            (Some(text), _) => write!(f, "{text:?}")?,
            (None, hex) => f.write_str(hex.as_deref().unwrap_or_default())?,
        }
        if self.is_cut { f.write_str("…") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_told_from_other_bytes() {
        let shown = |bytes: &[u8], len| preview(bytes, len).to_string();
        assert_eq!(shown(b"a \"line\"\n", 9), r#""a \"line\"\n""#);
        assert_eq!(shown(b"", 0), r#""""#);
        assert_eq!(shown("zü".as_bytes(), 3), "\"zü\"");
        assert_eq!(shown("zü".as_bytes(), 4), "\"zü\"…");
        assert_eq!(shown(&"zü".as_bytes()[..2], 3), "\"z\"…");
        assert_eq!(shown(&"zü".as_bytes()[..2], 2), "7ac3");
        assert_eq!(shown(&[0, 1, 255], 100), "0001ff…");
        assert_eq!(shown(b"\x1b[31m", 5), "1b5b33316d", "it controls no terminal");
        assert_eq!(serde_json::to_string(&preview(b"hi", 2)).expect("JSON"), r#"{"text":"hi"}"#);
        assert_eq!(serde_json::to_string(&preview(&[255], 1)).expect("JSON"), r#"{"hex":"ff"}"#);
    }
}
