//! What could not be done to a region, why, and what this user can do about it.

use super::account;
use crate::common::failure::Failure;
use crate::common::place::place;
use crate::common::segments;
use mailbox::{
    Broken, CloseError, CreateError, Endpoint, JoinError, Listed, Lost, Mismatch, OpenError, OwnedPlace,
    Place, RemoveError, System,
};
use rustix::fs::{Access, access};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Why regions in memory could not be listed.
pub fn listing(error: io::Error) -> Failure {
    let folder = segments::folder();
    let hint = match error.kind() {
        io::ErrorKind::NotFound => {
            "; regions in memory need that folder; a region can also be in a file: ./NAME"
        }
        io::ErrorKind::PermissionDenied => {
            "; this user may not read it; look at single regions: mbox stat NAME"
        }
        _ => "",
    };
    Failure::new(format_args!("{}: {error}{hint}", folder.display()))
}

/// Why the region was not created.
pub fn creating(name: &str, error: CreateError) -> Failure {
    let folder = folder(name);
    let hint = match error {
        CreateError::BadPlace(OwnedPlace::File(_)) => BAD_PATH.into(),
        CreateError::Exists(_) => taken(name),
        CreateError::System(System::NoSpace) if is_file(name) => {
            format!("make the region smaller, or make room on the disk of {folder:?}")
        }
        CreateError::System(System::NoSpace) => {
            "make the region smaller, or remove others: mbox ls, mbox rm".into()
        }
        CreateError::Denied(_) => {
            format!("user {} may not create files in {folder:?}; {}", account::show_me(), elsewhere(name))
        }
        CreateError::System(System::ReadOnly) => format!("that of {folder:?}; {}", elsewhere(name)),
        CreateError::System(System::FileSize { .. }) | CreateError::System(System::AddressSpace { .. }) => {
            "raise the limit, or make the region smaller".into()
        }
        CreateError::System(System::NoFolder) => return no_folder(name),
        CreateError::System(System::Os(_)) => {
            format!("no file can be created in {folder:?}; {}", elsewhere(name))
        }
        _ => String::new(),
    };
    Failure::of_region(name, error).hint(&hint)
}

/// What to do about a name that is taken.
fn taken(name: &str) -> String {
    let Some(Listed { owner, refusal, .. }) = Listed::at(place(name)) else {
        return "it is being removed; try again".into();
    };
    let is_own = owner == account::me();
    match refusal {
        Some(OpenError::Mismatch(Mismatch::Foreign)) => format!("it is not a region; {}", another(name)),
        _ if !is_own => {
            format!("it belongs to user {}; {}", account::show(owner), another(name))
        }
        Some(OpenError::Denied(_)) => {
            format!(
                "it belongs to this user, and its mode does not let this user in; change that with: chmod 600 {}",
                quoted(&path(name).to_string_lossy())
            )
        }
        Some(OpenError::Mismatch(Mismatch::Length { .. })) => {
            format!("the region is damaged; remove it with: rm {}", quoted(&path(name).to_string_lossy()))
        }
        _ => format!("use it, or remove it with: {}", command_for("rm", name)),
    }
}

fn another(name: &str) -> &'static str {
    if is_file(name) { "choose another path" } else { "choose another name" }
}

/// Where a region could be instead.
fn elsewhere(name: &str) -> &'static str {
    if is_file(name) { "choose another folder" } else { "a region can also be in a file: ./NAME" }
}

/// Why the region was not opened.
pub fn opening(name: &str, error: OpenError) -> Failure {
    let hint = match error {
        OpenError::BadPlace(OwnedPlace::File(_)) => BAD_PATH.into(),
        OpenError::NotFound(_) => return missing(name),
        OpenError::Mismatch(Mismatch::Foreign) => another(name).into(),
        OpenError::Mismatch(Mismatch::Length { .. }) => {
            format!("its mail is lost; remove it with: rm {}", quoted(&path(name).to_string_lossy()))
        }
        OpenError::Mismatch(Mismatch::Version { .. }) | OpenError::Mismatch(Mismatch::Features { .. }) => {
            format!("if it is no longer needed, remove it with: {}", command_for("rm", name))
        }
        OpenError::Mismatch(Mismatch::Protocol { protocol }) => {
            format!("if mbox may use that protocol, add: --protocol {protocol}")
        }
        OpenError::Mismatch(Mismatch::Owner { uid }) => {
            let what = format!("the region belongs to user {}, who is not trusted", account::show(uid));
            return Failure::of_region(name, what)
                .hint(&format!("if you trust that user, add: --owner {uid}"));
        }
        OpenError::Mismatch(Mismatch::Incompatible) => {
            format!("if it is not in use, remove it with: {}", command_for("rm", name))
        }
        OpenError::Denied(_) => return denied(name),
        OpenError::System(System::ReadOnly) => format!("it can be looked at: {}", command_for("stat", name)),
        _ => String::new(),
    };
    Failure::of_region(name, error).hint(&hint)
}

