//! A region in a file: its mail is read after the process that wrote it has ended.

use mailbox::{Config, RecvError, Region};
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Some(path) = std::env::args_os().nth(1) {
        return write(&PathBuf::from(path));
    }
    let path = std::env::temp_dir().join(format!("file-{}", std::process::id()));
    let status = Command::new(std::env::current_exe()?).arg(&path).status()?;
    println!("the writer has ended: {status}");

    let me = Region::open(&path)?.join(1)?;
    loop {
        match me.from(0).recv() {
            Ok(mail) => println!("it wrote: {}", String::from_utf8_lossy(&mail.to_vec())),
            Err(RecvError::Gone { died: false, .. }) => break, // after its last mail
            Err(error) => return Err(error.into()),
        }
    }
    drop(me);
    Ok(Region::remove_at(&path)?)
}

/// What the other process does.
fn write(path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let me = Region::create(path, Config::ranks(2))?.join(0)?;
    for line in ["first", "second"] {
        me.send(1, line.as_bytes())?;
    }
    Ok(()) // leaves, and waits until the disk has it
}
