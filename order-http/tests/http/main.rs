//! The interface as its clients see it: every request goes through the router, every answer is checked against the document.

mod access;
mod document;
mod idempotency;
mod life;
mod lists;
mod refusals;
mod shop;
mod versions;
