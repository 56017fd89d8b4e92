//! `mbox-demo part`: one process of the tour or another play, which knows a region's name and no more.

use super::bounce::Bounce;
use super::bystander::Bystander;
use super::crowd::Crowd;
use super::failure::Failure;
use super::file::{Read, Write};
use super::gateway::{Desk, Trader};
use super::large::Large;
use super::mourner::Mourner;
use super::ring::Pass;
use super::sleep::{Sleep, Wake};
use super::soaker::Soaker;
use super::spared::Spared;
use super::stream::Stream;
use super::talk::Talk;
use super::vandal::Vandal;
use super::victim::Victim;
use crate::place::place;
use clap::{Args, Subcommand};
use mailbox::{Endpoint, Region};

/// Which.
#[derive(Subcommand)]
pub enum Part {
    Talk(Talk),
    Bounce(Bounce),
    Stream(Stream),
    Pass(Pass),
    Sleep(Sleep),
    Wake(Wake),
    Large(Large),
    Write(Write),
    Read(Read),
    Crowd(Crowd),
    Gateway(Desk),
    Trader(Trader),
    Victim(Victim),
    Mourner(Mourner),
    Soaker(Soaker),
    Bystander(Bystander),
    Spared(Spared),
    Vandal(Vandal),
}

impl Part {
    /// Plays it.
    pub fn run(&self) -> Result<(), Failure> {
        measure::die_with_parent();
        match self {
            Part::Talk(talk) => talk.run(),
            Part::Bounce(bounce) => bounce.run(),
            Part::Stream(stream) => stream.run(),
            Part::Pass(pass) => pass.run(),
            Part::Sleep(sleep) => sleep.run(),
            Part::Wake(wake) => wake.run(),
            Part::Large(large) => large.run(),
            Part::Write(write) => write.run(),
            Part::Read(read) => read.run(),
            Part::Crowd(crowd) => crowd.run(),
            Part::Gateway(desk) => desk.run(),
            Part::Trader(trader) => trader.run(),
            Part::Soaker(soaker) => soaker.run(),
            Part::Victim(victim) => victim.run(),
            Part::Mourner(mourner) => mourner.run(),
            Part::Bystander(bystander) => bystander.run(),
            Part::Spared(spared) => spared.run(),
            Part::Vandal(vandal) => vandal.run(),
        }
    }
}

/// Where to play.
#[derive(Args)]
pub struct Where {
    #[arg(long)]
    pub region: String,
}

impl Where {
    /// Joins as `rank`.
    pub fn join(&self, rank: u32) -> Result<Endpoint, Failure> {
        let region = Region::open(place(&self.region)).map_err(|error| self.failure(error))?;
        region.join(rank).map_err(|error| self.failure(error))
    }

    /// Something that happened there.
    pub fn failure(&self, what: impl std::fmt::Display) -> Failure {
        Failure::of_region(&self.region, what)
    }
}
