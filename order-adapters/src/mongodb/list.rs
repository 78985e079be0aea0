//! Questions, and the indexes that they walk.

use std::time::Duration;

use ::mongodb::bson::{Bson, Document, doc};
use ::mongodb::options::{FindOptions, Hint};
use order_core::machine::Names as _;
use order_core::store::{OrderFilter, PageRequest, SortOrder};

use super::chapters;
use super::documents::ORDERS;

/// The most documents that come in one answer: all of the largest page.
const BATCH: u32 = 1_000;

/// What is asked for, with the index that has it in its order. Without a name, the database chooses.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) collection: &'static str,
    pub(super) filter: Document,
    fields: Option<Document>,
    index: Option<&'static str>,
    order: Document,
    skip: u64,
    limit: Option<i64>,
}

impl Question {
    pub(super) fn new(collection: &'static str, filter: Document) -> Self {
        Self { collection, filter, fields: None, index: None, order: Document::new(), skip: 0, limit: None }
    }

    /// Which fields are wanted.
    pub(super) fn fields(self, fields: Document) -> Self {
        Self { fields: Some(fields), ..self }
    }

    /// In which order, and the index that has it.
    pub(super) fn walks(self, index: &'static str, order: Document) -> Self {
        Self { index: Some(index), order, ..self }
    }

    /// How many at most.
    pub(super) fn limit(self, limit: u32) -> Self {
        Self { limit: Some(i64::from(limit)), ..self }
    }

    /// Whether nothing is wanted. The driver takes a limit of none for no limit.
    pub(super) fn is_empty(&self) -> bool {
        self.limit == Some(0)
    }

    /// How it is asked.
    pub(super) fn options(&self, patience: Duration) -> FindOptions {
        let mut options = FindOptions::default();
        options.projection.clone_from(&self.fields);
        options.hint = self.index.map(|name| Hint::Name(name.to_owned()));
        options.sort = Some(self.order.clone());
        options.skip = Some(self.skip);
        options.limit = self.limit;
        options.batch_size = Some(BATCH);
        options.max_time = Some(patience);
        options
    }

    /// The same as a command, for asking how it would be carried out.
    #[cfg(test)]
    pub(super) fn command(&self) -> Document {
        let mut command = doc! {
            "find": self.collection, "filter": self.filter.clone(), "sort": self.order.clone(),
            "skip": i64::try_from(self.skip).unwrap(),
        };
        if let Some(index) = self.index {
            command.insert("hint", index);
        }
        if let Some(limit) = self.limit {
            command.insert("limit", limit);
        }
        command
    }
}

/// A page of orders, and one more if there is one.
///
/// One index is walked in the order of ids until there is enough: that of the customer or the seller, if one is asked for, else
/// those of the statuses, else the ids.
pub(super) fn list(filter: &OrderFilter, page: PageRequest) -> Question {
    let index = if filter.customer_id.is_some() {
        "orders_by_customer"
    } else if filter.seller_id.is_some() {
        "orders_by_seller"
    } else if !filter.statuses.is_empty() {
        "orders_by_status"
    } else {
        "_id_"
    };
    let direction = match page.order {
        SortOrder::NewestFirst => -1,
        SortOrder::OldestFirst => 1,
    };
    Question {
        collection: ORDERS,
        filter: conditions(filter, page),
        fields: Some(chapters::whole()),
        index: Some(index),
        order: doc! { "_id": direction },
        skip: u64::from(page.skip),
        limit: Some(i64::from(page.limit()).saturating_add(1)),
    }
}

/// The same as [`OrderFilter::matches`], and behind the cursor.
fn conditions(filter: &OrderFilter, page: PageRequest) -> Document {
    let mut conditions = Document::new();
    if let Some(customer) = &filter.customer_id {
        conditions.insert("customer_id", customer.as_str());
    }
    if let Some(seller) = &filter.seller_id {
        conditions.insert("sellers", seller.as_str());
    }
    if !filter.statuses.is_empty() {
        let names: Vec<Bson> = filter.statuses.iter().map(|status| Bson::from(status.name())).collect();
        conditions.insert("status", doc! { "$in": names });
    }
    if let Some(text) = &filter.text {
        let place = doc! { "$indexOfBytes": ["$search", { "$literal": text.to_lowercase() }] };
        conditions.insert("$expr", doc! { "$gte": [place, 0] });
    }
    let (from, before) = filter.span(&page);
    let ends = [("$gte", from), ("$lt", before)];
    let ids: Document =
        ends.into_iter().filter_map(|(side, id)| Some((side.to_owned(), id?.to_string().into()))).collect();
    if !ids.is_empty() {
        conditions.insert("_id", ids);
    }
    conditions
}
