//! The event store from outside: queries against a naive evaluation, pages, histories, limits, concurrency.

mod concurrent;
mod limits;
mod naive;
mod pages;
mod queries;
mod segments;
mod support;
