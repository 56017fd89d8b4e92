//! How a side hears from the one before it, and tells the one behind it: through a mailbox, or through a socket.

use super::role::Role;
use super::timetable::sleep_until;
use super::way::Way;
use crate::common::failure::Failure;
use crate::common::place::Where;
use bytemuck::{Pod, bytes_of, bytes_of_mut};
use mailbox::{Endpoint, RecvError, SendError, Wait};
use measure::clock;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

/// More than a side has waiting for it if all go on.
const MANY: u32 = 64;

/// Both ways of one side.
pub struct Wire<'a> {
    me: &'a Endpoint,
    place: &'a Where,
    role: Role,
    /// Whether it may poll without end.
    spins: bool,
    input: UnixDatagram,
    output: UnixDatagram,
}

impl<'a> Wire<'a> {
    /// Both ends, not connected. What waits in a socket for longer than `period` looks around.
    pub fn open(
        me: &'a Endpoint,
        place: &'a Where,
        role: Role,
        spins: bool,
        period: Duration,
    ) -> Result<Self, Failure> {
        let open = || {
            let input = UnixDatagram::bind_addr(&address(place, role, "in")?)?;
            input.set_read_timeout(Some(period))?;
            Ok((input, UnixDatagram::bind_addr(&address(place, role, "out")?)?))
        };
        let (input, output) = open().map_err(of_sockets)?;
        Ok(Self { me, place, role, spins, input, output })
    }

    /// Connects them: all sides have opened theirs. A connected socket takes messages from its peer alone.
    pub fn connect(&self) -> Result<(), Failure> {
        let before = Role::ALL.into_iter().find(|role| role.rank() + 1 == self.role.rank());
        let behind = Role::ALL.into_iter().find(|role| role.rank() == self.role.rank() + 1);
        let connect = |socket: &UnixDatagram, role: Option<Role>, end| match role {
            Some(role) => socket.connect_addr(&address(self.place, role, end)?),
            None => Ok(()),
        };
        let connected =
            connect(&self.input, before, "out").and_then(|()| connect(&self.output, behind, "in"));
        connected.map_err(of_sockets)?;
        self.me.set_wait(if self.spins { Wait::Spin } else { Wait::Adaptive });
        Ok(())
    }

    /// Tells the side behind this one, and never waits: what has no room is not sent, and is missed there. That the other has ended
    /// is told by the process that has started both.
    pub fn send<T: Pod>(&self, way: Way, value: &T) -> Result<(), Failure> {
        match way {
            Way::Mailboxes => match self.me.try_send(self.role.rank() + 1, bytes_of(value)) {
                Ok(()) | Err(SendError::Full(_) | SendError::Gone { .. }) => Ok(()),
                Err(error) => Err(self.place.failure(error)),
            },
            Way::Sockets => match send(&self.output, bytes_of(value), SendFlags::DONTWAIT) {
                // After the first of these a socket is connected no more.
                Ok(_) | Err(Errno::AGAIN | Errno::CONNREFUSED | Errno::CONNRESET | Errno::NOTCONN) => Ok(()),
                Err(error) => Err(of_sockets(error.into())),
            },
        }
    }

    /// What the side before this one tells next; `None` if that does not come until then. Spins if this side may.
    pub fn receive<T: Pod>(&self, way: Way, until: Duration) -> Result<Option<T>, Failure> {
        match way {
            Way::Mailboxes => self.receive_mail(until),
            Way::Sockets => self.receive_datagram(until),
        }
    }

    /// Takes what is there now, and does not wait.
    pub fn sweep<T: Pod>(
        &self,
        way: Way,
        mut take: impl FnMut(T) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        // What comes faster than it is taken has its turn later.
        for _ in 0..MANY {
            let Some(value) = self.receive(way, Duration::ZERO)? else { break };
            take(value)?;
        }
        Ok(())
    }

    fn receive_mail<T: Pod>(&self, until: Duration) -> Result<Option<T>, Failure> {
        let deadline = Instant::now() + until.saturating_sub(clock());
        match self.me.from(self.role.rank() - 1).within(deadline).recv_value() {
            Ok(value) => Ok(Some(value)),
            Err(RecvError::Timeout) => Ok(None),
            Err(RecvError::Gone { .. }) => {
                sleep_until(until);
                Ok(None)
            }
            Err(error) => Err(self.place.failure(error)),
        }
    }

    fn receive_datagram<T: Pod>(&self, until: Duration) -> Result<Option<T>, Failure> {
        let mut value = T::zeroed();
        let bytes = bytes_of_mut(&mut value);
        loop {
            let is_over = clock() >= until;
            let flags = if self.spins || is_over { RecvFlags::DONTWAIT } else { RecvFlags::empty() };
            match recv(&self.input, &mut *bytes, flags) {
                Ok((len, _)) if len == bytes.len() => return Ok(Some(value)),
                Ok((len, _)) => {
                    return Err(of_sockets(io::Error::other(format!("a message of {len} bytes came"))));
                }
                Err(Errno::AGAIN) if is_over => return Ok(None),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(Errno::CONNRESET | Errno::CONNREFUSED | Errno::NOTCONN) => {
                    sleep_until(until);
                    return Ok(None);
                }
                Err(error) => return Err(of_sockets(error.into())),
            }
        }
    }
}

/// A name that is no file's, and goes with its socket.
fn address(place: &Where, role: Role, end: &str) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("{}-{}-{end}", place.region, role.name()))
}

fn of_sockets(error: io::Error) -> Failure {
    Failure::new(format_args!("UNIX socket: {error}"))
}
