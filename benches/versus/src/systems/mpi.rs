//! Open MPI and MPICH, where they are installed: a program of ours in C, made by their own compiler.

use crate::drive::{Calls, distribution};
use crate::job::{Case, Job};
use crate::outcome::{Declined, Figures, Outcome};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

const PROGRAM: &str = include_str!("mpi.c");

/// An MPI: its compiler and what starts its programs, with what that needs.
struct Mpi {
    compiler: &'static str,
    starter: &'static str,
    arguments: &'static [&'static str],
    /// For more ranks than processors.
    crowded: &'static [&'static str],
}

/// Open MPI.
pub fn open_mpi(job: &Job) -> Outcome<Figures> {
    let mpi = Mpi {
        compiler: "mpicc.openmpi",
        starter: "mpirun.openmpi",
        arguments: &["--allow-run-as-root", "--bind-to", "none", "--quiet"],
        crowded: &["--oversubscribe"],
    };
    mpi.play(job)
}

/// Open MPI, whose ranks offer their processor while they wait, as they also do where ranks share one.
pub fn yielding_open_mpi(job: &Job) -> Outcome<Figures> {
    let mpi = Mpi {
        compiler: "mpicc.openmpi",
        starter: "mpirun.openmpi",
        arguments: &[
            "--allow-run-as-root",
            "--bind-to",
            "none",
            "--quiet",
            "--mca",
            "mpi_yield_when_idle",
            "1",
        ],
        crowded: &["--oversubscribe"],
    };
    match job.case {
        Case::Together(..) | Case::IdleTogether => mpi.play(job),
        _ => Err(Declined("for operations of all ranks").into()),
    }
}

/// MPICH.
pub fn mpich(job: &Job) -> Outcome<Figures> {
    let mpi = Mpi {
        compiler: "mpicc.mpich",
        starter: "mpirun.mpich",
        arguments: &["-bind-to", "none"],
        crowded: &[],
    };
    mpi.play(job)
}

impl Mpi {
    fn play(&self, job: &Job) -> Outcome<Figures> {
        let what = match job.case {
            Case::RoundTrip => "round-trip",
            Case::Stream => "stream",
            Case::FanIn(_) => "fan-in",
            Case::Window => "window",
            Case::InOrder(_) => "in-order",
            Case::Reversed(_) => "reversed",
            Case::Idle => "idle",
            Case::Memory => "memory",
            Case::StartUp => "start-up",
            Case::Together(joint, _) => joint.name(),
            Case::IdleTogether => "idle-together",
            Case::Asleep => return Err(Declined("never sleeps").into()),
            Case::Topic(..) => return Err(Declined("has no topics").into()),
            Case::Silent(_) | Case::Quiet(_) => return Err(Declined("has no region of ranks").into()),
        };
        let program = self.compile(&job.folder)?;
        let ranks = job.case.others() + 1;
        let mut command = Command::new(self.starter);
        command.args(self.arguments).args(["-n", &ranks.to_string()]);
        if ranks as usize > measure::processors() {
            command.args(self.crowded);
        }
        command.arg(&program).args([what, &job.bytes.to_string(), &job.count.to_string()]);
        if let Case::InOrder(messages) | Case::Reversed(messages) = job.case {
            command.arg(messages.to_string());
        }
        // Where it keeps its files.
        command.env("TMPDIR", &job.folder).stdin(Stdio::null()).stderr(Stdio::piped());
        let output = command.stdout(Stdio::piped()).spawn()?.wait_with_output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let line = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("it says nothing");
            return Err(format!("{}: {line}", output.status).into());
        }
        read(&String::from_utf8(output.stdout)?, job.case)
    }

    /// The program, compiled if it is not yet.
    fn compile(&self, folder: &Path) -> Outcome<std::path::PathBuf> {
        let program = folder.join(self.starter);
        if program.exists() {
            return Ok(program);
        }
        let source = folder.join("mpi.c");
        fs::write(&source, PROGRAM)?;
        let compiled = Command::new(self.compiler)
            .args(["-O3", "-march=native", "-w", "-o"])
            .args([&program, &source])
            .env("TMPDIR", folder)
            .output();
        match compiled {
            Ok(output) if output.status.success() => Ok(program),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into()),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(format!("{} is not installed", self.compiler).into())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// What the program printed.
fn read(text: &str, case: Case) -> Outcome<Figures> {
    let (mut times, mut calls) = (Vec::new(), Calls::default());
    let mut figures = Figures::default();
    let mut each = None;
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let what = words.next();
        let values = words.map(str::parse).collect::<Result<Vec<f64>, _>>()?;
        match (what, values.as_slice()) {
            (Some("time"), [time]) => times.push(*time),
            (Some("call"), [mean, begun, ended]) => {
                calls.add_mean(*mean);
                calls.add_root(*begun, *ended);
            }
            (Some("each"), [time]) => each = Some(*time),
            (Some("rate"), [rate]) => figures = Figures::of_rate(*rate),
            (Some("shares"), [least, most]) => figures.shares = Some([*least, *most]),
            (Some("cpu"), [part]) => figures.cpu = Some(*part),
            (Some("kib"), [kib]) => figures.kib = Some(*kib),
            _ => return Err(format!("it printed {line:?}").into()),
        }
    }
    match case {
        Case::Together(joint, _) => Ok(Figures { unit: each, ..calls.figures(joint) }),
        _ if times.is_empty() => Ok(figures),
        _ => Ok(distribution(times)),
    }
}
