//! `mbox-demo part`: one process of the tour or another play, which knows a region's name and no more.

use super::compare::rival::Rival;
use super::control::inversion::Inversion;
use super::control::side::Side;
use super::fusion::controller::Controller;
use super::fusion::fuser::Fuser;
use super::fusion::sensor::Sensor;
use super::game::input::Input;
use super::game::physics::Physics;
use super::game::render::Render;
use super::gateway::desk::Desk;
use super::gateway::trader::Trader;
use super::tour::bounce::Bounce;
use super::tour::crowd::Crowd;
use super::tour::file::{Read, Write};
use super::tour::large::Large;
use super::tour::ring::Pass;
use super::tour::sleep::{Sleep, Wake};
use super::tour::stream::Stream;
use super::tour::talk::Talk;
use super::tour::together::Add;
use crate::common::failure::Failure;
use crate::common::player::end_with_parent;
use crate::stress::chaos::bystander::Bystander;
use crate::stress::chaos::spared::Spared;
use crate::stress::chaos::vandal::Vandal;
use crate::stress::gathering::defender::Defender;
use crate::stress::gathering::guest::Guest;
use crate::stress::gathering::intruder::Intruder;
use crate::stress::publishing::actor::Actor;
use crate::stress::publishing::scribbler::Scribbler;
use crate::stress::sharing::sharer::Sharer;
use crate::stress::soak::soaker::Soaker;
use crate::stress::torture::mourner::Mourner;
use crate::stress::torture::victim::Victim;
use clap::Subcommand;

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
    Add(Add),
    Gateway(Desk),
    Trader(Trader),
    Sensor(Sensor),
    Fuser(Fuser),
    Controller(Controller),
    Input(Input),
    Physics(Physics),
    Render(Render),
    Side(Side),
    Inversion(Inversion),
    Rival(Rival),
    Victim(Victim),
    Mourner(Mourner),
    Soaker(Soaker),
    Bystander(Bystander),
    Spared(Spared),
    Vandal(Vandal),
    Guest(Guest),
    Defender(Defender),
    Intruder(Intruder),
    Actor(Actor),
    Scribbler(Scribbler),
    Sharer(Sharer),
}

impl Part {
    /// Plays it.
    pub fn run(&self) -> Result<(), Failure> {
        end_with_parent();
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
            Part::Add(add) => add.run(),
            Part::Gateway(desk) => desk.run(),
            Part::Trader(trader) => trader.run(),
            Part::Sensor(sensor) => sensor.run(),
            Part::Fuser(fuser) => fuser.run(),
            Part::Controller(controller) => controller.run(),
            Part::Input(input) => input.run(),
            Part::Physics(physics) => physics.run(),
            Part::Render(render) => render.run(),
            Part::Side(side) => side.run(),
            Part::Inversion(inversion) => inversion.run(),
            Part::Rival(rival) => rival.run(),
            Part::Soaker(soaker) => soaker.run(),
            Part::Victim(victim) => victim.run(),
            Part::Mourner(mourner) => mourner.run(),
            Part::Bystander(bystander) => bystander.run(),
            Part::Spared(spared) => spared.run(),
            Part::Vandal(vandal) => vandal.run(),
            Part::Guest(guest) => guest.run(),
            Part::Defender(defender) => defender.run(),
            Part::Intruder(intruder) => intruder.run(),
            Part::Actor(actor) => actor.run(),
            Part::Scribbler(scribbler) => scribbler.run(),
            Part::Sharer(sharer) => sharer.run(),
        }
    }
}
