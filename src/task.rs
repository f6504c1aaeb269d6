//! What a verb stands for: registered handlers, commands, HTTP requests, and their error classes.

mod model;

pub use model::*;
