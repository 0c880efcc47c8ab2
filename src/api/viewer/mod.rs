//! What the viewer needs beside the log: its `page` and files, the `searches` that its readers save, and the `links` that
//! open it for one thing or person.

pub(super) mod links;
pub(super) mod page;
pub(super) mod searches;
