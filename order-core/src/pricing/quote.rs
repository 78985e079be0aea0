#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Totals;
use crate::id::LineId;
use crate::money::{Currency, Money, MoneyError};

/// Why an amount was added or taken off, for a reader: `coupon SPRING`, `tax 19 %`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Reason(Arc<str>);

impl Reason {
    /// The longest one, in bytes.
    pub const MAX_BYTES: usize = 200;

    /// A reason. What is longer than [`Self::MAX_BYTES`] is cut, and control characters become spaces: a reason is only
    /// ever shown.
    pub fn new(text: impl AsRef<str>) -> Self {
        let text = text.as_ref();
        let text = text.get(..text.floor_char_boundary(Self::MAX_BYTES)).unwrap_or_default();
        if text.chars().any(char::is_control) {
            Self(text.replace(char::is_control, " ").into())
        } else {
            Self(text.into())
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer).map(Self::new)
    }
}

/// The component of the [`Totals`] that an adjustment belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "one for each component of the totals")]
pub enum AdjustmentKind {
    /// Taken off the goods.
    Discount,
    /// Tax on top of the prices.
    Tax,
    /// The line's part of what shipping costs.
    Shipping,
    /// Tax contained in the prices.
    IncludedTax,
}

/// One step from a line's price to its total, and why.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub struct Adjustment {
    /// The component it belongs to.
    pub kind: AdjustmentKind,
    /// How much. Never below zero: the kind says whether it is added or taken off.
    pub amount: Money,
    /// Why.
    pub reason: Reason,
}

impl Adjustment {
    /// An adjustment.
    pub const fn new(kind: AdjustmentKind, amount: Money, reason: Reason) -> Self {
        Self { kind, amount, reason }
    }
}

/// What one line costs, with its part of everything that concerns the whole order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub struct QuotedLine {
    /// The line.
    pub line_id: LineId,
    /// What it costs. Each component is the sum of the adjustments of its kind.
    pub totals: Totals,
    /// How the totals came about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adjustments: Vec<Adjustment>,
}

impl QuotedLine {
    pub(super) fn new(line_id: LineId, subtotal: Money, adjustments: usize) -> Self {
        let adjustments = Vec::with_capacity(adjustments);
        Self { line_id, totals: Totals::of_goods(subtotal), adjustments }
    }

    /// What the goods cost after the discounts so far.
    pub(super) fn goods(&self) -> Result<Money, MoneyError> {
        self.totals.subtotal.minus(self.totals.discount)
    }

    /// Adds an amount to its component and keeps the reason. Nothing needs no reason.
    pub(super) fn adjust(
        &mut self,
        kind: AdjustmentKind,
        amount: Money,
        reason: &Reason,
    ) -> Result<(), MoneyError> {
        if amount.is_zero() {
            return Ok(());
        }
        let component = self.component_mut(kind);
        *component = component.plus(amount)?;
        self.totals.total = self.totals.computed_total()?;
        self.adjustments.push(Adjustment::new(kind, amount, reason.clone()));
        Ok(())
    }

    /// Whether every component is the sum of its adjustments and the total the sum of the components.
    pub fn is_consistent(&self) -> bool {
        let mut line = Self::new(self.line_id, self.totals.subtotal, self.adjustments.len());
        let added = self
            .adjustments
            .iter()
            .try_for_each(|adjustment| line.adjust(adjustment.kind, adjustment.amount, &adjustment.reason));
        added.is_ok() && line.totals == self.totals
    }

    const fn component_mut(&mut self, kind: AdjustmentKind) -> &mut Money {
        match kind {
            AdjustmentKind::Discount => &mut self.totals.discount,
            AdjustmentKind::Tax => &mut self.totals.tax,
            AdjustmentKind::Shipping => &mut self.totals.shipping,
            AdjustmentKind::IncludedTax => &mut self.totals.included_tax,
        }
    }
}

/// What a basket costs, line by line. An order freezes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub struct Quote {
    /// The currency of every amount.
    pub currency: Currency,
    /// The lines, in the order of the basket.
    pub lines: Vec<QuotedLine>,
    /// The sum of the lines, component by component.
    pub totals: Totals,
}

impl Quote {
    pub(super) fn of_lines(currency: Currency, lines: Vec<QuotedLine>) -> Result<Self, MoneyError> {
        let totals =
            lines.iter().try_fold(Totals::zero(currency), |totals, line| totals.plus(&line.totals))?;
        Ok(Self { currency, lines, totals })
    }

    /// The line with that id.
    pub fn line(&self, line_id: LineId) -> Option<&QuotedLine> {
        self.lines.iter().find(|line| line.line_id == line_id)
    }

    /// Whether all parts add up: the adjustments to the lines, the lines to the totals.
    pub fn is_consistent(&self) -> bool {
        let sum =
            self.lines.iter().try_fold(Totals::zero(self.currency), |totals, line| totals.plus(&line.totals));
        sum == Ok(self.totals)
            && self.totals.is_consistent()
            && self.lines.iter().all(QuotedLine::is_consistent)
    }
}