/// That there is no such region, and what there is.
fn missing(name: &str) -> Failure {
    if !folder(name).is_dir() {
        return no_folder(name);
    }
    let create = command_for("create", name);
    let hint = format!("list the regions with: {}; create it with: {create} --ranks N", list(name));
    Failure::of_region(name, OpenError::NotFound(place(name).into())).hint(&hint)
}

/// What lists the regions beside this one.
fn list(name: &str) -> String {
    if is_file(name) { format!("ls {}", quoted(&folder(name).to_string_lossy())) } else { "mbox ls".into() }
}

/// That there is no folder for the region, and why.
fn no_folder(name: &str) -> Failure {
    let folder = folder(name);
    let nearest = folder.ancestors().find(|path| path.exists());
    let hint = match nearest {
        // An empty path is the current folder.
        Some(path) if !path.is_dir() => format!("{path:?} is not a folder; choose another path"),
        _ => format!("create it with: mkdir -p {}", quoted(&folder.to_string_lossy())),
    };
    Failure::of_region(name, format_args!("there is no folder {folder:?}")).hint(&hint)
}

/// What keeps this user out, and who can change that.
fn denied(name: &str) -> Failure {
    let path = path(name);
    let quoted_path = quoted(&path.to_string_lossy());
    let Some(Listed { owner, .. }) = Listed::at(place(name)) else {
        let what =
            format!("permission denied: user {} may not look into {:?}", account::show_me(), folder(name));
        return Failure::of_region(name, what).hint(another(name));
    };
    let (what, hint) = if owner == account::me() {
        let what =
            "permission denied: the region belongs to this user, but its mode does not let this user in"
                .to_owned();
        (what, format!("change that with: chmod 600 {quoted_path}"))
    } else {
        let what = format!("permission denied: the region belongs to user {}", account::show(owner));
        (what, format!("that user can let others in with: chmod 666 {quoted_path}"))
    };
    Failure::of_region(name, what).hint(&hint)
}

/// Why the region was not removed.
pub fn removing(name: &str, error: RemoveError) -> Failure {
    match error {
        RemoveError::Open(OpenError::NotFound(_)) if !folder(name).is_dir() => no_folder(name),
        RemoveError::Open(OpenError::NotFound(_)) => {
            Failure::of_region(name, OpenError::NotFound(place(name).into()))
                .hint(&format!("list the regions with: {}", list(name)))
        }
        RemoveError::Open(OpenError::System(System::ReadOnly)) => {
            Failure::of_region(name, error).hint("nothing can be removed there")
        }
        RemoveError::Open(OpenError::Mismatch(Mismatch::Owner { .. }) | OpenError::Denied(_))
        | RemoveError::Denied(_)
            if !may_remove(name) =>
        {
            let what = format!("permission denied: user {} may not remove it", account::show_me());
            let hint = match Listed::at(place(name)) {
                Some(Listed { owner, .. }) if owner != account::me() => {
                    format!("it belongs to user {}, who can", account::show(owner))
                }
                _ => format!("a user who may write to {:?} can", folder(name)),
            };
            Failure::of_region(name, what).hint(&hint)
        }
        // Where locks are words of the region, nobody can say who uses it.
        RemoveError::Open(
            OpenError::Mismatch(Mismatch::Version { .. }) | OpenError::Mismatch(Mismatch::Features { .. }),
        ) => {
            let hint =
                format!("if it is not in use, remove it with: rm {}", quoted(&path(name).to_string_lossy()));
            Failure::of_region(name, error).hint(&hint)
        }
        RemoveError::Open(error) => opening(name, error),
        RemoveError::InUse(_) => {
            Failure::of_region(name, error).hint(&format!("see by whom with: {}", command_for("stat", name)))
        }
        _ => Failure::of_region(name, error),
    }
}

