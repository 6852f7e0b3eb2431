//! Integration tests of the journal, through its public interface.

mod damage;
mod events;
mod full;
mod kill;
mod spool;
mod support;
mod work;
