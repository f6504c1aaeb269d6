//! `windlass new`: a workflow file to start from. Never overwrites.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use windlass::id::Name;

use crate::exit::{Exit, Problem};
use crate::output;
use crate::style::{BOLD, DIM, OK, paint};

/// Write a workflow file to start from
#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// What to start from; without it, the templates are listed
    template: Option<String>,
    /// The workflow's name, or the path of its file; default: the template's name
    name: Option<String>,
}

struct Template {
    name: &'static str,
    about: &'static str,
    text: &'static str,
}

const TEMPLATES: [Template; 6] = [
    Template {
        name: "hello",
        about: "two commands, one input",
        text: include_str!("../../templates/hello.toml"),
    },
    Template {
        name: "order",
        about: "a business process: conditions, retries, a fan-out to four steps, a fan-in",
        text: include_str!("../../templates/order.toml"),
    },
    Template {
        name: "fan-out",
        about: "one step for each item of a list that is known only at run time",
        text: include_str!("../../templates/fan-out.toml"),
    },
    Template {
        name: "pipeline",
        about: "one step after the other, each fed with the output of the one before",
        text: include_str!("../../templates/pipeline.toml"),
    },
    Template {
        name: "http",
        about: "requests with retries by the kind of error",
        text: include_str!("../../templates/http.toml"),
    },
    Template {
        name: "backup",
        about: "pack a folder, checksum it, verify it, keep the last few",
        text: include_str!("../../templates/backup.toml"),
    },
];

pub(crate) fn act(args: &NewArgs) -> Result<Exit, Problem> {
    let Some(wanted) = &args.template else {
        output::print(&list())?;
        return Ok(Exit::Done);
    };
    let template = TEMPLATES.iter().find(|t| t.name == wanted).ok_or_else(|| {
        Problem::missing(format!("there is no template `{wanted}`"))
            .help(format!("the templates are {}", TEMPLATES.map(|t| t.name).join(", ")))
    })?;
    let path = file_of(args.name.as_deref().unwrap_or(template.name))?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    if Name::new(&stem).is_none() {
        return Err(Problem::usage(format!("`{stem}` cannot be the name of a workflow"))
            .help("use letters, digits, `_` and `-`, at most 128"));
    }
    let text = template.text.replacen(&format!("\"{}\"", template.name), &format!("\"{stem}\""), 1);
    write(&path, &text)?;
    output::note(&format!("{} {}", paint(OK, "     Created"), path.display()));
    output::note(&format!("{} windlass run {}", paint(DIM, "           →"), path.display()));
    Ok(Exit::Done)
}

fn list() -> String {
    let lines =
        TEMPLATES.map(|t| format!("  {}  {}", paint(BOLD, format!("{:<9}", t.name)), t.about));
    format!("{}\n\n  windlass new TEMPLATE [NAME]\n", lines.join("\n"))
}

/// `name` may be a bare name or a path, with or without `.toml`.
fn file_of(name: &str) -> Result<PathBuf, Problem> {
    if name.is_empty() || name.ends_with('/') {
        return Err(Problem::usage("the name of the new workflow is missing"));
    }
    let path = PathBuf::from(name);
    if path.extension().is_some_and(|e| e == "toml") {
        return Ok(path);
    }
    Ok(PathBuf::from(format!("{name}.toml")))
}

fn write(path: &Path, text: &str) -> Result<(), Problem> {
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .map_err(|e| Problem::failed(format!("{} cannot be made: {e}", folder.display())))?;
    }
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    file.and_then(|mut f| f.write_all(text.as_bytes())).map_err(|error| {
        if error.kind() == ErrorKind::AlreadyExists {
            return Problem::usage(format!("{} exists already", path.display()))
                .help("give the workflow another name: windlass new TEMPLATE NAME");
        }
        Problem::failed(format!("{} cannot be written: {error}", path.display()))
    })
}