/// Whether this user may take the name out of its folder. In one that is sticky, as `/dev/shm` is, only the owner may.
fn may_remove(name: &str) -> bool {
    let (folder, me) = (folder(name), account::me());
    let is_sticky =
        fs::metadata(&folder).is_ok_and(|folder| folder.mode() & 0o1000 != 0 && folder.uid() != me);
    let is_own = fs::symlink_metadata(path(name)).is_ok_and(|file| file.uid() == me);
    access(&folder, Access::WRITE_OK).is_ok() && (!is_sticky || is_own || me == 0)
}

/// What to do when the rank is no longer this process'.
pub fn lost(name: &str, lost: Lost) -> String {
    match lost {
        Lost::Rank => format!("see by whom with: {}", command_for("stat", name)),
        Lost::Removed => {
            let again = command_for("create", name);
            format!(
                "create it again with: {again} --ranks N; where a logout did it, set RemoveIPC=no in logind.conf, or use a file"
            )
        }
        Lost::Forked => String::new(),
    }
}

/// Why the rank was not joined.
pub fn joining(name: &str, error: JoinError) -> Failure {
    let hint = match error {
        JoinError::Taken { .. } => {
            format!("end it or join --as another; see by whom with: {}", command_for("stat", name))
        }
        JoinError::Full { .. } => {
            format!("wait until one leaves, or end one; see them with: {}", command_for("stat", name))
        }
        JoinError::Unread { rank } => {
            format!("to join as that rank, and leave its mail to the next that joins as it, add: --as {rank}")
        }
        JoinError::Broken(Broken::Lost(Lost::Removed)) => {
            format!("create it again with: {} --ranks N", command_for("create", name))
        }
        _ => String::new(),
    };
    Failure::of_region(name, error).hint(&hint)
}

/// Leaves a region, and says if a disk did not take what is in it.
pub fn leave(name: &str, endpoint: Endpoint) -> Result<(), Failure> {
    match endpoint.close() {
        Err(error @ (CloseError::Failed | CloseError::Os(_))) => {
            Err(Failure::of_region(name, error).hint("its mail is lost when the machine reboots"))
        }
        // What was to be done in the region is done.
        _ => Ok(()),
    }
}

const BAD_PATH: &str = "write it as FOLDER/FILE";

/// Whether the region is in a file, not in memory.
pub fn is_file(name: &str) -> bool {
    matches!(place(name), Place::File(_))
}

/// Where the region's file is.
fn path(name: &str) -> PathBuf {
    if is_file(name) { name.into() } else { segments::path(name) }
}

/// The folder that the region's file is in.
pub fn folder(name: &str) -> PathBuf {
    match path(name).parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        // The root has none.
        _ => path(name),
    }
}

/// A command for a region, as one can give it to a shell.
pub fn command_for(command: &str, name: &str) -> String {
    format!("mbox {command} {}", quoted(name))
}

/// A name as one can give it to a shell: that of a file may have anything in it.
pub fn quoted(name: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "._-/+,:@%".contains(letter);
    if name.chars().any(char::is_control) {
        // What a terminal shows is not to be copied then.
        format!("{name:?}")
    } else if name.chars().all(is_plain) {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_a_quoted_name() {
        assert_eq!(quoted("/var/lib/prices-1.mbox"), "/var/lib/prices-1.mbox");
        assert_eq!(quoted("./my prices"), "'./my prices'");
        assert_eq!(quoted("./it's"), r"'./it'\''s'");
        assert_eq!(quoted("./new\nline"), r#""./new\nline""#);
    }

    #[test]
    fn files_have_folders() {
        assert_eq!(folder("prices"), segments::folder());
        assert_eq!(folder("./prices"), Path::new("."));
        assert_eq!(folder("/prices"), Path::new("/"));
        assert_eq!(folder("/"), Path::new("/"));
        assert_eq!(folder("/var/lib/prices"), Path::new("/var/lib"));
    }
}
