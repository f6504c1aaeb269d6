//! A workflow's graph, ready to draw: nodes with their words, edges, waves.

mod canvas;
mod channel;
mod dot;
mod json;
mod layout;
mod mermaid;
mod model;
mod svg;
mod text;

pub(crate) use dot::dot;
pub(crate) use json::json;
pub(crate) use mermaid::mermaid;
pub(crate) use model::Graph;
pub(crate) use svg::svg;
pub(crate) use text::text;
