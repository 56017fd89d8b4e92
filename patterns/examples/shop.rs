//! A shop whose programs are replaced one after the other: an old and a new client ask the new server, and then a strange one.

use mailbox::{Config, Region};
use mailbox_patterns::codec::{CallError, Client, Json, Message, Protobuf, RecvError, Server};
use std::env;
use std::error::Error;
use std::process::Command;

/// Here each version of a message is a struct. In life each is in a program of its own.
macro_rules! messages {
    ($($of:ident is $name:literal { $($(#[$attribute:meta])* $field:ident: $kind:ty),* })*) => {$(
        #[derive(Clone, PartialEq, prost::Message, serde::Serialize, serde::Deserialize)]
        struct $of { $($(#[$attribute])* $field: $kind),* }
        impl Message for $of { const NAME: &'static str = $name; }
    )*};
}
messages! {
    OldOrder is "shop.Order" { #[prost(string, tag = "1")] article: String }
    Order is "shop.Order" {
        #[prost(string, tag = "1")] article: String,
        #[prost(string, optional, tag = "2")] voucher: Option<String>
    }
    OldReceipt is "shop.Receipt" { #[prost(uint32, tag = "1")] cents: u32 }
    Receipt is "shop.Receipt" {
        #[prost(uint32, tag = "1")] cents: u32,
        #[prost(uint32, tag = "2")] saved: u32
    }
    NotSold is "shop.NotSold" { #[prost(string, tag = "1")] instead: String }
}

fn main() -> Result<(), Box<dyn Error>> {
    if let Some(client) = env::args().nth(1) {
        return ask(&Region::from_env()?, &client);
    }
    let region = Region::create_unnamed(Config::ranks(4))?;
    let me = region.join(0)?;
    let mut server = Server::<Order, Receipt, NotSold, Protobuf>::new(me.from_any());
    for client in ["old", "new", "strange"] {
        let mut command = Command::new(env::current_exe()?);
        region.hand_to(command.arg(client))?;
        let mut child = command.spawn()?;
        loop {
            match server.recv() {
                Ok(asked) if asked.article != "lamp" => asked.refuse(&NotSold { instead: "lamp".into() })?,
                Ok(asked) if asked.voucher.is_some() => asked.answer(&Receipt { cents: 895, saved: 100 })?,
                Ok(asked) => asked.answer(&Receipt { cents: 995, saved: 0 })?,
                Err(RecvError::Decode { .. }) => {} // the client was told why
                Err(RecvError::Recv(mailbox::RecvError::Gone { .. })) => break,
                Err(error) => return Err(error.into()),
            }
        }
        child.wait()?;
    }
    Ok(())
}

fn ask(region: &Region, client: &str) -> Result<(), Box<dyn Error>> {
    let me = region.join_any()?;
    if client == "old" {
        let mut shop = Client::<OldOrder, OldReceipt, NotSold, Protobuf>::new(me.to(0));
        println!("old client: {} cents", shop.call(&OldOrder { article: "lamp".into() })?.cents);
        if let Err(CallError::Remote(error)) = shop.call(&OldOrder { article: "candle".into() }) {
            println!("old client: no candle, but a {}", error.instead);
        }
    } else if client == "new" {
        let mut shop = Client::<Order, Receipt, NotSold, Protobuf>::new(me.to(0));
        let receipt = shop.call(&Order { article: "lamp".into(), voucher: Some("SPRING".into()) })?;
        println!("new client: {} cents, {} saved", receipt.cents, receipt.saved);
    } else {
        let mut shop = Client::<OldOrder, OldReceipt, NotSold, Json>::new(me.to(0));
        let error = shop.call(&OldOrder { article: "lamp".into() }).expect_err("the shop speaks no JSON");
        println!("strange client: {error}");
    }
    Ok(())
}
