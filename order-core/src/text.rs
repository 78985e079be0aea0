//! Texts that people write: names, notes, reasons. How long they may be, and which characters they may hold.
//!
//! Control characters are refused wherever a text comes in: they show nothing, garble what they stand in, and not every store can keep
//! them (PostgreSQL's texts hold no U+0000). Only texts of several lines may break them, and hold tabs.

use crate::error::Invalid;

/// Whether a text is fit to be one line.
pub(crate) fn is_line(text: &str) -> bool {
    !text.contains(char::is_control)
}

/// Whether a text is fit to be several lines.
fn is_lines(text: &str) -> bool {
    !text.contains(|character: char| character.is_control() && !matches!(character, '\n' | '\r' | '\t'))
}

/// Checks a text of one line, of at most so many bytes.
pub(crate) fn check_line(invalid: &mut Invalid, pointer: &str, text: &str, max_bytes: usize) {
    check(invalid, pointer, text, max_bytes, is_line(text));
}

/// Checks a text of several lines, of at most so many bytes.
pub(crate) fn check_lines(invalid: &mut Invalid, pointer: &str, text: &str, max_bytes: usize) {
    check(invalid, pointer, text, max_bytes, is_lines(text));
}

fn check(invalid: &mut Invalid, pointer: &str, text: &str, max_bytes: usize, is_fit: bool) {
    if text.len() > max_bytes {
        invalid.push(pointer, "too_long", format!("must be at most {max_bytes} bytes"));
    } else if !is_fit {
        refuse_control(invalid, pointer);
    }
}

/// Notes that a text holds control characters.
pub(crate) fn refuse_control(invalid: &mut Invalid, pointer: &str) {
    invalid.push(pointer, "control_characters", "must not hold control characters");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_refused_but_for_line_breaks_and_tabs() {
        for text in ["", "plain", "Grüße 🍵", "e\u{301}\u{200f}"] {
            assert!(is_line(text) && is_lines(text), "{text:?}");
        }
        for text in ["a\nb", "a\r\nb", "\t"] {
            assert!(!is_line(text) && is_lines(text), "{text:?}");
        }
        for text in ["\0", "a\u{7}b", "\u{1b}[31m", "\u{7f}", "\u{85}"] {
            assert!(!is_line(text) && !is_lines(text), "{text:?}");
        }
    }
}
