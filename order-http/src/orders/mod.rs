//! The routes of orders.

mod body;
mod commands;
mod history;
mod reads;
mod status;

pub(crate) use body::{OrderBody, answer_order};
pub(crate) use history::ActorBody;

use std::str::FromStr;

use order_core::id::{InvalidId, OrderId, OrderNumber};
use order_core::order::{Actor, Order};
use order_core::{Error, ErrorKind};
use utoipa_axum::router::OpenApiRouter;

use crate::api::Api;

pub(crate) fn routes() -> OpenApiRouter<Api> {
    reads::routes().merge(commands::routes()).merge(status::routes()).merge(history::routes())
}

/// An order's id or number, as it stands in a path.
#[derive(Debug, Clone)]
pub(crate) enum OrderRef {
    Id(OrderId),
    Number(OrderNumber),
}

impl FromStr for OrderRef {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        text.parse().map(Self::Id).or_else(|_| OrderNumber::new(text).map(Self::Number))
    }
}

impl OrderRef {
    /// The order, as an actor may see it.
    pub(crate) async fn get(&self, api: &Api, actor: &Actor) -> Result<Order, Error> {
        match self {
            Self::Id(id) => api.engine().orders().get(*id, actor).await,
            Self::Number(number) => api.engine().orders().get_by_number(number, actor).await,
        }
    }

    /// The order and the first of the actors that may see it.
    pub(crate) async fn get_as_any(&self, api: &Api, actors: Vec<Actor>) -> Result<(Order, Actor), Error> {
        for actor in actors {
            match self.get(api, &actor).await {
                Ok(order) => return Ok((order, actor)),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::NotFound { what: "order" })
    }

    /// The order's id.
    pub(crate) async fn id(&self, api: &Api, actor: &Actor) -> Result<OrderId, Error> {
        match self {
            Self::Id(id) => Ok(*id),
            Self::Number(_) => self.get(api, actor).await.map(|order| order.id),
        }
    }
}
