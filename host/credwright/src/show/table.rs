//! Tables.

use comfy_table::presets::{ASCII_FULL_CONDENSED, UTF8_FULL_CONDENSED};
use comfy_table::{ContentArrangement, Table};

use super::tame;

/// What no table can be narrower than and still be read.
const NARROWEST: u16 = 40;

/// A table with a heading row. Borders are plain characters where the locale is not UTF-8.
pub fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>, form: Form) -> String {
    let mut table = fresh(form);
    table.set_header(headings.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
    for row in rows {
        table.add_row(row.iter().map(|text| tame(text)).collect::<Vec<_>>());
    }
    table.trim_fmt()
}

/// A table of names and values.
pub fn pairs(rows: impl IntoIterator<Item = (String, String)>, form: Form) -> String {
    let mut table = fresh(form);
    for (name, value) in rows {
        table.add_row(vec![tame(&name), tame(&value)]);
    }
    table.trim_fmt()
}

/// Width and characters of tables.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// Columns of the terminal; none where there is no terminal.
    pub width: Option<u16>,
    /// Whether lines may be drawn with box characters.
    pub drawn: bool,
}

fn fresh(form: Form) -> Table {
    let mut table = Table::new();
    table
        .load_style(if form.drawn { UTF8_FULL_CONDENSED } else { ASCII_FULL_CONDENSED })
        .set_content_arrangement(ContentArrangement::Disabled);
    // Where no terminal shows it, nothing is broken into lines: what reads it may be a program.
    if let Some(width) = form.width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width.max(NARROWEST));
    }
    table
}
