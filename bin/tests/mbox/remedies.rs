//! What went wrong is told with its cause, its object, and what this very user can do about it.

use crate::program::alone;
use std::fmt::Write;

/// Runs each command with `mbox` where regions in memory are its own, after `scene`; what it complains of is as
/// expected. A command after `nobody:` is run as that user.
#[track_caller]
fn check(scene: &str, cases: &[(&str, &str)]) {
    let mut script = String::from("as() { setpriv --reuid=65534 --regid=65534 --clear-groups \"$@\"; }\n");
    script.push_str(scene);
    for (command, _) in cases {
        let (user, command) =
            command.strip_prefix("nobody: ").map_or(("", *command), |command| ("as ", command));
        let _ = write!(script, "\n{user}\"$0\" {command} 2>&1 > /dev/null < /dev/null || true; echo =");
    }
    let Some(process) = alone(&script) else { return };
    let finished = process.finish();
    assert_eq!(finished.complaints, "");
    let told = String::from_utf8(finished.output).expect("UTF-8");
    let told: Vec<&str> = told.split_terminator("=\n").collect();
    assert_eq!(told.len(), cases.len(), "{told:#?}");
    for ((command, expected), told) in cases.iter().zip(told) {
        let expected = if expected.is_empty() { String::new() } else { format!("mbox: {expected}\n") };
        assert_eq!(told, expected, "mbox {command}");
    }
}

#[test]
#[cfg_attr(portable, ignore = "looks into /dev/shm")]
fn a_region_of_another_user() {
    let scene = r#"
        "$0" create secret --ranks 2; "$0" create seen --ranks 2 --mode 644; "$0" create shared --ranks 2 --mode 666"#;
    let taken = "the name is taken; it belongs to user 0 (root); choose another name";
    let denied = |name: &str| {
        format!(
            "region {name:?}: permission denied: the region belongs to user 0 (root); that user can let others in \
             with: chmod 666 /dev/shm/{name}"
        )
    };
    let owner = |name: &str| {
        format!(
            "region {name:?}: the region belongs to user 0 (root), who is not trusted; if you trust that user, add: --owner 0"
        )
    };
    let stays = |name: &str| {
        format!(
            "region {name:?}: permission denied: user 65534 (nobody) may not remove it; it belongs to user 0 (root), \
             who can"
        )
    };
    let taken = |name: &str| format!("region {name:?}: {taken}");
    check(
        scene,
        &[
            ("nobody: create secret --ranks 2", &taken("secret")),
            ("nobody: create shared --ranks 2", &taken("shared")),
            ("nobody: stat secret", &denied("secret")),
            ("nobody: send secret --as 0 --to 1", &denied("secret")),
            ("nobody: recv secret --as 1", &denied("secret")),
            ("nobody: rm secret", &stays("secret")),
            ("nobody: clean secret", &stays("secret")),
            ("nobody: stat seen", &owner("seen")),
            ("nobody: stat seen --owner root", ""),
            ("nobody: recv seen --as 1", &denied("seen")),
            ("nobody: recv seen --as 1 --owner 0", &denied("seen")),
            ("nobody: rm seen", &stays("seen")),
            ("nobody: send shared --as 0 --to 1", &owner("shared")),
            ("nobody: send shared --as 0 --to 1 --owner 0", ""),
            ("nobody: rm shared", &stays("shared")),
            ("nobody: rm shared --owner 0", &stays("shared")),
            ("nobody: clean shared --owner 0", &stays("shared")),
            ("rm shared", ""),
        ],
    );
}

#[test]
#[cfg_attr(portable, ignore = "looks into /dev/shm")]
fn a_region_of_ones_own_that_was_closed_to_oneself() {
    let own = "it belongs to this user, and its mode does not let this user in; change that with: chmod 600 /dev/shm/locked";
    let denied = "permission denied: the region belongs to this user, but its mode does not let this user in; change that with: \
                  chmod 600 /dev/shm/locked";
    let denied = format!("region \"locked\": {denied}");
    check(
        r#"as "$0" create locked --ranks 2; chmod 0 /dev/shm/locked"#,
        &[
            ("nobody: create locked --ranks 2", &format!("region \"locked\": the name is taken; {own}")),
            ("nobody: stat locked", &denied),
            ("nobody: recv locked --as 1", &denied),
            ("nobody: rm locked", &denied),
        ],
    );
}

