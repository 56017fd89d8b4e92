//! iceoryx2's requests and responses. Both are lent, written in place and read in place.

use super::iceoryx2::{meet, node};
use crate::drive;
use crate::job::{Case, Job};
use crate::link::{ASKS, Link, System, read_in_place};
use crate::outcome::{Declined, Figures, Outcome};
use iceoryx2::port::client::Client;
use iceoryx2::port::server::Server;
use iceoryx2::prelude::*;

/// A waiting side polls.
pub fn play(job: &Job) -> Outcome<Figures> {
    match job.case {
        Case::RoundTrip => drive::processes(job, &Service { job: job.clone() }),
        Case::Asleep => Err(Declined("never sleeps").into()),
        _ => Err(Declined(ASKS).into()),
    }
}

struct Service {
    job: Job,
}

impl System for Service {
    type Link = End;

    fn link(&self, side: u32) -> Outcome<End> {
        let node = node(&self.job)?;
        let alignment = Alignment::new(64).ok_or("no alignment")?;
        let service = node
            .service_builder(&"calls".try_into()?)
            .request_response::<[u8], [u8]>()
            // Nothing is lost.
            .enable_safe_overflow_for_requests(false)
            .enable_safe_overflow_for_responses(false)
            .max_clients(1)
            .max_servers(1)
            .max_nodes(2)
            .request_payload_alignment(alignment)
            .response_payload_alignment(alignment)
            .open_or_create()?;
        let bytes = self.job.bytes;
        let role = if side == 0 {
            Role::Asks(service.client_builder().initial_max_slice_len(bytes).create()?)
        } else {
            Role::Answers(service.server_builder().initial_max_slice_len(bytes).create()?)
        };
        let sides = service.dynamic_config();
        meet(|| sides.number_of_clients() == 1 && sides.number_of_servers() == 1)?;
        Ok(End { role, _node: node })
    }
}

enum Role {
    Asks(Client<ipc::Service, [u8], (), [u8], ()>),
    Answers(Server<ipc::Service, [u8], (), [u8], ()>),
}

struct End {
    role: Role,
    _node: Node<ipc::Service>,
}

impl Link for End {
    fn exchange(&mut self, bytes: &mut [u8]) -> Outcome<()> {
        let Role::Asks(client) = &self.role else { return Err("only answers".into()) };
        let pending = client.loan_slice_uninit(bytes.len())?.write_from_slice(bytes).send()?;
        loop {
            if let Some(response) = pending.receive()? {
                read_in_place(response.payload(), bytes);
                return Ok(());
            }
        }
    }

    fn serve(&mut self, bytes: &mut [u8], change: impl FnOnce(&mut [u8])) -> Outcome<()> {
        let Role::Answers(server) = &self.role else { return Err("only asks".into()) };
        loop {
            if let Some(request) = server.receive()? {
                read_in_place(request.payload(), bytes);
                change(bytes);
                request.loan_slice_uninit(bytes.len())?.write_from_slice(bytes).send()?;
                return Ok(());
            }
        }
    }
}
