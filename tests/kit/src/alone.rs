//! Programs that have regions in memory to themselves.

use std::process::{Command, Stdio};

/// Named regions are where temporary files are. Those go with the shell.
const FOLDER: &str = "TMPDIR=$(mktemp -d) && export TMPDIR && trap 'rm -r \"$TMPDIR\"' EXIT";
/// What is left there goes with the last process that sees it.
const MOUNT: &str = "mount -t tmpfs -o mode=1777 none /dev/shm";

/// A shell that runs `script` where regions in memory are its own and its children's; what is added to the command
/// are `$0` and `$@`. `None`, and a line about it, where this user cannot do that.
pub fn alone(script: &str) -> Option<Command> {
    let isolated = |script: &str| {
        let (program, options, prepare) =
            if cfg!(portable) { ("env", &[][..], FOLDER) } else { ("unshare", &["-m"][..], MOUNT) };
        let mut command = Command::new(program);
        command.args(options).args(["sh", "-c", &format!("{prepare} && {{ {script}\n}}")]);
        command
    };
    let tried = isolated("true").stderr(Stdio::null()).status();
    if !tried.is_ok_and(|status| status.success()) {
        eprintln!("skipped: this user cannot mount a /dev/shm of its own");
        return None;
    }
    Some(isolated(script))
}
