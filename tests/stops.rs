//! A process ends at every one of its accesses to shared memory, and others go on.
//!
//! Run with `RUSTFLAGS="--cfg stops" CARGO_TARGET_DIR=target/stops cargo test --test stops`: the atomics of that build
//! count, and have the process killed in place of the k-th access of an operation, for every k until it comes to
//! its end. What must hold then is said in `common/deaths.rs`.
#![cfg(all(stops, target_os = "linux", not(loom)))]

mod common;

use common::deaths::{self, Doom};
use common::{exit_with, status_of};
use mailbox::lab::sync::arm;

#[test]
fn second_process() {
    if let Some((role, _)) = common::role() {
        deaths::help(&role, |operation| deaths::explore(Stop, operation));
    }
}

/// Before the access of that number.
struct Stop(u64);

impl Doom for Stop {
    fn begin(&self) {
        arm(self.0, kill);
    }

    fn end(&self) {
        arm(0, kill);
    }

    fn follow(&self, process: i32) -> bool {
        let status = status_of(process);
        if libc::WIFSIGNALED(status) {
            assert_eq!(libc::WTERMSIG(status), libc::SIGKILL);
            return false;
        }
        assert_eq!(libc::WEXITSTATUS(status), 0, "the doomed process failed by itself");
        true
    }
}

fn kill() -> ! {
    // SAFETY: no pointers.
    #[expect(unsafe_code, reason = "system call")]
    unsafe {
        libc::kill(libc::getpid(), libc::SIGKILL);
    }
    exit_with(1)
}

/// The least number of accesses says that the operation was under test, not what it costs.
macro_rules! ends_anywhere {
    ($($test:ident: $operation:literal, $least:literal;)*) => {$(
        #[test]
        fn $test() {
            assert!(deaths::ends($operation) >= $least);
        }
    )*};
}

ends_anywhere! {
    a_sender_of_its_first_message: "first_send", 8;
    a_sender_of_a_first_message_in_the_arena: "first_send_in_arena", 30;
    a_sender_of_a_message_in_its_cell: "send_in_cell", 5;
    a_sender_of_a_message_in_the_arena: "send_in_arena", 28;
    a_sender_of_messages_that_go_behind_another_in_the_arena: "send_behind_another_in_arena", 56;
    a_sender_of_a_batch: "send_batch", 40;
    a_sender_of_several_by_one_call: "send_each", 50;
    a_receiver_of_its_first_message: "first_receive", 6;
    a_receiver_of_a_message_in_its_cell: "receive_in_cell", 6;
    a_receiver_of_a_message_in_the_arena: "receive_in_arena", 28;
    a_receiver_of_a_batch: "receive_batch", 40;
    a_receiver_of_all_by_a_function: "drain_each", 80;
    a_sender_of_an_announced_message: "send_announced", 60;
    a_receiver_of_an_announced_message: "receive_announced", 60;
    who_calls: "call", 14;
    who_calls_through_the_mailbox: "call_in_mailbox", 30;
    who_calls_after_a_call_that_it_gave_up: "call_after_one_given_up", 30;
    who_answers_a_call: "answer", 10;
    who_answers_a_call_through_the_mailbox: "answer_in_mailbox", 30;
    who_answers_a_call_that_came_through_it: "answer_to_mailbox", 30;
    who_refuses_a_call: "refuse", 10;
    who_refuses_a_call_through_the_mailbox: "refuse_in_mailbox", 30;
    who_drops_a_call: "drop_call", 10;
    who_drops_a_call_that_came_through_the_mailbox: "drop_call_in_mailbox", 10;
    who_acknowledges_what_its_sender_waits_for: "acknowledge_sync", 10;
    a_sender_that_waits_until_it_is_acknowledged: "send_sync", 20;
    who_lends_for_the_first_time: "first_lend", 40;
    who_lends: "lend", 40;
    a_receiver_of_a_loan: "receive_loan", 10;
    who_finds_what_its_predecessor_lent: "recover_loans", 40;
    who_gives_up_what_nobody_came_for: "discard", 6;
    who_gives_up_what_lies_in_the_arena: "discard_in_arena", 6;
    a_sender_that_waits_for_what_is_held: "wait_for_held", 20;
    a_receiver_that_moves_unread_mail_away: "move_unread", 100;
    who_joins: "join", 10;
    who_joins_by_a_label: "join_as", 10;
    who_leaves_while_somebody_waits_for_it: "leave_awaited", 5;
    who_creates_a_region: "create", 9;
    who_creates_a_region_in_a_file: "create_file", 9;
    who_creates_a_region_in_place_of_one_half_removed: "replace", 9;
    a_receiver_that_falls_asleep: "fall_asleep", 10;
    a_sender_that_falls_asleep: "fall_asleep_for_room", 10;
    who_wakes_a_receiver: "ring", 6;
    who_wakes_a_sender: "ring_for_room", 6;
    a_receiver_that_asks_for_a_new_start: "request_reset", 20;
    a_sender_that_gives_a_new_start_in_a_send: "answer_in_send", 20;
    a_sender_that_gives_one_that_is_taken_later: "answer_in_send_unseen", 20;
    a_sender_that_gives_a_new_start_asleep: "answer_asleep", 20;
    a_sender_that_gives_one_asleep_that_is_taken_later: "answer_asleep_unseen", 20;
    who_publishes_a_value: "publish", 40;
    who_publishes_a_stream: "publish_stream", 60;
    who_reads_every_message_of_a_stream: "subscribe", 60;
    who_reads_what_is_there_of_a_stream: "subscribe_skipping", 60;
    a_member_in_a_barrier: "barrier", 20;
    a_member_in_an_all_reduce: "all_reduce", 20;
    a_member_that_broadcasts: "broadcast", 20;
    a_member_that_takes_what_is_broadcast: "broadcast_of_another", 20;
    a_member_that_makes_another_communicator: "dup", 40;
    a_member_that_shrinks_its_communicator: "shrink", 20;
}
