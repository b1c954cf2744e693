//! How a failure looks: headline, place with caret, script stack, causes, outcome, next step.

use base::diagnostic::{Place, Remote};
use base::{Applied, Diagnostic, Repeat};

use super::colour::Colour;
use super::tame;

/// A failure as a person reads it.
pub fn rendered(error: &Diagnostic, colour: Colour) -> String {
    let mut lines = vec![format!(
        "{} {}",
        colour.red(&format!("error[{}]:", error.code)),
        colour.bold(&tame(&error.message))
    )];
    if let Some((innermost, callers)) = error.places.split_first() {
        lines.extend(excerpt(innermost, colour));
        lines.extend(callers.iter().map(|place| format!("  called {}", at(place))));
    }
    lines.extend(error.meaning.iter().map(|meaning| indented("  ", &tame(meaning))));
    lines.extend(causes(&error.causes));
    lines.extend(error.remote.iter().flat_map(|remote| remote_lines(remote)));
    lines.extend(outcome(error).map(|sentence| format!("  {sentence}")));
    for object in &error.left {
        lines.push(format!("  {} {}", colour.yellow("left:"), tame(object)));
    }
    if let Some(next) = &error.next {
        lines.push(format!("  {} {}", colour.cyan("next:"), indented("        ", &tame(next)).trim_start()));
    }
    lines.join("\n")
}

fn excerpt(place: &Place, colour: Colour) -> Vec<String> {
    let number = place.line.to_string();
    let margin = " ".repeat(number.len());
    let mut lines = vec![format!("{margin} {} {}", colour.dim("-->"), at(place).trim_start_matches("at "))];
    if place.excerpt.trim().is_empty() {
        return lines;
    }
    // Tabs would shift the caret.
    let source = tame(&place.excerpt).replace(['\t', '\n'], " ");
    let before = place.column.saturating_sub(1).min(source.chars().count());
    let rest = source.chars().count() - before;
    let carets = "^".repeat(place.width.clamp(1, rest.max(1)));
    lines.push(format!("{margin} {}", colour.dim("|")));
    lines.push(format!("{number} {} {}", colour.dim("|"), source.trim_end()));
    lines.push(format!(
        "{margin} {} {}{}",
        colour.dim("|"),
        " ".repeat(before),
        colour.red(&carets)
    ));
    lines
}

fn at(place: &Place) -> String {
    let spot = if place.column == 0 {
        format!("{}:{}", place.file, place.line)
    } else {
        format!("{}:{}:{}", place.file, place.line, place.column)
    };
    if place.function.is_empty() {
        format!("at {}", tame(&spot))
    } else {
        format!("at {} in {}", tame(&spot), tame(&place.function))
    }
}

fn causes(causes: &[String]) -> Vec<String> {
    match causes {
        [one] => vec![format!("  cause: {}", indented("  ", &tame(one)).trim_start())],
        many => many
            .iter()
            .enumerate()
            .map(|(index, cause)| {
                format!("  {}. {}", index + 1, indented("     ", &tame(cause)).trim_start())
            })
            .collect(),
    }
}

fn remote_lines(remote: &Remote) -> Vec<String> {
    let mut lines = Vec::new();
    let mut said = Vec::new();
    said.extend(remote.status.map(|status| format!("HTTP {status}")));
    said.extend(remote.aadsts.map(|number| format!("AADSTS{number}")));
    said.extend(remote.code.clone());
    if !said.is_empty() {
        lines.push(format!("  answer: {}", tame(&said.join(", "))));
    }
    if let Some(message) = &remote.message {
        lines.push(format!("  wording: {}", indented("  ", &tame(message)).trim_start()));
    }
    if let Some(id) = &remote.request_id {
        lines.push(format!("  request id: {}", tame(id)));
    }
    if let Some(id) = &remote.correlation_id {
        lines.push(format!("  correlation id: {}", tame(id)));
    }
    lines
}

/// What came of it, and whether it may be done again.
fn outcome(error: &Diagnostic) -> Option<&'static str> {
    match (error.applied, error.repeat) {
        (Applied::Unknown, _) => Some("It is not known whether the change was made: look first."),
        (Applied::Yes, _) => Some("The change was made."),
        (Applied::No, Repeat::Later) => Some("Trying again later is safe and likely to work."),
        (Applied::No, Repeat::LookFirst) => Some("Look before doing it again."),
        (Applied::No, Repeat::Safe) => None,
    }
}

fn indented(margin: &str, text: &str) -> String {
    text.trim_end().lines().map(|line| format!("{margin}{line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use base::Code;

    use super::*;

    #[test]
    fn everything_is_there_and_readable_without_colour() {
        let place = |file: &str, function: &str| Place {
            file: file.to_owned(),
            line: 12,
            column: 5,
            width: 3,
            excerpt: "\tlet say = sya(1);".to_owned(),
            function: function.to_owned(),
        };
        let mut error = Diagnostic::new(Code::RemoteFailed, "The tenant failed")
            .meaning("It is ill.")
            .cause("one\nmore")
            .cause("two\x1b[31m")
            .remote(Remote {
                status: Some(503),
                aadsts: Some(90033),
                request_id: Some("r-1".to_owned()),
                ..Remote::default()
            })
            .repeat(Repeat::Later)
            .left("application X")
            .next("Wait");
        error.places = vec![place("stdlib/a.rhai", "act"), place("b.rhai", "")];
        insta::assert_snapshot!(rendered(&error, Colour::Plain), @r"
        error[remote.failed]: The tenant failed
           --> stdlib/a.rhai:12:5 in act
           |
        12 |  let say = sya(1);
           |     ^^^
          called at b.rhai:12:5
          It is ill.
          1. one
             more
          2. two�[31m
          answer: HTTP 503, AADSTS90033
          request id: r-1
          Trying again later is safe and likely to work.
          left: application X
          next: Wait
        ");
    }
}
