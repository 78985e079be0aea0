//! The order engine over HTTP.
