//! What the documents show is true: the workflow of the README is one, and links lead somewhere. (The
//! program in it is a documentation test of the library, its commands are run by `just readme`.)
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use windlass::definition::{Format, render};
use windlass::plan::{self, KnownTasks};

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn the_workflows_of_the_readme_are_right() {
    let readme = read("README.md");
    let blocks: Vec<&str> =
        readme.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        let problems = match plan::load("README.md", block, None, &KnownTasks::Any) {
            Ok(loaded) => loaded.warnings,
            Err(problems) => problems,
        };
        let told = render("README.md", block, &problems, Format::Human { color: false });
        assert_eq!(told, "");
    }
}

#[test]
fn links_lead_somewhere() {
    let documents =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/performance.md", "CHANGELOG.md"];
    for document in documents {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
        let folder = folder.parent().unwrap();
        let text = read(document);
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.starts_with("http")) {
            let file = target.split('#').next().unwrap();
            assert!(folder.join(file).exists(), "{document} leads to {target}, which is not there");
        }
    }
}

/// Files that are named in code marks, such as `src/run/tests.rs`.
#[test]
fn named_tests_exist() {
    for document in ["README.md", "ARCHITECTURE.md"] {
        let text = read(document);
        let names = text.split('`').skip(1).step_by(2).filter(|name| {
            name.contains('/')
                && Path::new(name).extension().is_some_and(|extension| extension == "rs")
                && !name.contains(' ')
        });
        for name in names {
            let root = Path::new(env!("CARGO_MANIFEST_DIR"));
            let known = root.join(name).exists() || root.join("src").join(name).exists();
            assert!(known, "{document} names `{name}`, which is not there");
        }
    }
}
