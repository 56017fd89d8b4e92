//! Users and groups, as people write and read them.

use std::fs;

const USERS: &str = "/etc/passwd";
const GROUPS: &str = "/etc/group";

/// Reads a group's number, or its name in `/etc/group`.
pub fn group(text: &str) -> Result<u32, String> {
    read(text, "group", GROUPS)
}

/// Reads a user's number, or its name in `/etc/passwd`.
pub fn user(text: &str) -> Result<u32, String> {
    read(text, "user", USERS)
}

/// A user's number, and its name if there is one.
pub fn show(uid: u32) -> String {
    user_name(uid).map_or(uid.to_string(), |name| format!("{uid} ({name})"))
}

/// This process' user.
pub fn me() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// This process' user, as [`show`].
pub fn show_me() -> String {
    show(me())
}

/// A user's name in `/etc/passwd`.
pub fn user_name(uid: u32) -> Option<String> {
    let users = fs::read_to_string(USERS).unwrap_or_default();
    name_of(&users, uid).map(str::to_owned)
}

fn read(text: &str, kind: &str, file: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(number) => Ok(number),
        Err(_) => {
            let all = fs::read_to_string(file).unwrap_or_default();
            find(&all, text).ok_or_else(|| format!("there is no such {kind} in {file}; give its number"))
        }
    }
}

/// The number of `name` in a file like `/etc/group` and `/etc/passwd`.
fn find(all: &str, name: &str) -> Option<u32> {
    all.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then(|| fields.nth(1)?.parse().ok())?
    })
}

/// The first name of that number, if it is one that can be shown.
fn name_of(all: &str, number: u32) -> Option<&str> {
    let name = all.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(number)).then_some(name)
    })?;
    (!name.is_empty() && !name.chars().any(char::is_control)).then_some(name)
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
        assert_eq!(group("1234"), Ok(1234));
        assert!(group("-1").is_err() && group("no such group").is_err());
    }

    #[test]
    fn users_have_names() {
        let users =
            "root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:\nme:x:1000:10::/home/me:\nbroken\n:x:7:7::/:\n";
        assert_eq!(find(users, "me"), Some(1000));
        assert_eq!((name_of(users, 0), name_of(users, 1000)), (Some("root"), Some("me")));
        assert_eq!((name_of(users, 7), name_of(users, 10)), (None, None));
        assert_eq!(show(4_000_000_000), "4000000000");
    }
}
