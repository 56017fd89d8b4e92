//! Groups, as people write them.

use std::fs;

/// Reads a group's number, or its name in `/etc/group`.
pub fn parse(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(gid) => Ok(gid),
        Err(_) => {
            let groups = fs::read_to_string("/etc/group").unwrap_or_default();
            find(&groups, text).ok_or_else(|| "there is no such group in /etc/group; give its number".into())
        }
    }
}

/// The number of the group `name` in a file like `/etc/group`.
fn find(groups: &str, name: &str) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then(|| fields.nth(1)?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_found() {
        let groups = "root:x:0:\nwheel:x:10:root,me\nbroken:x\nodd:x:many:\n";
        assert_eq!(find(groups, "root"), Some(0));
        assert_eq!(find(groups, "wheel"), Some(10));
        for none in ["", "me", "x", "10", "broken", "odd"] {
            assert_eq!(find(groups, none), None, "{none:?}");
        }
        assert_eq!(parse("1234"), Ok(1234));
        assert!(parse("-1").is_err() && parse("no such group").is_err());
    }
}
