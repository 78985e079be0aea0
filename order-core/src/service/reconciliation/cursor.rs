use std::fmt::{self, Write as _};
use std::str::FromStr;

use crate::store::{Cursor, InvalidCursor};

/// A place in a reconciliation: in the provider's list, or behind it, in ours.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReconciliationCursor(pub(super) Place);

/// On which side, and where.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// In the provider's list: at its beginning, or at a cursor of the provider's.
    Theirs(Option<String>),
    /// In the list of our orders.
    Ours(Option<Cursor>),
}

impl ReconciliationCursor {
    /// The longest one, in bytes: longer than any provider's.
    pub const MAX_BYTES: usize = 1024;
}

/// A text that fits in an address as it is. A provider's own cursor is opaque, and may hold anything: what is neither a letter, a digit
/// nor one of `-_` is written as `~` and two hexadecimal digits.
impl fmt::Display for ReconciliationCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Theirs(None) => f.write_str("theirs"),
            Place::Theirs(Some(cursor)) => {
                f.write_str("theirs.")?;
                cursor.bytes().try_for_each(|byte| {
                    if byte.is_ascii_alphanumeric() || b"-_".contains(&byte) {
                        f.write_char(char::from(byte))
                    } else {
                        write!(f, "~{byte:02x}")
                    }
                })
            }
            Place::Ours(None) => f.write_str("ours"),
            Place::Ours(Some(cursor)) => write!(f, "ours.{cursor}"),
        }
    }
}

impl FromStr for ReconciliationCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        if text.len() > Self::MAX_BYTES || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidCursor);
        }
        let (side, cursor) = match text.split_once('.') {
            Some((side, cursor)) if !cursor.is_empty() => (side, Some(cursor)),
            Some(_) => return Err(InvalidCursor),
            None => (text, None),
        };
        Ok(Self(match side {
            "theirs" => Place::Theirs(cursor.map(read).transpose()?),
            "ours" => Place::Ours(cursor.map(str::parse).transpose()?),
            _ => return Err(InvalidCursor),
        }))
    }
}

/// A provider's cursor, as it was before it was written.
fn read(text: &str) -> Result<String, InvalidCursor> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('~');
    bytes.extend(parts.next().unwrap_or_default().bytes());
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).ok_or(InvalidCursor)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidCursor);
        }
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| InvalidCursor)?);
        bytes.extend(rest.bytes());
    }
    String::from_utf8(bytes).map_err(|_| InvalidCursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_providers_cursor_comes_back_whatever_it_holds() {
        for cursor in ["pi_1", "after 7", "a.b~c+/=&?%20", "é\n\"", "~", "1767225600.2"] {
            let place = ReconciliationCursor(Place::Theirs(Some(cursor.to_owned())));
            let text = place.to_string();
            assert!(
                text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_~".contains(&byte)),
                "{text}"
            );
            assert_eq!(text.parse(), Ok(place));
        }
        for text in ["theirs.~", "theirs.~4", "theirs.~+1", "theirs.~zz", "theirs.~ff", "theirs.a~2"] {
            assert_eq!(text.parse::<ReconciliationCursor>(), Err(InvalidCursor), "{text}");
        }
    }
}
