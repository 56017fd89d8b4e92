//! What all kinds of regions have in common.

use super::*;

// --- What they have in common ------------------------------------------------------------------------------

/// A region, on one backing or another.
struct Home {
    scratch: Scratch,
    region: Region,
}

impl Home {
    fn all(config: Config) -> [Self; 3] {
        let on = |scratch: Scratch| Self { region: scratch.create(config), scratch };
        let unnamed = Region::create_unnamed(config).expect("a new region");
        [on(Scratch::new()), on(Scratch::file()), Self { scratch: Scratch::new(), region: unnamed }]
    }

    fn is_unnamed(&self) -> bool {
        !self.scratch.path().exists()
    }

    fn open_with(&self, options: OpenOptions) -> Result<Region, OpenError> {
        if self.is_unnamed() {
            options.from_fd(self.descriptor())
        } else {
            options.open(place(self.scratch.name()))
        }
    }

    fn open(&self) -> Region {
        self.open_with(OpenOptions::new()).expect("a region")
    }

    fn descriptor(&self) -> OwnedFd {
        self.region.as_fd().try_clone_to_owned().expect("a descriptor")
    }

    fn puppet(&self) -> Child {
        if self.is_unnamed() {
            let hand = |command: &mut Command| self.region.hand_to(command).expect("a descriptor");
            Child::start_with(&[], "puppet", UNNAMED, hand)
        } else {
            puppet(&self.scratch)
        }
    }
}

#[test]
fn processes_talk() {
    for home in Home::all(SMALL) {
        let (mut a, mut b) = (home.puppet(), home.puppet());
        assert_eq!((a.does("join 0"), b.does("join 1")), ("ok".into(), "ok".into()));
        let long = "arena".repeat(100);
        for seq in 0..20 {
            let text = if seq % 2 == 0 { "short" } else { &long };
            assert_eq!(a.does(&format!("send 1 {text}")), "ok");
            assert_eq!(b.does("recv"), mail(0, 1, seq, text));
            assert_eq!(b.does(&format!("send 0 {text}")), "ok");
            assert_eq!(a.does("recv 1"), mail(1, 1, seq, text));
        }
        // One that sleeps is woken.
        b.starts("recv");
        thread::sleep(SHORT);
        assert_eq!(a.does("send 1 wake"), "ok");
        assert_eq!(b.answer(), mail(0, 1, 20, "wake"));
    }
}

#[test]
fn ends_are_told() {
    for home in Home::all(SMALL) {
        let (mut a, mut b) = (home.puppet(), home.puppet());
        assert_eq!(a.does("join 0"), "ok");
        assert_eq!(b.does("join 0"), "Taken { rank: 0 }");
        assert_eq!(b.does("join 1"), "ok");
        assert_eq!(home.open().status(1), Some((Status::Live, 1)));
        b.stop();
        assert_eq!(a.does("recv_timeout 1"), "Timeout", "a stopped process lives");
        a.starts("recv 1");
        b.kill();
        assert_eq!(a.answer(), "Gone { rank: 1, died: true }");
        assert_eq!(home.open().status(1), Some((Status::Dead, 1)));
        let mut c = home.puppet();
        assert_eq!(c.does("join 1"), "ok");
        assert_eq!(a.does("send 1 hold"), "ok");
        assert_eq!(c.does("hold"), mail(0, 1, 0, "hold"));
        c.kill();
        let mut d = home.puppet();
        assert_eq!((d.does("join 1"), d.does("epoch")), ("ok".into(), "3".into()));
        assert_eq!(d.does("recv"), mail(0, 1, 0, "hold"), "not acknowledged");
        assert_eq!((d.does("send 0 last"), d.does("leave")), ("ok".into(), "ok".into()));
        assert_eq!(a.does("recv 1"), mail(1, 3, 0, "last"));
        assert_eq!(a.does("recv 1"), "Gone { rank: 1, died: false }");
    }
}

#[test]
fn what_is_in_a_region_is_seen_by_each_process_that_opens_it() {
    for home in Home::all(SMALL) {
        let me = home.region.join_as("somebody").expect("a free rank");
        me.send(2, b"one").expect("room");
        me.send(2, &[1; 200]).expect("room");
        let other = home.open();
        assert_eq!((other.ranks(), other.eager_limit(), other.find("somebody")), (3, 512, Some(0)));
        let seen = other.inspect();
        assert_eq!((seen.size, seen.cells, seen.arena), (size(), 4, 1024));
        assert_eq!(seen.ranks[0].status, Status::Live);
        assert_eq!(seen.mailboxes.iter().map(|mailbox| mailbox.unread).collect::<Vec<_>>(), [2]);
        let table = GEOMETRY.table();
        assert!((table..=table + 2 * GEOMETRY.stride()).contains(&seen.memory), "{}", seen.memory);
        assert_eq!(home.region.join(0).err(), Some(JoinError::Taken { rank: 0 }));
    }
}

#[test]
fn everything_can_be_reserved_at_creation() {
    for home in Home::all(SMALL.reserve(Reserve::AtCreation)) {
        assert!(home.open().inspect().memory >= GEOMETRY.without_windows());
    }
}

#[test]
fn protocols_are_kept_apart() {
    for home in Home::all(SMALL.protocol(7)) {
        let refused = OpenError::Mismatch(Mismatch::Protocol { protocol: 7 });
        assert_eq!(home.open_with(OpenOptions::new()).err(), Some(refused.clone()));
        assert_eq!(home.open_with(OpenOptions::new().protocol(8)).err(), Some(refused));
        for options in [OpenOptions::new().protocol(7), OpenOptions::new().any_protocol()] {
            assert_eq!(home.open_with(options).map(|region| region.inspect().protocol), Ok(7));
        }
    }
}

#[test]
fn a_config_that_is_none_is_refused_by_each() {
    let config = SMALL.cells(3);
    let refused = Some(CreateError::Config(ConfigError::Cells(3)));
    let scratch = Scratch::file();
    assert_eq!(Region::create(place(scratch.name()), config).err(), refused);
    assert!(!scratch.path().exists());
    assert_eq!(Region::create_unnamed(config).err(), refused);
}
