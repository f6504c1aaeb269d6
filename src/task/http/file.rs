//! The file that gets an answer: inside the work folder, and whole or not there.

use std::path::{Component, Path, PathBuf};
use std::{fs, io};

/// The path of `name` inside `folder`, for a file that is to be written there.
///
/// # Errors
/// A sentence, where the name leads out of the folder, by `..`, by a root, or by a symbolic link.
pub(super) fn inside(folder: &Path, name: &str) -> Result<PathBuf, String> {
    let path = Path::new(name);
    let plain =
        path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !plain || path.file_name().is_none() || name.ends_with('/') || name.contains('\0') {
        return Err(format!("`{name}` is no path inside the work folder"));
    }
    let target = folder.join(path);
    let parent = target.parent().unwrap_or(folder);
    let refused = |error: io::Error| format!("`{name}` cannot be written: {error}");
    let root = folder.canonicalize().map_err(refused)?;
    // Looked at before anything is made, so that no folder comes to be behind a link.
    let known = parent.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(folder);
    if !known.canonicalize().map_err(refused)?.starts_with(&root) {
        return Err(format!("`{name}` leads out of the work folder by a link"));
    }
    fs::create_dir_all(parent).map_err(refused)?;
    Ok(target)
}

/// A file that is not whole yet; gone when dropped, unless it has got its name.
pub(super) struct Part(pub(super) PathBuf);

impl Part {
    pub(super) fn beside(file: &Path) -> Self {
        let mut name = std::ffi::OsString::from(".");
        name.push(file.file_name().unwrap_or_default());
        name.push(".part");
        Self(file.with_file_name(name))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // After the rename there is nothing to remove.
        let _renamed = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_inside_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.path().join("link")).unwrap();
        for name in ["a", "./a", "a/b/c", "..a", "a..b/c"] {
            assert_eq!(inside(folder.path(), name).unwrap(), folder.path().join(name));
        }
        for name in ["", ".", "..", "../a", "a/../../b", "/etc/passwd", "a/", "a\0b", "link/x"] {
            assert!(inside(folder.path(), name).is_err(), "{name:?}");
        }
        assert!(inside(folder.path(), "link/deep/x").is_err());
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }
}
