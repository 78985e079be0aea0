//! Status tables as data.
//!
//! A [`Table`] is one `const` slice of edges *from × event → to*. The same slice validates a move, lists the moves that are
//! allowed, and draws itself as [Mermaid](Table::mermaid), [DOT](Table::dot) or a [Markdown table](Table::markdown) for the
//! documentation. [`status_table!`](crate::status_table) declares the states and events and refuses, at compile time, a table
//! with two edges for one state and event, or with a state that can't be reached.

use std::fmt::{self, Write as _};

/// A closed set of names: the states or the events of a [`Table`].
pub trait Names: Copy + Eq + fmt::Debug + 'static {
    /// Every one, in the order of their declaration.
    const ALL: &'static [Self];

    /// Its name on the wire: `action_required`.
    fn name(self) -> &'static str;
}

/// One legal move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a table is written as literals of it")]
pub struct Edge<S, E> {
    /// The state before.
    pub from: S,
    /// What happens.
    pub event: E,
    /// The state after.
    pub to: S,
}

/// A status table. See the [module](self).
#[derive(Debug, Clone, Copy)]
pub struct Table<S: 'static, E: 'static> {
    name: &'static str,
    initial: S,
    edges: &'static [Edge<S, E>],
}

impl<S: Names, E: Names> Table<S, E> {
    /// A table. Use [`status_table!`](crate::status_table), which also checks it.
    pub const fn new(name: &'static str, initial: S, edges: &'static [Edge<S, E>]) -> Self {
        Self { name, initial, edges }
    }

    /// What the table is the table of.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The state everything begins in.
    pub const fn initial(&self) -> S {
        self.initial
    }

    /// Every legal move.
    pub const fn edges(&self) -> &'static [Edge<S, E>] {
        self.edges
    }

    /// The state after `event`, or `None` when the table has no such move.
    pub fn next(&self, from: S, event: E) -> Option<S> {
        self.edges.iter().find(|edge| edge.from == from && edge.event == event).map(|edge| edge.to)
    }

    /// The legal moves from a state.
    pub fn moves(&self, from: S) -> impl Iterator<Item = &'static Edge<S, E>> + use<S, E> {
        self.edges.iter().filter(move |edge| edge.from == from)
    }

    /// Whether nothing leads out of a state.
    pub fn is_final(&self, state: S) -> bool {
        self.moves(state).next().is_none()
    }

    /// The table as a Mermaid state diagram.
    pub fn mermaid(&self) -> String {
        let mut text = String::from("stateDiagram-v2\n");
        let _ = writeln!(text, "    [*] --> {}", self.initial.name());
        for edge in self.edges {
            let _ = writeln!(text, "    {} --> {} : {}", edge.from.name(), edge.to.name(), edge.event.name());
        }
        for state in S::ALL.iter().filter(|state| self.is_final(**state)) {
            let _ = writeln!(text, "    {} --> [*]", state.name());
        }
        text
    }

    /// The table as a Graphviz graph.
    pub fn dot(&self) -> String {
        let mut text = format!("digraph {} {{\n", self.name);
        for edge in self.edges {
            let _ = writeln!(
                text,
                "    {} -> {} [label=\"{}\"];",
                edge.from.name(),
                edge.to.name(),
                edge.event.name()
            );
        }
        text.push_str("}\n");
        text
    }

    /// The table as Markdown: a row per state, with the moves out of it.
    pub fn markdown(&self) -> String {
        let mut text = String::from("| from | event → to |\n|---|---|\n");
        for state in S::ALL {
            let moves: Vec<_> = self
                .moves(*state)
                .map(|edge| {
                    if edge.event.name() == edge.to.name() {
                        edge.to.name().to_owned()
                    } else {
                        format!("{} → {}", edge.event.name(), edge.to.name())
                    }
                })
                .collect();
            let moves = if moves.is_empty() { "—".to_owned() } else { moves.join(", ") };
            let _ = writeln!(text, "| {} | {moves} |", state.name());
        }
        text
    }
}

