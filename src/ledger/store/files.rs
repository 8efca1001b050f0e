//! Files and directories that are still there after a power cut.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::StoreError;

/// Turns an I/O error into ours, with what was being done.
pub(super) fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError + use<> {
    let path = path.to_owned();
    move |source| StoreError::Files { doing, path, source }
}

/// Makes what will be created readable by the owner alone.
pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Makes a directory for the owner alone, with what is missing above it. One that exists is left as it is.
pub(super) fn make_private_dir(dir: &Path) -> Result<(), StoreError> {
    if dir.is_dir() {
        return Ok(());
    }
    let above = directory_of(dir);
    fs::create_dir_all(&above).map_err(failed("create the directory", &above))?;
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(failed("create the directory", dir))?;
    sync_dir(&above)
}

/// Makes the names in a directory permanent.
pub(super) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    if cfg!(unix) {
        File::open(dir)
            .and_then(|dir| dir.sync_all())
            .map_err(failed("make permanent", dir))?;
    }
    Ok(())
}

/// Replaces a file so that, whatever happens, it is either the old or the new one, and the new one on success.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    private(&mut options)
        .open(&new)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .map_err(failed("write", &new))?;
    fs::rename(&new, path).map_err(failed("replace", path))?;
    sync_dir(&directory_of(path))
}

/// The content of a file, or nothing if there is no such file.
pub(super) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path)(error)),
    }
}

/// The paths in a directory; none if it doesn't exist.
pub(super) fn entries(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    match fs::read_dir(dir) {
        Ok(entries) => entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<_>>()
            .map_err(failed("list the directory", dir)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(failed("list the directory", dir)(error)),
    }
}

/// Copies a directory of files and directories to a place where nothing is yet.
pub(super) fn copy_dir(from: &Path, to: &Path) -> Result<(), StoreError> {
    make_private_dir(to)?;
    for source in entries(from)? {
        let Some(name) = source.file_name() else { continue };
        let target = to.join(name);
        if source.is_dir() {
            copy_dir(&source, &target)?;
        } else {
            fs::copy(&source, &target).map_err(failed("copy", &source))?;
        }
    }
    Ok(())
}

/// Removes a directory with all in it, if it is there.
pub(super) fn remove_dir(dir: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove the directory", dir)(error)),
        _ => Ok(()),
    }
}

/// A directory that is removed when this is dropped.
#[derive(Debug)]
pub(super) struct TemporaryDir(pub PathBuf);

impl Drop for TemporaryDir {
    fn drop(&mut self) {
        if let Err(error) = remove_dir(&self.0) {
            tracing::warn!(%error, "a temporary directory remains; the next run removes it");
        }
    }
}

/// The directory that a path lies in, also for a bare name.
fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
