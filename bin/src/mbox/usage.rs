//! What the parser of the command line has to say, on one line if it is a complaint.

use super::failure::USAGE;
use super::standard::{self, complain};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Error};
use std::env;
use std::process::ExitCode;

/// Answers a command line that asks for help, or for nothing that there is.
pub fn tell<C: CommandFactory>(error: &Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match standard::print(&error.to_string()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => failure.tell(),
        },
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            standard::advise(&C::command().render_help().to_string());
            USAGE.into()
        }
        _ => {
            let command = subcommand::<C>();
            let mut parts = vec![first_paragraph(&error.to_string())];
            parts.extend(suggestion(error));
            parts.extend(direction(error, command.as_deref()).map(str::to_owned));
            let help = command.map_or("mbox --help".into(), |command| format!("mbox {command} --help"));
            complain(&format!("{}; see: {help}", parts.join("; ")));
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

/// Where a file goes that was given as an argument.
fn direction(error: &Error, command: Option<&str>) -> Option<&'static str> {
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else { return None };
    let is_word = error.kind() == ErrorKind::UnknownArgument && !argument.starts_with('-');
    match command {
        Some("send") if is_word => Some("a file is sent from standard input: < FILE"),
        Some("recv") if is_word => Some("what comes is written to standard output: > FILE"),
        _ => None,
    }
}

/// The subcommand that the command line names.
fn subcommand<C: CommandFactory>() -> Option<String> {
    let word = env::args_os().skip(1).find(|word| !word.to_string_lossy().starts_with('-'))?;
    let command = C::command();
    command.find_subcommand(word).map(|command| command.get_name().to_owned())
}
