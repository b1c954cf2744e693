//! How a failure looks. The engine lays it out; here it is made safe for a terminal and coloured.

use base::Diagnostic;

use super::colour::Colour;
use super::tame;

/// A failure as a person reads it, without a line break at its end.
pub fn rendered(error: &Diagnostic, colour: Colour) -> String {
    let text = tame(&engine::render(error));
    text.trim_end()
        .lines()
        .enumerate()
        .map(|(at, line)| lit(at, line, colour))
        .collect::<Vec<_>>()
        .join("\n")
}

/// One line, with what leads it coloured.
fn lit(at: usize, line: &str, colour: Colour) -> String {
    if at == 0 {
        return match line.split_once(": ") {
            Some((head, rest)) => {
                format!("{} {}", colour.red(&format!("{head}:")), colour.bold(rest))
            }
            None => colour.red(line),
        };
    }
    for (mark, paint) in [
        ("  next: ", Colour::cyan as fn(Colour, &str) -> String),
        ("  left: ", Colour::yellow),
        ("  undone: ", Colour::green),
    ] {
        if let Some(rest) = line.strip_prefix(mark) {
            return format!("{}{rest}", paint(colour, mark));
        }
    }
    match line.split_once('|') {
        Some((margin, carets)) if carets.trim_start_matches([' ', '\t']).starts_with('^') => {
            format!("{margin}|{}", colour.red(carets))
        }
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use base::Code;
    use base::diagnostic::Place;

    use super::*;

    #[test]
    fn colour_and_foreign_control_characters_change_no_word() {
        let mut error =
            Diagnostic::new(Code::RemoteFailed, "The tenant\x1b[31m failed").next("Wait");
        error.places = vec![Place {
            file: "a.rhai".to_owned(),
            line: 12,
            column: 5,
            width: 3,
            excerpt: "let say = 1;".to_owned(),
            function: "act".to_owned(),
        }];
        let plain = rendered(&error, Colour::Plain);
        assert!(
            plain.starts_with("error[remote.failed]: The tenant\u{fffd}[31m failed\n"),
            "{plain}"
        );
        assert!(plain.contains("12 | let say = 1;") && plain.ends_with("next: Wait"), "{plain}");

        let coloured = rendered(&error, Colour::Ansi);
        let mut bare = coloured;
        for code in ["\x1b[1;31m", "\x1b[1m", "\x1b[36m", "\x1b[0m"] {
            bare = bare.replace(code, "");
        }
        assert_eq!(bare, plain);
    }
}
