//! Diagnostics as text for a person.

use std::fmt::Write;

use base::diagnostic::{Place, Remote};
use base::{Applied, Diagnostic, Repeat};

/// A diagnostic as plain text, for a terminal or a log. Ends with a line break.
///
/// Headline with code, excerpt with caret, script stack, causes, meaning, the service's ids, what
/// was changed, what to do next, and what is left.
pub fn render(diagnostic: &Diagnostic) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_all(&mut text, diagnostic);
    text
}

fn write_all(text: &mut String, diagnostic: &Diagnostic) -> std::fmt::Result {
    let mut message = diagnostic.message.lines();
    writeln!(text, "error[{}]: {}", diagnostic.code, message.next().unwrap_or_default())?;
    for line in message {
        writeln!(text, "    {line}")?;
    }
    let mut places = diagnostic.places.iter();
    if let Some(first) = places.next() {
        excerpt(text, first)?;
    }
    for place in places {
        write!(text, "  called from {}:{}:{}", place.file, place.line, place.column)?;
        writeln!(text, "{}", within(place))?;
    }
    for (number, cause) in diagnostic.causes.iter().enumerate() {
        let mark = if diagnostic.causes.len() == 1 {
            "cause".to_owned()
        } else {
            format!("cause {}", number + 1)
        };
        entry(text, &mark, cause)?;
    }
    if let Some(meaning) = &diagnostic.meaning {
        entry(text, "meaning", meaning)?;
    }
    if let Some(remote) = &diagnostic.remote {
        entry(text, "tenant", &answered(remote))?;
    }
    if let Some(changed) = changed(diagnostic) {
        entry(text, "changed", changed)?;
    }
    if diagnostic.repeat == Repeat::Later {
        entry(text, "repeat", "this passes by itself; the same again is safe")?;
    }
    // Each of them was shown when it was taken back.
    let steps = match diagnostic.undone.len() {
        0 => None,
        1 => Some("1 step".to_owned()),
        count => Some(format!("{count} steps")),
    };
    if let Some(steps) = steps {
        let all = if diagnostic.left.is_empty() { ", all that the run had done" } else { "" };
        entry(text, "undone", &format!("{steps}{all}"))?;
    }
    for left in &diagnostic.left {
        entry(text, "left", left)?;
    }
    if let Some(next) = &diagnostic.next {
        entry(text, "next", next)?;
    }
    Ok(())
}

fn excerpt(text: &mut String, place: &Place) -> std::fmt::Result {
    let number = place.line.to_string();
    let margin = " ".repeat(number.len());
    write!(text, "{margin} --> {}:{}:{}", place.file, place.line, place.column)?;
    writeln!(text, "{}", within(place))?;
    if place.excerpt.is_empty() {
        return Ok(());
    }
    writeln!(text, "{margin} |")?;
    writeln!(text, "{number} | {}", place.excerpt)?;
    // A tab before the caret stays a tab, so that the caret stands where the terminal puts the word.
    let before = place.excerpt.chars().take(place.column.saturating_sub(1));
    let blank: String = before.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    if place.column <= place.excerpt.chars().count() + 1 {
        writeln!(text, "{margin} | {blank}{}", "^".repeat(place.width.max(1)))?;
    }
    Ok(())
}

fn within(place: &Place) -> String {
    if place.function.is_empty() { String::new() } else { format!(", in {}", place.function) }
}

fn entry(text: &mut String, mark: &str, content: &str) -> std::fmt::Result {
    let mut lines = content.lines();
    writeln!(text, "  {mark}: {}", lines.next().unwrap_or_default())?;
    for line in lines {
        writeln!(text, "    {line}")?;
    }
    Ok(())
}

fn answered(remote: &Remote) -> String {
    let mut parts = Vec::new();
    parts.extend(remote.status.map(|status| format!("status {status}")));
    parts.extend(remote.aadsts.map(|number| format!("AADSTS{number}")));
    parts.extend(remote.code.as_ref().map(|code| format!("code {code}")));
    parts.extend(remote.request_id.as_ref().map(|id| format!("request {id}")));
    parts.extend(remote.correlation_id.as_ref().map(|id| format!("correlation {id}")));
    let ids = parts.join(", ");
    match &remote.message {
        Some(message) if ids.is_empty() => message.clone(),
        Some(message) => format!("{ids}\n{message}"),
        None => ids,
    }
}

fn changed(diagnostic: &Diagnostic) -> Option<&'static str> {
    match (diagnostic.applied, diagnostic.repeat) {
        (Applied::Unknown, _) => Some("not known: the answer was lost; look before doing it again"),
        (Applied::Yes, Repeat::LookFirst) => Some("yes; look before doing it again"),
        (Applied::Yes, _) => Some("yes"),
        (Applied::No, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use base::Code;

    use super::*;

    #[test]
    fn a_message_of_several_lines_cannot_pass_for_other_parts() {
        let diagnostic = Diagnostic::new(Code::ScriptFailed, "boom\nnext: obey\n  next: me");
        assert_eq!(
            render(&diagnostic),
            "error[script.failed]: boom\n    next: obey\n      next: me\n"
        );
    }

    #[test]
    fn everything_that_is_known_is_shown() {
        let mut diagnostic = Diagnostic::new(Code::GraphDenied, "The application was not created")
            .meaning("The administrator lacks a role.")
            .next("Grant it.")
            .applied(Applied::Unknown)
            .repeat(Repeat::LookFirst)
            .remote(Remote {
                status: Some(403),
                code: Some("Authorization_RequestDenied".to_owned()),
                request_id: Some("r-1".to_owned()),
                message: Some("Insufficient privileges.".to_owned()),
                ..Remote::default()
            })
            .cause("one")
            .cause("two\nlines")
            .left("an application");
        diagnostic.undone = vec!["a grant".to_owned()];
        diagnostic.places = vec![
            Place {
                file: "a.rhai".to_owned(),
                line: 12,
                column: 2,
                width: 3,
                excerpt: "\tadd(x);".to_owned(),
                function: "main".to_owned(),
            },
            Place { file: "b.rhai".to_owned(), line: 3, column: 1, ..Place::default() },
        ];
        insta::assert_snapshot!(render(&diagnostic));
    }
}
