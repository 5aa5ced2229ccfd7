//! Files that belong together, in one folder.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::{Result, files};

/// Who may read a file.
#[derive(Clone, Copy)]
pub(super) enum Readers {
    /// Everybody whom the umask lets.
    Everybody,
    /// Only who made it.
    Maker,
}

#[derive(Args)]
pub(super) struct Folder {
    /// Folder of the files, which with --json are written only if it is given
    #[arg(long, short, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Replace files that are there already
    #[arg(long)]
    replace: bool,
}

impl Folder {
    /// The paths of files with these names; `None` where the answer is JSON and no folder was
    /// named. To be called before the work, which would be lost if the files could not be written.
    pub(super) fn places<const N: usize>(
        &self,
        names: [String; N],
        json: bool,
    ) -> Result<Option<[PathBuf; N]>> {
        let directory = match &self.directory {
            Some(directory) => directory.as_path(),
            None if json => return Ok(None),
            None => Path::new("."),
        };
        if !directory.is_dir() {
            return Err(format!("{} is no folder", directory.display()).into());
        }
        let places = names.map(|name| directory.join(name));
        match places.iter().find(|file| file.exists()) {
            Some(file) if !self.replace => Err(format!(
                "{} is there already: say --replace, or another --directory",
                file.display()
            )
            .into()),
            _ => Ok(Some(places)),
        }
    }

    pub(super) fn write<const N: usize>(
        &self,
        places: &[PathBuf; N],
        contents: [(&[u8], Readers); N],
    ) -> Result<()> {
        for (file, (content, readers)) in places.iter().zip(contents) {
            if self.replace && file.exists() {
                fs::remove_file(file)
                    .map_err(|error| format!("cannot replace {}: {error}", file.display()))?;
            }
            match readers {
                Readers::Everybody => files::write_new(file, content)?,
                Readers::Maker => files::write_private(file, content)?,
            }
        }
        Ok(())
    }
}
