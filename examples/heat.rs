//! Heat spreads on a grid that is cut into four parts, each of a rank. In each step the ranks exchange the lines at which their
//! parts meet; the first and the last have nobody on one side, and do as all others do. They stop together, when no cell of any
//! part changes much. Then rank 0 gathers the parts, and compares them with what one rank alone gets.

use mailbox::{Comm, Config, Region, bytemuck};
use std::{error::Error, thread};

const WIDTH: usize = 64;
const LINES: usize = 16; // of each part
const LITTLE: f64 = 0.01;

fn main() -> Result<(), Box<dyn Error>> {
    let region = Region::create_unnamed(Config::ranks(4))?;
    let ranks = [region.join(0)?, region.join(1)?, region.join(2)?, region.join(3)?];
    let parts = ranks.map(|me| thread::spawn(move || spread(&Comm::world(&me).unwrap()).unwrap()));
    parts.into_iter().for_each(|part| part.join().expect("a thread that ends"));
    Ok(())
}

fn spread(comm: &Comm) -> Result<(), Box<dyn Error>> {
    let rank = comm.rank();
    let mut part = lines(rank as usize * LINES, LINES);
    let (above, below) = (rank.checked_sub(1), Some(rank + 1).filter(|next| *next < comm.size()));
    let (mut change, mut steps) = ([f64::MAX], 0);
    while change[0] >= LITTLE {
        for (tag, to, line, from, place) in [(1, above, 1, below, LINES + 1), (2, below, LINES, above, 0)] {
            let bytes: &[u8] = bytemuck::cast_slice(&part[line * WIDTH..][..WIDTH]);
            if let Some(mail) = comm.send_receive(tag, to, bytes, from)? {
                mail.copy_to(bytemuck::cast_slice_mut(&mut part[place * WIDTH..][..WIDTH]));
            }
        }
        change = [step(&mut part)];
        comm.all_reduce(&mut change, f64::max)?;
        steps += 1;
    }
    let mut whole = vec![0.0; if rank == 0 { 4 * LINES * WIDTH } else { 0 }];
    comm.gather(0, &part[WIDTH..][..LINES * WIDTH], &mut whole)?;
    if rank == 0 {
        let mut alone = lines(0, 4 * LINES);
        while step(&mut alone) >= LITTLE {}
        println!("{steps} steps, the same to the bit: {}", whole == alone[WIDTH..][..whole.len()]);
    }
    Ok(())
}

/// So many lines of the grid from this one on, with one more on either side.
fn lines(first: usize, count: usize) -> Vec<f64> {
    (first * WIDTH..(first + count + 2) * WIDTH).map(|at| (at * at % 101) as f64).collect()
}

/// Each cell becomes the mean of its neighbours; those at the edge stay as they are. Returns the greatest change.
fn step(cells: &mut [f64]) -> f64 {
    let old = cells.to_vec();
    for at in (WIDTH..old.len() - WIDTH).filter(|at| (1..WIDTH - 1).contains(&(at % WIDTH))) {
        cells[at] = (old[at - WIDTH] + old[at + WIDTH] + old[at - 1] + old[at + 1]) / 4.0;
    }
    cells.iter().zip(&old).map(|(new, old)| (new - old).abs()).fold(0.0, f64::max)
}
