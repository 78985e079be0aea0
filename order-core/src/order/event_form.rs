//! How an event is read: as its derived form says, but for the placement. That has a whole order in it, which a tagged form would take
//! apart twice.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, IntoDeserializer as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Order, OrderEvent};

/// What tells the events apart. It is written first.
const TAG: &str = "event";

impl Serialize for OrderEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for OrderEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Event)
    }
}

struct Event;

impl<'de> Visitor<'de> for Event {
    type Value = OrderEvent;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event of an order")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<OrderEvent, A::Error> {
        let Some(key) = map.next_key::<Text<'de>>()? else { return Err(A::Error::missing_field(TAG)) };
        if key.0 != TAG {
            return OrderEvent::deserialize(MapAccessDeserializer::new(Begun::with_key(key.0, map)));
        }
        let tag = map.next_value::<Text<'de>>()?.0;
        if tag == "placed" {
            placed(map)
        } else {
            OrderEvent::deserialize(MapAccessDeserializer::new(Begun::with_tag(tag, map)))
        }
    }
}

/// The placement, from what is behind its tag.
fn placed<'de, A: MapAccess<'de>>(mut map: A) -> Result<OrderEvent, A::Error> {
    let mut placed = None;
    while let Some(key) = map.next_key::<Text<'de>>()? {
        if key.0 == "order" {
            placed = Some(map.next_value::<Order>()?);
        } else {
            map.next_value::<IgnoredAny>()?;
        }
    }
    let order = placed.ok_or_else(|| A::Error::missing_field("order"))?;
    Ok(OrderEvent::Placed { order: Arc::new(order) })
}

/// A text that is not copied if it need not be.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A map of which the first key, or the tag with it, was read already.
struct Begun<'de, A> {
    key: Option<Cow<'de, str>>,
    tag: Option<Cow<'de, str>>,
    rest: A,
}

impl<'de, A> Begun<'de, A> {
    fn with_key(key: Cow<'de, str>, rest: A) -> Self {
        Self { key: Some(key), tag: None, rest }
    }

    fn with_tag(tag: Cow<'de, str>, rest: A) -> Self {
        Self { key: Some(Cow::Borrowed(TAG)), tag: Some(tag), rest }
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Begun<'de, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        match self.key.take() {
            Some(key) => seed.deserialize(key.into_deserializer()).map(Some),
            None => self.rest.next_key_seed(seed),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        match self.tag.take() {
            Some(tag) => seed.deserialize(tag.into_deserializer()),
            None => self.rest.next_value_seed(seed),
        }
    }
}
