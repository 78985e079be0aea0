use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use order_core::id::{CustomerId, SellerId};
use order_core::order::Actor;

use super::AuthError;
use crate::api::Api;
use crate::problem::Problem;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Caller {
    /// A person.
    Person(Person),
    /// Another service, by its name.
    Service(String),
}

/// A person, as the identity service knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Person {
    /// Their id: a customer's or that of one of the staff.
    pub id: CustomerId,
    /// What they are.
    pub roles: Vec<Role>,
    /// The seller they act for, when they have that role.
    pub seller_id: Option<SellerId>,
}

/// What a person is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// They buy.
    Customer,
    /// They sell.
    Seller,
    /// They run the shop.
    Admin,
}

impl Person {
    /// A customer.
    pub fn customer(id: CustomerId) -> Self {
        Self { id, roles: vec![Role::Customer], seller_id: None }
    }

    /// Somebody with these roles.
    pub fn with_roles(id: CustomerId, roles: Vec<Role>, seller_id: Option<SellerId>) -> Self {
        Self { id, roles, seller_id }
    }

    fn is(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    fn seller(&self) -> Option<&SellerId> {
        self.seller_id.as_ref().filter(|_| self.is(Role::Seller))
    }
}

impl Caller {
    /// The customer who buys. The staff may buy, too.
    pub(crate) fn buyer(&self) -> Result<CustomerId, Problem> {
        match self {
            Self::Person(person) if person.is(Role::Customer) || person.is(Role::Admin) => {
                Ok(person.id.clone())
            }
            Self::Person(_) | Self::Service(_) => Err(Problem::forbidden("This is for customers.")),
        }
    }

    /// The owner of an order, or the staff.
    pub(crate) fn owner(&self) -> Result<Actor, Problem> {
        match self {
            Self::Person(person) if person.is(Role::Admin) => Ok(Actor::Staff(person.id.clone())),
            Self::Person(person) if person.is(Role::Customer) => Ok(Actor::Customer(person.id.clone())),
            Self::Service(name) => Ok(Actor::Service(name.clone())),
            Self::Person(_) => Err(Problem::forbidden("This is for the order's customer and the staff.")),
        }
    }

    /// Whoever works on an order: its sellers, the staff, a service.
    pub(crate) fn fulfiller(&self) -> Result<Actor, Problem> {
        match self {
            Self::Person(person) if person.is(Role::Admin) => Ok(Actor::Staff(person.id.clone())),
            Self::Person(person) => person
                .seller()
                .map(|id| Actor::Seller(id.clone()))
                .ok_or_else(|| Problem::forbidden("This is for the order's sellers and the staff.")),
            Self::Service(name) => Ok(Actor::Service(name.clone())),
        }
    }

    /// The staff.
    pub(crate) fn staff(&self) -> Result<Actor, Problem> {
        match self {
            Self::Person(person) if person.is(Role::Admin) => Ok(Actor::Staff(person.id.clone())),
            Self::Person(_) | Self::Service(_) => Err(Problem::forbidden("This is for the staff.")),
        }
    }

    /// The staff or a service.
    pub(crate) fn operator(&self) -> Result<Actor, Problem> {
        match self {
            Self::Person(_) => self.staff(),
            Self::Service(name) => Ok(Actor::Service(name.clone())),
        }
    }

    /// A service.
    pub(crate) fn service(&self) -> Result<Actor, Problem> {
        match self {
            Self::Service(name) => Ok(Actor::Service(name.clone())),
            Self::Person(_) => Err(Problem::forbidden("This is for services.")),
        }
    }

    /// Everybody they may read an order as. A seller who buys is both.
    pub(crate) fn readers(&self) -> Result<Vec<Actor>, Problem> {
        let person = match self {
            Self::Service(name) => return Ok(vec![Actor::Service(name.clone())]),
            Self::Person(person) => person,
        };
        if person.is(Role::Admin) {
            return Ok(vec![Actor::Staff(person.id.clone())]);
        }
        let mut actors = Vec::new();
        if person.is(Role::Customer) {
            actors.push(Actor::Customer(person.id.clone()));
        }
        actors.extend(person.seller().map(|id| Actor::Seller(id.clone())));
        if actors.is_empty() { Err(Problem::forbidden("No role allows this.")) } else { Ok(actors) }
    }
}

impl FromRequestParts<Api> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        find(parts, api)
            .await?
            .ok_or_else(|| Problem::unauthenticated("unauthenticated", "Who asks is not known."))
    }
}

/// Finds out who asks: whom the host has found, or whom the first authenticator knows.
pub(super) async fn find(parts: &mut Parts, api: &Api) -> Result<Option<Caller>, Problem> {
    if let Some(caller) = parts.extensions.get::<Caller>() {
        return Ok(Some(caller.clone()));
    }
    for authenticator in api.authenticators() {
        match authenticator.authenticate(&parts.headers).await {
            Ok(None) => {}
            Ok(Some(caller)) => {
                parts.extensions.insert(caller.clone());
                return Ok(Some(caller));
            }
            Err(AuthError::Refused(reason)) => {
                return Err(Problem::unauthenticated("invalid_credentials", reason));
            }
            Err(AuthError::Unavailable(source)) => {
                tracing::warn!(error = %source, "credentials can't be checked");
                return Err(Problem::unavailable("identity_unavailable", "Who asks can't be found out now."));
            }
        }
    }
    Ok(None)
}
