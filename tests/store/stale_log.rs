//! A log that lies beside a database that it does not belong to is not replayed, and a log that does
//! belong to it always is.

use std::fs;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tenon_pkcs11::api::store::{Error, MaterialRow, Options, SearchConditions, Store};

use super::common::{Dice, Other, damage, from_env, playing, posting, row, say, uid};

const ROLE: &str = "store::stale_log::service";
const OPENER: &str = "store::stale_log::opener";

/// Makes as many changes as each line says, and goes on until it is killed.
#[test]
fn service() {
    let Some(path) = playing(ROLE) else { return };
    let store = Store::open(&path, &Options::default()).unwrap();
    say("open");
    for line in std::io::stdin().lock().lines() {
        for _ in 0..line.unwrap().parse::<u64>().unwrap() {
            add(&store);
        }
        say("done");
    }
}

/// Adds the object of the next number, with material that takes a page.
fn add(store: &Store) {
    store
        .write(|tx| {
            let number = tx.count(&SearchConditions::default())?;
            tx.put(&row(number), &[posting(number)])?;
            let material = MaterialRow {
                data_key: vec![1; 60],
                sealed: vec![1; 5000],
            };
            tx.put_material(&uid(number), &material)
        })
        .unwrap();
}

struct Service(Other);

impl Service {
    fn start(path: &Path) -> Self {
        let mut other = Other::start(ROLE, path);
        assert_eq!(other.hear().as_deref(), Some("open"));
        Self(other)
    }

    fn add(&mut self, changes: u64) {
        self.0.tell(&changes.to_string());
        assert_eq!(self.0.hear().as_deref(), Some("done"));
    }

    fn kill(mut self) {
        self.0.kill();
    }
}

struct Place {
    folder: TempDir,
    path: PathBuf,
}

impl Place {
    /// A closed store with 20 objects.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("slot-0000.tenon");
        let store = Store::create(&path).unwrap();
        (0..20).for_each(|_| add(&store));
        Self { folder, path }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("slot-0000.tenon-wal")
    }

    fn copy(&self, name: &str) -> PathBuf {
        let copy = self.folder.path().join(name);
        fs::copy(&self.path, &copy).unwrap();
        copy
    }

    /// Opens the store; how many objects are there, each of them whole.
    #[track_caller]
    fn objects(&self) -> u64 {
        let store = Store::open(&self.path, &Options::default()).unwrap();
        let count = store
            .read(|s| s.count(&SearchConditions::default()))
            .unwrap();
        for number in 0..count {
            let object = store.read(|s| s.object(&uid(number))).unwrap();
            assert_eq!(object, Some(row(number)), "{number} of {count}");
            assert!(store.read(|s| s.material(&uid(number))).unwrap().is_some());
        }
        // It goes on from there.
        add(&store);
        drop(store);
        assert_eq!(damage(&self.path), Vec::<String>::new());
        count
    }

    fn set_aside(&self) -> usize {
        let names = fs::read_dir(self.folder.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.contains(".stale-")).count()
    }
}

/// What an operator may do with a copy and the files of a service that was killed.
type PutBack = fn(&Place, &Path);

fn overwrite(place: &Place, copy: &Path) {
    fs::copy(copy, &place.path).unwrap();
}

fn rename(place: &Place, copy: &Path) {
    fs::rename(copy, &place.path).unwrap();
}

fn remove_first(place: &Place, copy: &Path) {
    fs::remove_file(&place.path).unwrap();
    fs::copy(copy, &place.path).unwrap();
}

fn without_the_index(place: &Place, copy: &Path) {
    fs::remove_file(place.folder.path().join("slot-0000.tenon-shm")).unwrap();
    overwrite(place, copy);
}

fn without_the_counter(place: &Place, copy: &Path) {
    fs::remove_file(place.folder.path().join("slot-0000.gen")).unwrap();
    overwrite(place, copy);
}

const EVERY_WAY: [PutBack; 5] = [
    overwrite,
    rename,
    remove_first,
    without_the_index,
    without_the_counter,
];

#[test]
fn a_copy_of_the_closed_store_is_not_mixed_with_a_later_log() {
    // With 3 changes the log holds all that came after the copy; with 700 it has begun anew.
    for changes in [1, 3, 700] {
        for put_back in EVERY_WAY {
            let place = Place::new();
            let copy = place.copy("backup");
            let mut service = Service::start(&place.path);
            service.add(changes);
            service.kill();
            assert!(fs::metadata(place.log()).unwrap().len() > 0);
            put_back(&place, &copy);
            assert_eq!(place.objects(), 20, "{changes} changes");
            assert_eq!(place.set_aside(), 1);
            assert_eq!(place.objects(), 21);
        }
    }
}

#[test]
fn what_was_set_aside_is_named_and_is_whole() {
    let place = Place::new();
    let copy = place.copy("backup");
    let mut service = Service::start(&place.path);
    service.add(3);
    service.kill();
    let log = fs::read(place.log()).unwrap();
    overwrite(&place, &copy);
    for number in 1..=2 {
        let store = Store::open(&place.path, &Options::default()).unwrap();
        let end = format!("slot-0000.tenon-wal.stale-{number}");
        let name = place.path.with_file_name(end);
        assert_eq!(fs::read(name).unwrap(), log);
        drop(store);
        fs::write(place.log(), &log).unwrap();
    }
}

