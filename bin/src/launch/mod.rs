//! Starts the ranks of a region, and ends them.
//!
//! Nothing of a launch stays, whichever of its processes is killed. Each rank leads a process group of its own, which is
//! killed when the rank ends, so that what the rank has started ends with it. Four things end the groups:
//!
//! | who is killed | what ends the rest |
//! |---|---|
//! | a rank | the launcher, which is told of it |
//! | the launcher | the [guard], a small process that reads a pipe of the launcher's. It reads the pipe's end, and kills all groups |
//! | the guard | the launcher, which is told of it |
//! | launcher and guard at once | the kernel, which kills each rank when its parent ends. It does not kill what the ranks have started |
//!
//! A rank writes its number to the guard's pipe before it becomes the program, so there is no moment in which it runs and the
//! guard does not know it. The kernel's signal is tied to the thread that forked, so the launcher has one thread. The region
//! has no name, so it ends with its last process.
//!
//! A process that leaves the group of its rank (`setsid`, `setpgid`, a shell with job control) is not followed.

pub mod children;
pub mod ears;
pub mod ending;
pub mod fate;
pub mod group;
pub mod guard;
pub mod keyboard;
pub mod launcher;
pub mod life;
pub mod lines;
pub mod plan;
pub mod requests;
pub mod sink;
pub mod sinks;
pub mod starter;
pub mod system;
