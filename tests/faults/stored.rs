//! What is stored has a form of its own, so that a change of the engine cannot change it unseen.

use std::path::{Path, PathBuf};

/// What the door shows, and users may read back from JSON: none of it stands in a record.
const SHOWN: [&str; 4] = ["RunSummary", "RunState", "StepState", "Failure"];

/// Rust files below a folder, those of tests apart.
fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = folder.read_dir() else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if matches!(name.as_str(), "tests" | "simulation") {
            continue;
        }
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

#[test]
fn the_state_of_a_run_is_not_stored_as_it_is_in_memory() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("src/run.rs")];
    sources(&root.join("src/run"), &mut files);
    assert!(files.len() > 10, "{} files of the state machine", files.len());
    let mut readable = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let mut derived = false;
        for line in text.lines() {
            derived |= line.starts_with("#[derive(") && line.contains("Deserialize");
            let item = ["struct ", "enum "].iter().find_map(|word| line.split_once(word));
            if let Some((_, rest)) = item {
                let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
                if derived && !SHOWN.contains(&&rest[..end]) {
                    readable.push(rest[..end].to_owned());
                }
                derived = false;
            }
        }
    }
    assert!(
        readable.is_empty(),
        "these are read from stored bytes as they are, and no golden bytes hold them: {readable:?}"
    );
}
