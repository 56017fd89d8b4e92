//! A message written in place, value by value: no buffer between the values and the mailbox.

use bytemuck::{Pod, Zeroable};
use mailbox::{Config, Region};

#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
#[repr(C)]
struct Sample {
    second: u64,
    celsius: f64,
}

const SIZE: usize = size_of::<Sample>();

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let region = Region::create_unnamed(Config::ranks(2))?;
    let (from, to) = (region.join(0)?, region.join(1)?);

    let mut draft = from.reserve(1, 60 * SIZE)?;
    for second in 0..60 {
        let sample = Sample { second, celsius: 20.0 + second as f64 / 8.0 };
        draft.write_at(second as usize * SIZE, bytemuck::bytes_of(&sample));
    }
    draft.commit()?; // dropped instead, it would never have been sent

    let mail = to.recv()?;
    let mut last = Sample::zeroed();
    mail.copy_from(mail.len() - SIZE, bytemuck::bytes_of_mut(&mut last));
    println!("{} samples, the last one {last:?}", mail.len() / SIZE);

    from.send(1, bytemuck::bytes_of(&last))?; // a single value needs no draft
    assert_eq!(to.recv()?.read::<Sample>()?, last);
    Ok(())
}
