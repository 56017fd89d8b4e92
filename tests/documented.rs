//! Each public method of the types that programs hold most has an example that runs, and calls it.
#![cfg(not(loom))]

use std::fs;
use std::path::Path;

/// Each of its methods has an example of its own.
const FIRST: &str = "Endpoint";
/// Of these, a method may say instead which other one has an example that shows both.
const OTHERS: [&str; 45] = [
    "Arrival",
    "Block",
    "Call",
    "CollectiveRequest",
    "Comm",
    "Config",
    "Deadline",
    "Draft",
    "Drain",
    "Interrupter",
    "JoinOptions",
    "Latest",
    "LatestPublisher",
    "Leftover",
    "Listed",
    "Loan",
    "Mail",
    "Message",
    "OpenOptions",
    "OwnedBlock",
    "OwnedLoan",
    "OwnedMail",
    "OwnedSending",
    "Policy",
    "Publisher",
    "RecvError",
    "RecvFrom",
    "RecvHalf",
    "Region",
    "Reply",
    "Request",
    "Sample",
    "Select",
    "SendHalf",
    "SendTo",
    "Sending",
    "Shared",
    "SharedFrom",
    "SharedTo",
    "Subscriber",
    "Tap",
    "Topic",
    "Unanswered",
    "UntilAlone",
    "View",
];
/// Its example is not run: it would remove what other programs of this user have left.
const NOT_RUN: &str = "Region::clean";

/// A public method.
struct Method {
    /// The type, and its own name.
    name: String,
    /// Its doc, without the slashes.
    doc: Vec<String>,
}

/// The public methods in this source text, of each `impl` that is no trait's.
fn methods(text: &str) -> Vec<Method> {
    let word = |text: &str| {
        let is_of_word = |c: &char| c.is_alphanumeric() || *c == '_';
        text.chars().take_while(is_of_word).collect::<String>()
    };
    let (mut found, mut doc, mut of) = (vec![], vec![], None);
    for line in text.lines() {
        let code = line.trim_start();
        if let Some(said) = code.strip_prefix("///") {
            doc.push(said.trim_start().to_owned());
        } else if !code.starts_with("#[") {
            if let Some(header) = line.strip_prefix("impl") {
                let name = header.split_once("> ").map_or(header, |(_, name)| name);
                let is_of_a_trait = header.contains(" for ");
                of = (!is_of_a_trait).then(|| word(name.trim_start()));
            } else if line.starts_with('}') {
                of = None;
            }
            let is_public = code.starts_with("pub ");
            if let (true, Some(of), Some((_, rest))) = (is_public, &of, code.split_once("fn ")) {
                found.push(Method { name: format!("{of}::{}", word(rest)), doc: doc.clone() });
            }
            doc.clear();
        }
    }
    found
}

impl Method {
    /// Whether its doc has an example that runs, in which this method is called where a reader sees it.
    fn shows(&self, name: &str) -> bool {
        let (mut is_open, mut runs) = (false, false);
        self.doc.iter().any(|line| {
            if let Some(kind) = line.strip_prefix("```") {
                (is_open, runs) = (!is_open, !is_open && kind.is_empty());
                return false;
            }
            let is_call = |(before, after)| line.contains(&format!("{before}{name}{after}"));
            let calls = [(".", "("), (".", "::<"), ("::", "(")].into_iter().any(is_call);
            runs && calls && !line.starts_with("# ")
        })
    }

    /// Its name without that of its type.
    fn own_name(&self) -> &str {
        self.name.split_once("::").map_or("", |(_, name)| name)
    }

    /// Whether its doc says which of these methods has an example of it, and that one does. (`tests/surface.rs` knows whether a
    /// type has one.)
    fn points_to_one(&self, all: &[Method]) -> bool {
        let doc = self.doc.join(" ");
        let named = doc.split_once("`] has an example").and_then(|(before, _)| before.rsplit_once("[`"));
        named.is_some_and(|(_, named)| {
            !named.contains("::")
                || all.iter().any(|other| other.name == named && other.shows(self.own_name()))
        })
    }
}

