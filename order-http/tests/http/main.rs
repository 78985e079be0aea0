//! The interface as its clients see it: every request goes through the router, every answer is checked against the document.

#[cfg(test)]
mod access;
#[cfg(test)]
mod document;
#[cfg(test)]
mod findings;
#[cfg(test)]
mod idempotency;
#[cfg(test)]
mod life;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod paths;
#[cfg(test)]
mod reconciliation;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod shop;
#[cfg(test)]
mod stock;
#[cfg(test)]
mod versions;
#[cfg(test)]
mod webhooks;
