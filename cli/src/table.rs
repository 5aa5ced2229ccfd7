//! Tables for people, as wide as the terminal allows.

use std::borrow::Cow;
use std::io::{self, Write};

use rustix::termios::tcgetwinsize;
use textwrap::core::display_width;
use textwrap::{Options, WordSplitter, wrap};

/// Columns of a line where the output is no terminal.
pub(crate) const LINE: usize = 80;

/// Between two columns.
const GAP: usize = 2;

/// Before the cells of a row that stand on its second line and below.
const INDENT: usize = 2;

/// The least width at which the last column is folded rather than moved to a line of its own.
const LEAST_FOLD: usize = 24;

/// Writes `rows` below `header`, as `Table` does.
pub(crate) fn table<const N: usize>(
    out: &mut dyn Write,
    header: [&str; N],
    rows: &[[String; N]],
) -> io::Result<()> {
    Table::below(header).write(out, rows)
}

/// Writes a sentence that stands beside a table, in lines no wider than the table's; those after the first are indented.
pub(crate) fn sentence(out: &mut dyn Write, text: &str) -> io::Result<()> {
    let indent = " ".repeat(INDENT);
    let options = options(line_limit()).subsequent_indent(&indent);
    let mut lines = wrap(text, options).into_iter();
    lines.try_for_each(|line| writeln!(out, "{line}"))
}

/// The text in lines of so many columns, broken between words, and within a word that is longer than a line.
pub(crate) fn lines(text: &str, width: usize) -> Vec<Cow<'_, str>> {
    wrap(text, options(width))
}

fn options<'a>(width: usize) -> Options<'a> {
    Options::new(width).word_splitter(WordSplitter::NoHyphenation)
}

/// A table of `N` columns, which are aligned, with nothing behind the last cell of a line.
///
/// No line is wider than the terminal, nor than `LINE` where the output is no terminal. The last column is folded between
/// words where that is enough; else the columns that have no room stand on further lines of their row, indented.
pub(crate) struct Table<const N: usize> {
    /// Columns of a line.
    limit: usize,
    /// The header, until it is written.
    header: Option<[String; N]>,
    /// What each column needs, by the rows so far.
    widths: [usize; N],
}

impl<const N: usize> Table<N> {
    pub(crate) fn below(header: [&str; N]) -> Self {
        Self::within(line_limit(), header)
    }

    fn within(limit: usize, header: [&str; N]) -> Self {
        Self {
            limit,
            widths: header.map(display_width),
            header: Some(header.map(str::to_owned)),
        }
    }

    /// Whether the header is written.
    pub(crate) fn is_begun(&self) -> bool {
        self.header.is_none()
    }

    /// Writes the header, if it is not written yet, and the rows. Columns never become narrower than they were.
    pub(crate) fn write(&mut self, out: &mut dyn Write, rows: &[[String; N]]) -> io::Result<()> {
        for row in rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = display_width(cell).max(*width);
            }
        }
        let places = places(&self.widths, self.limit);
        let header = self.header.take();
        for row in header.iter().chain(rows) {
            write_row(out, &places, row)?;
        }
        Ok(())
    }
}

/// Where the cells of a column stand in their row.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    /// Which of the row's lines they are on, before any is folded.
    line: usize,
    /// The column of that line where they begin.
    start: usize,
    width: usize,
}

/// The places of columns that need these widths, in lines of `limit` columns.
fn places(widths: &[usize], limit: usize) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::with_capacity(widths.len());
    for (index, &needed) in widths.iter().enumerate() {
        let (line, start) = match places.last() {
            None => (0, 0),
            Some(before) => {
                let start = before.start + before.width + GAP;
                let left = limit.saturating_sub(start);
                let is_last = index + 1 == widths.len();
                if needed <= left || (is_last && left >= LEAST_FOLD) {
                    (before.line, start)
                } else {
                    (before.line + 1, INDENT)
                }
            }
        };
        let width = needed.min(limit.saturating_sub(start)).max(1);
        places.push(Place { line, start, width });
    }
    places
}