#[test]
fn a_killed_service_loses_nothing() {
    for changes in [1, 3, 700] {
        let place = Place::new();
        let mut service = Service::start(&place.path);
        service.add(changes);
        service.kill();
        assert_eq!(place.objects(), 20 + changes);
        let mut service = Service::start(&place.path);
        service.add(changes);
        service.kill();
        // A second process opens it, and is killed before it changes anything.
        Service::start(&place.path).kill();
        assert_eq!(place.objects(), 21 + 2 * changes);
        assert_eq!(place.set_aside(), 0);
    }
}

/// A copy with its own log is one state.
#[test]
fn a_copy_of_both_files_is_put_back_as_it_was() {
    let place = Place::new();
    let mut service = Service::start(&place.path);
    service.add(3);
    service.kill();
    let (copy, log) = (place.copy("backup"), fs::read(place.log()).unwrap());
    let mut service = Service::start(&place.path);
    service.add(700);
    service.kill();
    overwrite(&place, &copy);
    fs::write(place.log(), log).unwrap();
    assert_eq!(place.objects(), 23);
    assert_eq!(place.set_aside(), 0);
}

/// Such a copy lacks what was in the log when it was taken, which is the operator's mistake.
#[test]
fn a_copy_of_the_database_alone_below_a_service_is_not_mixed_either() {
    let place = Place::new();
    let mut service = Service::start(&place.path);
    service.add(3);
    let copy = place.copy("backup");
    service.add(2000);
    service.kill();
    overwrite(&place, &copy);
    assert_eq!(place.objects(), 20);
    assert_eq!(place.set_aside(), 1);
}

#[test]
fn neither_another_store_nor_an_older_log_is_mixed() {
    let place = Place::new();
    let mut service = Service::start(&place.path);
    service.add(3);
    service.kill();
    let old_log = fs::read(place.log()).unwrap();
    let other = Place::new();
    let copy = other.copy("backup");
    overwrite(&place, &copy);
    assert_eq!(place.objects(), 20);

    let mut service = Service::start(&place.path);
    service.add(30);
    service.kill();
    assert_eq!(place.objects(), 51);
    fs::write(place.log(), old_log).unwrap();
    assert_eq!(place.objects(), 52);
    assert_eq!(place.set_aside(), 2);
}

#[test]
fn a_reader_refuses_and_names_the_log() {
    let place = Place::new();
    let copy = place.copy("backup");
    let mut service = Service::start(&place.path);
    service.add(3);
    service.kill();
    overwrite(&place, &copy);
    let options = Options {
        read_only: true,
        ..Options::default()
    };
    let refused = Store::open(&place.path, &options).map(drop);
    assert_eq!(refused, Err(Error::StaleLog(place.log())));
    assert!(
        fs::metadata(place.log()).unwrap().len() > 0,
        "it touches nothing"
    );
    fs::remove_file(place.log()).unwrap();
    Store::open(&place.path, &options).map(drop).unwrap();
}

/// Overwritten below a service, which is what nobody should do: the log is not pulled away from it.
#[test]
fn a_log_that_is_in_use_stays_where_it_is() {
    let place = Place::new();
    let copy = place.copy("backup");
    let mut service = Service::start(&place.path);
    service.add(3);
    overwrite(&place, &copy);
    let refused = Store::open(&place.path, &Options::default()).map(drop);
    assert_eq!(refused, Err(Error::StaleLog(place.log())));
    assert_eq!(place.set_aside(), 0);
    service.kill();
    assert_eq!(place.objects(), 20);
}

/// Opens, changes and closes the store over and over.
#[test]
fn opener() {
    let Some(path) = playing(OPENER) else { return };
    loop {
        let store = Store::open(&path, &Options::default()).unwrap();
        add(&store);
        say("added");
    }
}

#[test]
fn an_end_while_opening_loses_nothing_and_sets_nothing_aside() {
    let place = Place::new();
    let mut dice = Dice(0x10C);
    let mut least = 20;
    for _ in 0..from_env("TENON_KILLS", 60) {
        let mut other = Other::start(OPENER, &place.path);
        assert_eq!(other.hear().as_deref(), Some("added"));
        std::thread::sleep(Duration::from_micros(dice.below(20_000)));
        other.kill();
        least += 1;
        while other.hear().is_some() {
            least += 1;
        }
        let store = Store::open(&place.path, &Options::default()).unwrap();
        assert_eq!(place.set_aside(), 0);
        let count = store
            .read(|s| s.count(&SearchConditions::default()))
            .unwrap();
        // What was under way when it was killed may have been made.
        assert!((least..=least + 1).contains(&count), "{least}, {count}");
        least = count;
    }
    assert_eq!(place.set_aside(), 0);
    assert_eq!(place.objects(), least);
}

#[test]
fn processes_that_open_at_once_set_one_log_aside() {
    let place = Place::new();
    let copy = place.copy("backup");
    let mut service = Service::start(&place.path);
    service.add(3);
    service.kill();
    overwrite(&place, &copy);
    let mut others: Vec<_> = (0..6).map(|_| Other::start(ROLE, &place.path)).collect();
    for other in &mut others {
        assert_eq!(other.hear().as_deref(), Some("open"));
        other.tell("1");
    }
    for other in &mut others {
        assert_eq!(other.hear().as_deref(), Some("done"));
    }
    others.into_iter().for_each(Other::finish);
    assert_eq!(place.set_aside(), 1);
    assert_eq!(place.objects(), 26);
}
