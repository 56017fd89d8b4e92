//! mailbox beside the raw limits of the machine and what else a user would pick, in one run, on pinned processes.

mod drive;
mod ground;
mod job;
mod link;
mod outcome;
mod plot;
mod report;
mod run;
mod systems;
mod topic_table;
mod topics;

use clap::{Parser, Subcommand};
use outcome::{Answer, Outcome};
use run::{Effort, Scope};
use std::path::PathBuf;
use std::time::Duration;

/// Compares mailbox with the raw limits of the machine and with what else there is.
#[derive(Parser)]
struct Arguments {
    /// Some two minutes rather than ten: fewer rounds, shorter ones, fewer sizes
    #[arg(long)]
    quick: bool,
    /// One object a line rather than tables
    #[arg(long)]
    json: bool,
    /// Operations of all ranks, and nothing else
    #[arg(long)]
    together: bool,
    /// Topics, and nothing else
    #[arg(long, conflicts_with = "together")]
    topics: bool,
    /// Only cases whose name begins so, `stream` for one
    #[arg(long)]
    only: Option<String>,
    /// Also draws latencies and throughput into this folder
    #[arg(long, value_name = "FOLDER")]
    plots: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Action>,
}

#[derive(Subcommand)]
enum Action {
    /// Prints the README's table from what `--json` printed, or that about topics
    Table {
        /// From what `--topics --json` printed
        #[arg(long)]
        topics: bool,
        /// Where that is
        file: PathBuf,
    },
    /// Draws latencies and throughput from what `--json` printed
    Plot {
        /// Where that is
        file: PathBuf,
        /// Where the drawings go
        folder: PathBuf,
    },
    /// One run of one system
    #[command(hide = true)]
    Part {
        /// What to do
        job: String,
    },
}

fn main() -> Outcome<()> {
    let arguments = Arguments::parse();
    match &arguments.command {
        None => compare(&arguments),
        Some(Action::Table { topics, file }) => {
            let rows = report::read(file)?;
            print!("{}", if *topics { topic_table::markdown(&rows) } else { report::markdown(&rows) });
            Ok(())
        }
        Some(Action::Plot { file, folder }) => plot::draw(&report::read(file)?, folder),
        Some(Action::Part { job }) => {
            measure::die_with_parent();
            let job: job::Job = serde_json::from_str(job)?;
            let answer: Answer = systems::named(&job.system).ok_or("no such system")?.play(&job);
            println!("{}", serde_json::to_string(&answer)?);
            // With the threads of a fan-in, which send for ever.
            std::process::exit(0);
        }
    }
}

fn compare(arguments: &Arguments) -> Outcome<()> {
    let only = arguments.only.clone();
    let scope = match (arguments.together, arguments.topics) {
        (true, _) => Scope::Together,
        (_, true) => Scope::Topics,
        _ => Scope::Messages,
    };
    let effort = if arguments.quick {
        Effort {
            rounds: 3,
            time: Duration::from_millis(25),
            sizes: vec![8, 48, 4 << 10, 64 << 10],
            scope,
            only,
        }
    } else {
        Effort { rounds: 7, time: Duration::from_millis(60), sizes: run::SIZES.to_vec(), scope, only }
    };
    eprintln!("{}", ground::machine());
    let mut all = Vec::new();
    run::run(&effort, |group| {
        let rows = report::rows(group);
        if arguments.json {
            println!("{}", report::json(&rows)?);
        } else {
            print!("{}", report::table(&rows));
        }
        all.extend(rows);
        Ok(())
    })?;
    if let Some(folder) = &arguments.plots {
        plot::draw(&all, folder)?;
    }
    Ok(())
}
