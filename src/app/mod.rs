//! The roof: builds every part from the configuration, starts them, waits, and stops them in order.

pub mod key;