/// Those that lack an example.
fn lacking(all: &[Method]) -> Vec<&str> {
    let is_shown = |method: &&Method| {
        let is_first = method.name.starts_with(&format!("{FIRST}::"));
        let is_listed = |of: &str| method.name.starts_with(&format!("{of}::"));
        method.shows(method.own_name())
            || (!is_first && (method.points_to_one(all) || !OTHERS.iter().any(|of| is_listed(of))))
            || method.name == NOT_RUN
    };
    all.iter().filter(|method| !is_shown(method)).map(|method| method.name.as_str()).collect()
}

/// The public methods of all that a program sees.
fn all_methods() -> Vec<Method> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let sources = kit::sources(&root).into_iter().filter(|path| {
        // The first two have another `Shared` and another `Loan`, and model checks another `Region`, which no program sees.
        !path.starts_with(root.join("memory"))
            && !path.starts_with(root.join("ring"))
            && !path.ends_with("model.rs")
    });
    sources.flat_map(|path| methods(&fs::read_to_string(path).expect("a source file"))).collect()
}

/// How many of these are methods of this type.
fn count_of(all: &[Method], of: &str) -> usize {
    all.iter().filter(|method| method.name.starts_with(&format!("{of}::"))).count()
}

#[test]
fn each_method_has_an_example() {
    let all = all_methods();
    for (of, least) in [(FIRST, 29), ("SendHalf", 13), ("Config", 14), ("OwnedMail", 20), ("Comm", 26)] {
        let count = count_of(&all, of);
        assert!(count >= least, "{count} methods of {of} are found");
    }
    assert_eq!(lacking(&all), [""; 0]);
}

/// How one sends or receives (a tag, a time limit, in place) is for the builders to say.
#[test]
fn an_endpoint_has_few_methods() {
    let count = count_of(&all_methods(), FIRST);
    assert!(count <= 32, "{count} methods of {FIRST}");
}

#[test]
fn examples_are_found() {
    let one = |of: &str, doc: &[&str], name: &str| {
        let doc: String = doc.iter().map(|line| format!("    /// {line}\n")).collect();
        format!("impl<'a> {of}<'a> {{\n{doc}    #[inline]\n    pub fn {name}<T>(&self) {{}}\n}}\n")
    };
    let lacks = |text: &str| lacking(&methods(text)).join(" ");
    assert_eq!(lacks(&one("Endpoint", &["It.", "```", "me.send(1)?;", "```"], "send")), "");
    assert_eq!(lacks(&one("Endpoint", &["It.", "```", "me.send::<u8>(1)?;", "```"], "send")), "");
    for doc in [
        &["It."][..],
        &["me.send(1)"],
        &["```compile_fail", "me.send(1)?;", "```"],
        &["```", "me.try_send(1)?;", "```"],
        &["```", "# me.send(1)?;", "```"],
        &["```", "me;", "```", "me.send(1)"],
        &["It. [`Mail::ack`] has an example."],
    ] {
        let with_ack = one("Mail", &["```", "mail.ack(); me.send(1);", "```"], "ack");
        assert_eq!(lacks(&(one("Endpoint", doc, "send") + &with_ack)), "Endpoint::send", "{doc:?}");
    }
    let from = one("Mail", &["```", "mail.from(); mail.tag();", "```"], "from");
    let tag = one("Mail", &["It. [`Mail::from`] has an example."], "tag");
    assert_eq!(lacks(&(from.clone() + &tag)), "");
    let len = one("Mail", &["It. [`Mail::from`] has an example."], "len");
    assert_eq!(lacks(&(from + &len)), "Mail::len", "that does not show it");
    assert_eq!(lacks(&one("Private", &["It."], "it")), "", "it is not listed");
    assert_eq!(lacks("impl Debug for Mail<'_> {\n    pub fn it() {}\n}\n"), "", "a trait's");
}