#[test]
#[cfg_attr(portable, ignore = "looks into /dev/shm")]
fn folders_that_are_not_there_or_closed() {
    let scene = r#"
        : > /dev/shm/letter; mkdir -m 700 /dev/shm/closed; "$0" create /dev/shm/closed/x --ranks 2
        mkdir -m 755 /dev/shm/fixed; "$0" create /dev/shm/fixed/x --ranks 2"#;
    let none = "region \"/dev/shm/none/x\": there is no folder \"/dev/shm/none\"; create it with: mkdir -p /dev/shm/none";
    let letter = "region \"/dev/shm/letter/x\": there is no folder \"/dev/shm/letter\"; \"/dev/shm/letter\" is not a folder; \
                  choose another path";
    let closed = "region \"/dev/shm/closed/x\": permission denied: user 65534 (nobody) may not look into \
                  \"/dev/shm/closed\"; choose another path";
    let create = |folder: &str, name: &str| {
        format!(
            "region \"{folder}/{name}\": permission denied where the region would be; user 65534 (nobody) may not create \
             files in {folder:?}; choose another folder"
        )
    };
    check(
        scene,
        &[
            ("create /dev/shm/none/x --ranks 2", none),
            ("stat /dev/shm/none/x", none),
            ("recv /dev/shm/none/x --as 1", none),
            ("send /dev/shm/none/x --as 0 --to 1", none),
            ("rm /dev/shm/none/x", none),
            ("clean /dev/shm/none/x", ""),
            ("create /dev/shm/letter/x --ranks 2", letter),
            ("stat /dev/shm/letter/x", letter),
            ("rm /dev/shm/letter/x", letter),
            ("nobody: create /dev/shm/closed/y --ranks 2", &create("/dev/shm/closed", "y")),
            ("nobody: stat /dev/shm/closed/x", closed),
            ("nobody: recv /dev/shm/closed/x --as 1", closed),
            ("nobody: create /dev/shm/fixed/y --ranks 2", &create("/dev/shm/fixed", "y")),
        ],
    );
}

#[test]
#[cfg_attr(portable, ignore = "looks into /dev/shm")]
fn too_little_room() {
    let scene = r#"
        mount -t tmpfs -o size=1m,mode=1777 none /dev/shm
        mkdir /dev/shm/disk; "$0" create small --ranks 2; "$0" create /dev/shm/disk/small --ranks 2
        cat /dev/zero > /dev/shm/ballast 2> /dev/null"#;
    check(
        scene,
        &[
            (
                "create big --ranks 2 --arena 1000G",
                "region \"big\": a mailbox would take 1000 GiB, and the file system of \"/dev/shm\" has 1 MiB in all; \
                 make --arena smaller",
            ),
            (
                "create big --ranks 2 --cells 65536",
                "region \"big\": a mailbox would take 4 MiB, and the file system of \"/dev/shm\" has 1 MiB in all; make \
                 --cells smaller",
            ),
            (
                "create big --ranks 900",
                "region \"big\": no space left for the region; make the region smaller, or remove others: mbox ls, mbox \
                 rm",
            ),
            (
                "create /dev/shm/disk/big --ranks 900",
                "region \"/dev/shm/disk/big\": no space left for the region; make the region smaller, or make room on the \
                 disk of \"/dev/shm/disk\"",
            ),
            (
                "send small --as 0 --to 1",
                "region \"small\": no shared memory is left for the mailbox of rank 1; remove other regions (mbox ls, mbox \
                 rm), or create with --reserve",
            ),
            (
                "send /dev/shm/disk/small --as 0 --to 1",
                "region \"/dev/shm/disk/small\": no shared memory is left for the mailbox of rank 1; make room on the disk of \
                 \"/dev/shm/disk\"; nothing of this message was sent",
            ),
            ("stat small", ""),
            ("ls", ""),
            ("rm small", ""),
        ],
    );
}

#[test]
#[cfg_attr(portable, ignore = "looks into /dev/shm")]
fn a_limit_of_the_shell() {
    let Some(process) = alone(r#"ulimit -f 64; "$0" create large --ranks 2; echo $?; ls -A /dev/shm"#) else {
        return;
    };
    let finished = process.finish();
    assert_eq!(String::from_utf8(finished.output).expect("UTF-8"), "1\n");
    let complaint = finished.complaints;
    assert!(complaint.starts_with("mbox: region \"large\": the region has "), "{complaint}");
    assert!(complaint.ends_with("(ulimit -f); raise the limit, or make the region smaller\n"), "{complaint}");
}
