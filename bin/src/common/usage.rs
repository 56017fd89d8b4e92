//! What the parser of the command line has to say, on one line if it is a complaint.

use super::failure::{Failure, USAGE};
use super::output::{advise, complain, tell as tell_failure};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Error};
use std::env;
use std::error::Error as _;
use std::num::{IntErrorKind, ParseIntError};
use std::process::ExitCode;

/// Where what was asked for is written.
pub type Print = fn(&str) -> Result<(), Failure>;
/// What to say of a command's arguments that the parser does not know.
pub type Hint = fn(&Error, Option<&str>) -> Option<&'static str>;

/// Answers a command line of a program that asks for help, or for nothing that there is.
pub fn tell<C: CommandFactory>(program: &str, error: &Error, print: Print, hint: Hint) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match print(&error.to_string()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => tell_failure(program, &failure),
        },
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            advise(&error.to_string());
            USAGE.into()
        }
        ErrorKind::MissingSubcommand => {
            advise(&C::command().render_help().to_string());
            USAGE.into()
        }
        _ => {
            let command = subcommand::<C>();
            let mut parts = vec![number_in_words(first_paragraph(&error.to_string()), error)];
            parts.extend(suggestion(error));
            parts.extend(hint(error, command.as_deref()).map(str::to_owned));
            let help = command.map_or("--help".into(), |command| format!("{command} --help"));
            complain(program, &format!("{}; see: {program} {help}", parts.join("; ")));
            USAGE.into()
        }
    }
}

/// What is wrong; tips and usage come in later paragraphs.
fn first_paragraph(text: &str) -> String {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let lines: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    lines.join(" ")
}

/// The same of a number that the standard library does not take, as the words for that are not for users.
fn number_in_words(text: String, error: &Error) -> String {
    let Some(source) = error.source().and_then(|source| source.downcast_ref::<ParseIntError>()) else {
        return text;
    };
    let words = match source.kind() {
        IntErrorKind::PosOverflow => "that is too large",
        _ => "it must be a number, of digits alone",
    };
    text.replace(&source.to_string(), words)
}

/// What may have been meant.
fn suggestion(error: &Error) -> Option<String> {
    let kinds = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue];
    kinds.into_iter().find_map(|kind| match error.get(kind)? {
        ContextValue::String(word) => Some(format!("did you mean {word}?")),
        // The best guess is the last.
        ContextValue::Strings(words) => Some(format!("did you mean {}?", words.last()?)),
        _ => None,
    })
}

/// The subcommand that the command line names, and that of it, if it has some.
fn subcommand<C: CommandFactory>() -> Option<String> {
    let (mut command, mut names) = (&C::command(), vec![]);
    for word in env::args_os().skip(1).filter(|word| !word.to_string_lossy().starts_with('-')) {
        let Some(next) = command.find_subcommand(word) else { break };
        names.push(next.get_name());
        command = next;
    }
    (!names.is_empty()).then(|| names.join(" "))
}
