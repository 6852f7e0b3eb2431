//! Delivery against a scripted server over loopback, with a real spool; one scenario in each file.

mod accepted;
mod authority;
mod closing_421;
mod composing;
mod kit;
mod lost_after_dot;
mod message_is_out;
mod no_route;
mod policies;
mod refused;
mod shutdown;
mod suppressed;
mod tls_broken;
mod transport;
mod wire;
mod worn_out;
