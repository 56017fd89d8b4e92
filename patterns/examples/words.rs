//! The words of a text are counted by a graph on three processes. One of them is killed meanwhile, and comes again. The count is that of a loop.

use mailbox::{Config, Region};
use mailbox_patterns::dataflow::{Graph, Options};
use mailbox_patterns::delivery::Durability;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;
use std::{env, fs, process};

const TEXT: &str = include_str!("../../LICENSE-APACHE");

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [rank, folder] = &arguments[..] {
        let me = Region::from_env()?.join(rank.parse()?)?;
        let options = Options::new(Path::new(folder).join("checkpoints")).checkpoint_every(20).channel(64);
        let options = options.show_rates(Duration::from_millis(100), |rates| eprint!("{rates}"));
        graph(folder.as_ref()).run(&me, &options)?;
        return Ok(());
    }
    let folder = env::temp_dir().join(format!("words-{}", process::id()));
    fs::create_dir(&folder)?;
    let region = Region::create_unnamed(Config::ranks(3))?;
    let start = |rank: u32| -> Result<Child, Box<dyn Error>> {
        let mut command = Command::new(env::current_exe()?);
        region.hand_to(command.arg(rank.to_string()).arg(&folder))?;
        Ok(command.spawn()?)
    };
    let mut ranks = [start(0)?, start(1)?, start(2)?];
    sleep(Duration::from_millis(200));
    ranks[1].kill()?;
    ranks[1].wait()?;
    ranks[1] = start(1)?;
    ranks.iter_mut().try_for_each(|rank| rank.wait().map(drop))?;

    let mut counts = BTreeMap::new();
    words(TEXT).for_each(|word| *counts.entry(word).or_insert(0) += 1);
    let counted = fs::read_to_string(folder.join("counts"))?;
    let lines: Vec<(&str, u64)> = counted.lines().map(parse).collect::<Result<_, _>>()?;
    println!("{} words, as a loop counts them: {}", lines.len(), lines.iter().all(|(w, n)| counts[*w] == *n));
    let mut commonest = lines;
    commonest.sort_by_key(|(word, count)| (u64::MAX - count, *word));
    commonest[..3].iter().for_each(|(word, count)| println!("{count} times {word:?}"));
    Ok(fs::remove_dir_all(folder)?)
}

fn graph(folder: &Path) -> Graph {
    let graph = Graph::new();
    let lines = graph.source("lines", |from| {
        let lines = (0..).zip(TEXT.lines()).skip(from as usize);
        lines.map(|(number, line)| (number, line.to_string())).inspect(|_| sleep(Duration::from_millis(2)))
    });
    let words = lines.flat_map("words", |line| words(&line).map(String::from).collect::<Vec<_>>());
    let counts = words.key_by("word", |word| (word, ())).fold("count", 0_u64, |count, ()| *count += 1);
    let counts = counts.on([1, 2]); // its four parts, in turns
    _ = counts.to_file("counts", folder.join("counts"), Durability::Process, |(w, n)| format!("{w} {n}\n"));
    graph
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty())
}

fn parse(line: &str) -> Result<(&str, u64), Box<dyn Error>> {
    let (word, count) = line.split_once(' ').ok_or("a word and a number")?;
    Ok((word, count.parse()?))
}
