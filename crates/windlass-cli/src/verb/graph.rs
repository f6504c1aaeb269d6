//! `windlass graph`: the workflow as a picture.

use clap::{Args, ValueEnum};
use windlass::plan::KnownTasks;

use crate::args::Common;
use crate::exit::{Exit, Problem};
use crate::graph::{self, Graph};
use crate::{output, source};

/// Draw a workflow's graph
#[derive(Debug, Args)]
pub(crate) struct GraphArgs {
    /// The workflow's file or name
    #[arg(value_name = "FILE|NAME")]
    workflow: String,
    /// How it is drawn
    #[arg(long = "as", value_enum, value_name = "FORM", default_value_t)]
    form: Form,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Form {
    /// Boxes and lines, for the terminal
    #[default]
    Text,
    /// For Markdown pages
    Mermaid,
    /// For Graphviz
    Dot,
    /// A picture of its own, light and dark
    Svg,
    /// For programs
    Json,
}

/// How wide a picture may be where there is no terminal.
const WIDTH_DEFAULT: usize = 120;

pub(crate) fn act(args: &GraphArgs, common: Common) -> Result<Exit, Problem> {
    let path = source::find(&args.workflow)?;
    let plan = source::plan(&path, &KnownTasks::Any, common.quiet)?;
    let graph = Graph::of(&plan);
    output::print(&match args.form {
        Form::Text => graph::text(&graph, output::data_width().unwrap_or(WIDTH_DEFAULT)),
        Form::Mermaid => graph::mermaid(&graph),
        Form::Dot => graph::dot(&graph),
        Form::Svg => graph::svg(&graph),
        Form::Json => graph::json(&graph),
    })?;
    Ok(Exit::Done)
}