fn write_row(out: &mut dyn Write, places: &[Place], cells: &[String]) -> io::Result<()> {
    let cells: Vec<_> = places.iter().zip(cells).collect();
    for side_by_side in cells.chunk_by(|(a, _), (b, _)| a.line == b.line) {
        let folded = side_by_side
            .iter()
            .map(|(place, cell)| lines(cell, place.width));
        let folded: Vec<_> = folded.collect();
        let height = folded.iter().map(Vec::len).max().unwrap_or(0);
        for index in 0..height {
            let mut line = String::new();
            for ((place, _), cell) in side_by_side.iter().zip(&folded) {
                let text = cell.get(index).map_or("", |text| &**text);
                if !text.is_empty() {
                    let gap = place.start.saturating_sub(display_width(&line));
                    line.extend(std::iter::repeat_n(' ', gap));
                    line += text;
                }
            }
            // The further lines of a row that have nothing to say are left out.
            if !line.is_empty() || side_by_side[0].0.line == 0 {
                writeln!(out, "{}", line.trim_end())?;
            }
        }
    }
    Ok(())
}

/// Columns of the terminal, or `LINE`.
fn line_limit() -> usize {
    let size = tcgetwinsize(io::stdout());
    let columns = size.map_or(0, |size| usize::from(size.ws_col));
    if columns == 0 { LINE } else { columns }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written<const N: usize>(limit: usize, header: [&str; N], rows: &[[&str; N]]) -> String {
        let rows: Vec<_> = rows.iter().map(|row| row.map(str::to_owned)).collect();
        let mut out = Vec::new();
        let mut table = Table::within(limit, header);
        table.write(&mut out, &rows).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_are_aligned() {
        let rows = [["1", "é", "a"], ["10", "", "b"], ["2", "鍵", ""]];
        assert_eq!(
            written(LINE, ["SLOT", "LABEL", "X"], &rows),
            "SLOT  LABEL  X\n1     é      a\n10           b\n2     鍵\n"
        );
        assert_eq!(written(LINE, ["A", "B"], &[]), "A  B\n");
    }

    #[test]
    fn a_last_column_without_room_is_folded_between_words() {
        let rows = [["folder", "the folder is one that every user of it reads"]];
        assert_eq!(
            written(40, ["CHECK", "FOUND"], &rows),
            "CHECK   FOUND\nfolder  the folder is one that every\n        user of it reads\n"
        );
    }

    #[test]
    fn columns_without_room_stand_on_further_lines() {
        let rows = [
            ["00112233445566778899", "payments", "Enabled", ""],
            ["00112233445566778899", "a", "PendingImport", "never"],
        ];
        assert_eq!(
            written(36, ["ID", "ALIAS", "STATE", "END"], &rows),
            "ID                    ALIAS\n  STATE          END\n\
             00112233445566778899  payments\n  Enabled\n\
             00112233445566778899  a\n  PendingImport  never\n"
        );
    }

    #[test]
    fn no_line_is_wider_than_its_limit_and_no_letter_is_lost() {
        let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
        let cells = [
            "x".repeat(200),
            "two words ".repeat(30),
            "鍵".repeat(90),
            "a-b,c".to_owned(),
        ];
        let header = ["ONE", "TWO", "THREE", "FOUR"];
        for limit in [1, 2, 3, 10, 33, 80, 132, 1000] {
            for turn in 0..4 {
                let mut cells = cells.clone();
                cells.rotate_left(turn);
                let row = [0, 1, 2, 3].map(|index| cells[index].as_str());
                let out = written(limit, header, &[row, ["", "", "", ""], row]);
                let cells: usize = cells.iter().map(|cell| letters(cell)).sum();
                assert_eq!(
                    letters(&out),
                    2 * cells + letters(&header.concat()),
                    "{limit}"
                );
                let widest = out.lines().map(display_width).max();
                // A line holds at least its indentation and one letter, which may be two columns wide.
                assert!(widest <= Some(limit.max(INDENT + 2)), "{limit}: {out}");
            }
        }
    }
}
