//! A halo exchange: heat spreads on a grid that is cut into four parts, each of a rank. In each step the ranks exchange the lines
//! at which their parts meet. The first and the last have nobody on one side, and do as all others do.

use mailbox::{Comm, Config, Region, RequestError, bytemuck};
use std::thread;

const WIDTH: usize = 64;
const LINES: usize = 16;
const STEPS: usize = 100;
const UP: u32 = 1;
const DOWN: u32 = 2;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let region = Region::create_unnamed(Config::ranks(4))?;
    let ranks = [region.join(0)?, region.join(1)?, region.join(2)?, region.join(3)?];
    let parts = ranks.map(|me| thread::spawn(move || spread(&Comm::world(&me)?)));
    let mut whole = lines(0, 4 * LINES); // the same without ranks
    (0..STEPS).for_each(|_| step(&mut whole));
    for (rank, part) in parts.into_iter().enumerate() {
        let part = part.join().expect("a thread that ends")?;
        let first = (rank * LINES + 1) * WIDTH;
        let is_same = part[WIDTH..][..LINES * WIDTH] == whole[first..][..LINES * WIDTH];
        println!("rank {rank}: as in one part: {is_same}");
    }
    Ok(())
}

fn spread(comm: &Comm) -> Result<Vec<f64>, RequestError> {
    let rank = comm.rank();
    let mut part = lines(rank as usize * LINES, LINES);
    let (above, below) = (rank.checked_sub(1), Some(rank + 1).filter(|next| *next < comm.size()));
    let line = |at: usize| at * WIDTH..(at + 1) * WIDTH;
    for _ in 0..STEPS {
        let first: &[u8] = bytemuck::cast_slice(&part[line(1)]);
        if let Some(mail) = comm.send_receive(UP, above, first, below)? {
            mail.copy_to(bytemuck::cast_slice_mut(&mut part[line(LINES + 1)]));
        }
        let last: &[u8] = bytemuck::cast_slice(&part[line(LINES)]);
        if let Some(mail) = comm.send_receive(DOWN, below, last, above)? {
            mail.copy_to(bytemuck::cast_slice_mut(&mut part[line(0)]));
        }
        step(&mut part);
    }
    Ok(part)
}

/// So many lines of the grid from this one on, with one more on either side.
fn lines(first: usize, count: usize) -> Vec<f64> {
    (first * WIDTH..(first + count + 2) * WIDTH).map(|at| (at * at % 101) as f64).collect()
}

/// Each cell becomes the mean of its neighbours; those at the edge stay as they are.
fn step(cells: &mut [f64]) {
    let old = cells.to_vec();
    for at in (WIDTH..old.len() - WIDTH).filter(|at| (1..WIDTH - 1).contains(&(at % WIDTH))) {
        cells[at] = (old[at - WIDTH] + old[at + WIDTH] + old[at - 1] + old[at + 1]) / 4.0;
    }
}
