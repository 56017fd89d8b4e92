//! Ranks that a launcher starts: each sends a line to the next one, and prints what it receives.

use mailbox::{OpenError, Region};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let region = match Region::from_env() {
        Err(OpenError::NotLaunched) => {
            println!("start it with: mbox run -n 2 target/debug/examples/ranks");
            return Ok(());
        }
        region => region?,
    };
    let me = region.join_env()?;
    let (rank, ranks) = (me.rank(), region.ranks());
    let [next, last] = [1, ranks - 1].map(|step| (rank + step) % ranks);
    me.send(next, format!("hello {next}").as_bytes())?;

    let mail = me.from(last).recv()?;
    println!("rank {rank} of {ranks} receives: {}", String::from_utf8_lossy(&mail.to_vec()));
    Ok(())
}
