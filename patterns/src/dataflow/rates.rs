//! How fast operators are.

use core::fmt;

/// What an operator of this rank does.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Rate {
    /// Its name.
    pub operator: String,
    /// How many records its parts on this rank have taken, since the graph began, or made if it is a source. Those that were handled
    /// again after a graph went back count once.
    pub records: u64,
    /// How many of them came too late for their window.
    pub late: u64,
    /// How many a second, since the last time.
    pub per_second: f64,
}

/// What the operators of this rank do. As text it is a line each.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Rates {
    /// The rank.
    pub rank: u32,
    /// In the order in which records go through them.
    pub operators: Vec<Rate>,
}

impl fmt::Display for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Rate { operator, records, late, per_second } in &self.operators {
            write!(f, "rank {}: {operator}: {per_second:.0} records/s, {records} in all", self.rank)?;
            if *late > 0 {
                write!(f, ", {late} of them late")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// What came of a run on this rank.
///
/// ```
/// # use mailbox_patterns::dataflow::Report;
/// fn tell(report: &Report) {
///     println!("went back {} times", report.went_back);
///     for rate in &report.rates.operators {
///         println!("{}: {} records, {} of them late", rate.operator, rate.records, rate.late);
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// The operators; a second is one of the whole run of this process.
    pub rates: Rates,
    /// How many times this process has gone back, to a checkpoint or to the beginning.
    pub went_back: u32,
    /// The last checkpoint, before the end, that this process knows to be complete; 0 if there was none.
    pub checkpoint: u64,
}
