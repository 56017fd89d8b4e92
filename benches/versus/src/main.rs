//! mailbox beside the raw limits of the machine and beside what else a user would pick, in one run.
#![doc = ""]

mod drive;
mod job;
mod link;
mod outcome;
mod systems;

fn main() {
    let mut args = std::env::args().skip(1);
    let a = args.next();
    if a.as_deref() == Some("part") {
        let job: job::Job = serde_json::from_str(&args.next().unwrap()).unwrap();
        let e = systems::named(&job.system).unwrap();
        println!("{}", serde_json::to_string(&e.play(&job)).unwrap());
    }
}
