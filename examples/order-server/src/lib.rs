//! The bundled server: joins the order engine, its HTTP interface and a store into a program that runs as it is, with
//! a demo catalogue, a small identity service and payments, real or simulated. It is also the example of a whole host.
//!
//! * [`Config`] is read from the environment and a file, and checked whole.
//! * [`Server`] starts with it: in `main` until a signal comes, in a test on a free port.
//!
//! What a host of its own would replace: the [catalogue], the [users] and the [simulated payment provider](simulated). The real
//! ones are named by the [settings](providers).

mod access;
pub mod accounts;
pub mod catalogue;
pub mod completion;
pub mod config;
pub mod database;
pub mod development;
pub mod page;
pub mod passes;
pub mod problem;
pub mod providers;
mod reconciler;
pub mod server;
pub mod setting;
pub mod simulated;
mod source;
pub mod token;
pub mod users;

pub use config::{Config, Mode};
pub use server::{Server, StartError};
pub use source::Mistakes;
