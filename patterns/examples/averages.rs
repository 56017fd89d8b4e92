//! The average temperature of each sensor in each six hours, from a file of readings that are not quite in order. The graph draws itself first.

use mailbox::{Config, Region};
use mailbox_patterns::dataflow::{Graph, Options, Window};
use mailbox_patterns::delivery::Durability;
use std::error::Error;
use std::path::Path;
use std::{env, fs, process, thread};

const READINGS: &str = include_str!("../testdata/sensors.csv");

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::temp_dir().join(format!("averages-{}", process::id()));
    fs::create_dir(&folder)?;
    print!("{}", graph(&folder).dot()?);
    let region = Region::create_unnamed(Config::ranks(2))?;
    let options = Options::new(folder.join("checkpoints"));
    // Two threads here. Processes do the same.
    thread::scope(|scope| {
        let run = |rank| {
            let (me, folder, options) = (region.join(rank), &folder, &options);
            scope.spawn(move || graph(folder).run(&me.expect("free"), options))
        };
        for rank in [run(0), run(1)] {
            for rate in rank.join().expect("no panic")?.rates.operators {
                println!("{}: {} records, {} late", rate.operator, rate.records, rate.late);
            }
        }
        Ok::<(), Box<dyn Error>>(())
    })?;
    print!("{}", fs::read_to_string(folder.join("averages"))?);
    Ok(fs::remove_dir_all(folder)?)
}

fn graph(folder: &Path) -> Graph {
    let graph = Graph::new();
    // Readings come up to ten minutes late.
    let readings = graph.sources("readings", 1, 10, |_, from| {
        READINGS.lines().skip(1).filter_map(reading).skip(from as usize)
    });
    let plausible = readings.filter("plausible", |(_, celsius)| (-40.0..60.0).contains(celsius));
    let windows = plausible.key_by("sensor", |reading| reading).parts(1).window(Window::Time(6 * 60));
    let sums = windows.fold("sum", (0.0, 0_u64), |(sum, count), celsius: f64| {
        *sum += celsius;
        *count += 1;
    });
    let averages = sums.on([1]).map("average", |(sensor, start, (sum, count))| {
        format!("from {:>2} h: {sensor} {:.1} °C, of {count}\n", start / 60, sum / count as f64)
    });
    _ = averages.to_file("out", folder.join("averages"), Durability::Process, String::clone);
    graph
}

/// The minute, the sensor and the temperature.
fn reading(line: &str) -> Option<(u64, (String, f64))> {
    let mut fields = line.split(',');
    let (minute, sensor) = (fields.next()?.parse().ok()?, fields.next()?.to_string());
    Some((minute, (sensor, fields.next()?.parse().ok()?)))
}
