//! Columns, aligned.

/// Rows of text under headings.
pub struct Table {
    rows: Vec<Vec<String>>,
    /// Columns of words begin where their heading does, those of numbers end there.
    words: Vec<bool>,
}

impl Table {
    /// A table with these headings; those that begin with `<` are of columns of words.
    pub fn new(headings: &[&str]) -> Self {
        let words = headings.iter().map(|heading| heading.starts_with('<')).collect();
        let headings = headings.iter().map(|heading| heading.trim_start_matches('<').to_owned()).collect();
        Self { rows: vec![headings], words }
    }

    /// Adds a row, with a text for each heading.
    pub fn add(&mut self, row: impl IntoIterator<Item = String>) {
        self.rows.push(row.into_iter().collect());
    }

    /// All lines, each with its end.
    pub fn text(&self) -> String {
        let width =
            |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.words.len()).map(width).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).zip(&self.words).map(|((text, width), is_words)| {
                if *is_words { format!("{text:<width$}") } else { format!("{text:>width$}") }
            });
            format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
        };
        self.rows.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_begin_and_numbers_end_together() {
        let mut table = Table::new(&["<name", "count", "<what"]);
        table.add(["ü".into(), "1234567".into(), "a thing".into()]);
        table.add(["longest".into(), "1".into(), String::new()]);
        let expected = "\
name       count  what
ü        1234567  a thing
longest        1
";
        assert_eq!(table.text(), expected);
    }
}
