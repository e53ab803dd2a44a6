//! JSON with one line for each value of the second level. The summary of a run then has one line
//! for each cell, takes half the space, and can be compared line by line.

use std::io::{self, Write};

use serde_json::ser::Formatter;

/// Levels whose values have lines of their own.
const LEVELS: usize = 2;

/// Writes JSON in that form.
#[derive(Debug, Default)]
pub(super) struct Lines {
    level: usize,
    has_value: bool,
}

impl Lines {
    fn begin<W: ?Sized + Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.level += 1;
        self.has_value = false;
        writer.write_all(bracket)
    }

    fn value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if !first {
            writer.write_all(b",")?;
        }
        if self.level <= LEVELS { line(writer, self.level) } else { Ok(()) }
    }

    fn end<W: ?Sized + Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        if self.level <= LEVELS && self.has_value {
            line(writer, self.level - 1)?;
        }
        self.level -= 1;
        self.has_value = true;
        writer.write_all(bracket)
    }
}

fn line<W: ?Sized + Write>(writer: &mut W, indent: usize) -> io::Result<()> {
    writer.write_all(b"\n")?;
    (0..indent).try_for_each(|_| writer.write_all(b"  "))
}

impl Formatter for Lines {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.begin(writer, b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.end(writer, b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.has_value = true;
        Ok(())
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.begin(writer, b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.end(writer, b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.value(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(if self.level <= LEVELS { b": " } else { b":" })
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.has_value = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::{Serializer, Value, json};

    use super::Lines;

    #[test]
    fn a_value_of_the_second_level_is_a_line_and_nothing_changes() {
        let document =
            json!({"a": {"b": [1, {"c": "d, e"}], "f": {}}, "g": [[], [2.5, null]], "h": []});
        let mut text = Vec::new();
        let writer = &mut Serializer::with_formatter(&mut text, Lines::default());
        document.serialize(writer).expect("it has a JSON form");
        let expected = "{\n  \"a\": {\n    \"b\": [1,{\"c\":\"d, e\"}],\n    \"f\": {}\n  },\n  \"g\": [\n    [],\n    \
                        [2.5,null]\n  ],\n  \"h\": []\n}";
        assert_eq!(String::from_utf8_lossy(&text), expected);
        assert_eq!(serde_json::from_slice::<Value>(&text).expect("JSON"), document);
    }
}