/// Declares the states, the events and the table of one machine.
///
/// A table in which one state and event lead to two states, or in which a state can't be reached from the first one, does
/// not compile.
///
/// ```
/// order_core::status_table! {
///     /// The lights of a crossing.
///     pub const LIGHTS: "lights" = {
///         /// What the light shows.
///         pub enum Light { Red = "red", Green = "green" }
///         /// What happens to it.
///         pub enum Switch { Go = "go", Stop = "stop" }
///         Red: Go => Green;
///         Green: Stop => Red;
///     }
/// }
/// assert_eq!(LIGHTS.next(Light::Red, Switch::Go), Some(Light::Green));
/// assert_eq!(LIGHTS.next(Light::Red, Switch::Stop), None);
/// ```
///
/// ```compile_fail
/// order_core::status_table! {
///     /// Ambiguous: one event, two ends.
///     pub const LIGHTS: "lights" = {
///         /// States.
///         pub enum Light { Red = "red", Green = "green" }
///         /// Events.
///         pub enum Switch { Go = "go" }
///         Red: Go => Green, Go => Red;
///         Green: ;
///     }
/// }
/// ```
#[macro_export]
macro_rules! status_table {
    (
        $(#[$table_doc:meta])*
        $vis:vis const $table:ident: $title:literal = {
            $(#[$state_doc:meta])*
            $state_vis:vis enum $state:ident { $($(#[$s_doc:meta])* $s:ident = $s_name:literal),+ $(,)? }
            $(#[$event_doc:meta])*
            $event_vis:vis enum $event:ident { $($(#[$e_doc:meta])* $e:ident = $e_name:literal),+ $(,)? }
            $($from:ident: $($by:ident => $to:ident),* ;)+
        }
    ) => {
        $crate::status_table!(@names $(#[$state_doc])* $state_vis $state { $($(#[$s_doc])* $s = $s_name),+ });
        $crate::status_table!(@names $(#[$event_doc])* $event_vis $event { $($(#[$e_doc])* $e = $e_name),+ });

        $(#[$table_doc])*
        $vis const $table: $crate::machine::Table<$state, $event> = {
            const EDGES: &[$crate::machine::Edge<$state, $event>] = &[
                $($($crate::machine::Edge { from: $state::$from, event: $event::$by, to: $state::$to },)*)+
            ];
            const CODES: &[(u8, u8, u8)] = &[
                $($(($state::$from as u8, $event::$by as u8, $state::$to as u8),)*)+
            ];
            const FIRST: $state = [$($state::$s),+][0];
            const _: () = $crate::machine::check(CODES, [$($state::$s),+].len());
            $crate::machine::Table::new($title, FIRST, EDGES)
        };
    };
    (@names $(#[$doc:meta])* $vis:vis $name:ident { $($(#[$v_doc:meta])* $v:ident = $text:literal),+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize)]
        $vis enum $name {
            $(
                $(#[$v_doc])*
                #[doc = concat!("`", $text, "`")]
                #[serde(rename = $text)]
                $v,
            )+
        }

        impl $crate::machine::Names for $name {
            const ALL: &'static [Self] = &[$(Self::$v),+];

            fn name(self) -> &'static str {
                match self { $(Self::$v => $text),+ }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str($crate::machine::Names::name(*self))
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::machine::UnknownName;

            fn from_str(text: &str) -> ::std::result::Result<Self, $crate::machine::UnknownName> {
                match text { $($text => Ok(Self::$v),)+ _ => Err($crate::machine::UnknownName) }
            }
        }
    };
}

/// A text that names no state or event of its machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown name")]
pub struct UnknownName;

/// Refuses, at compile time, an ambiguous table or one with a state that can't be reached from state 0.
#[doc(hidden)]
#[expect(clippy::indexing_slicing, reason = "evaluated at compile time, where iterators are not to be had")]
pub const fn check(edges: &[(u8, u8, u8)], states: usize) {
    let mut left = 0;
    while left < edges.len() {
        let mut right = left + 1;
        while right < edges.len() {
            let same = edges[left].0 == edges[right].0 && edges[left].1 == edges[right].1;
            assert!(!same, "two edges for one state and event");
            right += 1;
        }
        left += 1;
    }
    let mut reached = [false; 64];
    reached[0] = true;
    let mut round = 0;
    while round < states {
        let mut edge = 0;
        while edge < edges.len() {
            if reached[edges[edge].0 as usize] {
                reached[edges[edge].2 as usize] = true;
            }
            edge += 1;
        }
        round += 1;
    }
    let mut state = 0;
    while state < states {
        assert!(reached[state], "a state that can't be reached");
        state += 1;
    }
}
