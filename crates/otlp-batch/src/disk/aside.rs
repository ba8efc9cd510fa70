//! Where damaged segments are kept for a person to look at, and how many of them: the directory `damaged`, in which the
//! oldest make room for the newest. What was lost with them is counted where the damage is found.

use std::{io, path::Path};

use super::{file_system::FileSystem, segment};

pub(super) const DAMAGED: &str = "damaged";

/// How many files are kept.
const MAX_FILES: usize = 16;

/// Moves a segment aside. Files that were there before and have more than `max_bytes` together with it are removed,
/// the oldest first.
pub(super) fn set_aside(
    file_system: &dyn FileSystem,
    directory: &Path,
    segment: u32,
    bytes: u64,
    max_bytes: u64,
) -> io::Result<()> {
    let aside = directory.join(DAMAGED);
    file_system.create_dir(&aside)?;
    let mut kept: Vec<(u64, String)> =
        file_system.list(&aside)?.into_iter().filter_map(|name| Some((order(&name)?, name))).collect();
    kept.sort_unstable();
    let next = kept.last().map_or(1, |(last, _)| last.saturating_add(1));
    let mut total = bytes;
    let mut room = MAX_FILES - 1;
    for (_, name) in kept.iter().rev() {
        let path = aside.join(name);
        total = total.saturating_add(file_system.open(&path, false).and_then(|file| file.size()).unwrap_or(0));
        if room == 0 || total > max_bytes {
            file_system.remove(&path)?;
        } else {
            room -= 1;
        }
    }
    // Numbered anew: after all segments are gone their numbers begin again.
    let to = aside.join(format!("{next:08}-{}", segment::name(segment)));
    file_system.rename(&segment::path(directory, segment), &to)?;
    file_system.sync_dir(&aside)
}

/// The number that a file was set aside with; files that are not ours have none.
fn order(name: &str) -> Option<u64> {
    let (order, name) = name.split_once('-')?;
    segment::number(name)?;
    order.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::disk::simulated_disk::SimulatedDisk;

    #[test]
    fn the_newest_are_kept_and_strangers_left_alone() {
        let disk = SimulatedDisk::default();
        let directory = Path::new("/queue");
        let aside = directory.join(DAMAGED);
        disk.create_dir(directory).unwrap();
        disk.create_dir(&aside).unwrap();
        disk.create(&aside.join("notes")).unwrap();
        for number in 0..40 {
            disk.create(&segment::path(directory, number)).unwrap().append(&[&[0; 100]]).unwrap();
            set_aside(&disk, directory, number, 100, 1_000_000).unwrap();
        }
        let names = disk.list(&aside).unwrap();
        assert_eq!(names.len(), MAX_FILES + 1);
        assert!(names.contains(&"notes".to_owned()) && names.iter().any(|name| name.ends_with(&segment::name(39))));
        disk.create(&segment::path(directory, 7)).unwrap();
        set_aside(&disk, directory, 7, 100, 350).unwrap();
        assert_eq!(disk.list(&aside).unwrap().len(), 3 + 1, "what fits into the bytes");
    }
}
