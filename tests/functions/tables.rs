//! Function tables, interfaces and C_GetInfo.

use std::ptr;

use cryptoki_sys::*;

use super::hsm::{Table, test};

fn function_list(table: Table) -> &'static CK_FUNCTION_LIST {
    let mut list = ptr::null_mut();
    assert_eq!(function!(table, C_GetFunctionList(&raw mut list)), CKR_OK);
    // SAFETY: the library, and its tables with it, stays loaded.
    unsafe { &*list }
}

fn interface(
    table: Table,
    version: Option<(u8, u8)>,
    flags: CK_FLAGS,
) -> Result<CK_INTERFACE, CK_RV> {
    let mut version = version.map(|(major, minor)| CK_VERSION { major, minor });
    let version = version.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
    let mut found = ptr::null_mut();
    let name = c"PKCS 11".as_ptr().cast_mut().cast();
    match function!(table, C_GetInterface(name, version, &raw mut found, flags)) {
        // SAFETY: as above.
        CKR_OK => Ok(unsafe { *found }),
        rv => Err(rv),
    }
}

fn version(interface: &CK_INTERFACE) -> (u8, u8) {
    // SAFETY: every table begins with its version.
    let version = unsafe { *interface.pFunctionList.cast::<CK_VERSION>() };
    (version.major, version.minor)
}

/// The entries behind the version, which takes one pointer's room.
fn entries<T>(table: &T) -> &[Option<unsafe extern "C" fn()>] {
    let start = ptr::from_ref(table).cast::<Option<unsafe extern "C" fn()>>();
    let entries = size_of::<T>() / size_of::<usize>() - 1;
    // SAFETY: the rest of the table is nothing but optional function pointers.
    unsafe { std::slice::from_raw_parts(start.add(1), entries) }
}

test! { run_uninitialized:
    fn every_entry_of_every_table_is_that_of_the_oldest(table) {
        let old = entries(function_list(table));
        assert!(old.iter().all(Option::is_some));
        let get_info = 2;
        for (wanted, own_info) in [((2, 40), false), ((3, 0), true), ((3, 2), true)] {
            let found = interface(table, Some(wanted), 0).unwrap();
            let new = match wanted {
                // SAFETY: the version says which table it is, here and below.
                (2, 40) => entries(unsafe { &*found.pFunctionList.cast::<CK_FUNCTION_LIST>() }),
                // SAFETY: as above.
                (3, 0) => entries(unsafe { &*found.pFunctionList.cast::<CK_FUNCTION_LIST_3_0>() }),
                // SAFETY: as above.
                _ => entries(unsafe { &*found.pFunctionList.cast::<CK_FUNCTION_LIST_3_2>() }),
            };
            assert!(new.iter().all(Option::is_some), "{wanted:?}");
            for index in (0..old.len()).filter(|index| *index != get_info) {
                assert_eq!(
                    old[index].map(|entry| entry as usize),
                    new[index].map(|entry| entry as usize),
                    "{wanted:?} {index}"
                );
            }
            let differs = old[get_info].map(|e| e as usize) != new[get_info].map(|e| e as usize);
            assert_eq!(differs, own_info);
        }
    }

    fn versions_are_honest(table) {
        assert_eq!(function!(table, C_Initialize(ptr::null_mut())), CKR_OK);
        let old = function_list(table);
        assert_eq!((old.version.major, old.version.minor), (2, 40));
        for wanted in [(2, 40), (3, 0), (3, 2)] {
            let found = interface(table, Some(wanted), 0).unwrap();
            assert_eq!(version(&found), wanted);
            // SAFETY: the tables of all versions begin as that of 2.40 does.
            let table = unsafe { &*found.pFunctionList.cast::<CK_FUNCTION_LIST>() };
            let mut info = CK_INFO::default();
            assert_eq!(function!(table, C_GetInfo(&raw mut info)), CKR_OK);
            let told = (info.cryptokiVersion.major, info.cryptokiVersion.minor);
            assert_eq!(told, wanted);
            assert_eq!(&info.manufacturerID, b"Tenon                           ");
            assert_eq!(&info.libraryDescription, b"Tenon SoftHSM                   ");
            assert_eq!(info.flags, 0);
            let library = info.libraryVersion;
            let own = format!("{}.{}.", library.major, library.minor);
            assert!(env!("CARGO_PKG_VERSION").starts_with(&own));
        }
    }

    fn the_newest_interface_is_the_default(table) {
        assert_eq!(version(&interface(table, None, 0).unwrap()), (3, 2));
        let mut found = ptr::null_mut();
        let (null, none) = (ptr::null_mut(), ptr::null_mut());
        assert_eq!(function!(table, C_GetInterface(null, none, &raw mut found, 0)), CKR_OK);
        // SAFETY: as above.
        assert_eq!(version(unsafe { &*found }), (3, 2));
    }

    fn an_interface_that_is_not_there_is_refused(table) {
        assert_eq!(interface(table, Some((3, 1)), 0).err(), Some(CKR_ARGUMENTS_BAD));
        let forking = interface(table, None, CKF_INTERFACE_FORK_SAFE);
        assert_eq!(forking.err(), Some(CKR_ARGUMENTS_BAD));
        let mut found = ptr::null_mut();
        let name = c"Vendor".as_ptr().cast_mut().cast();
        let rv = function!(table, C_GetInterface(name, ptr::null_mut(), &raw mut found, 0));
        assert_eq!(rv, CKR_ARGUMENTS_BAD);
        assert!(found.is_null());
    }

    fn the_list_of_interfaces_begins_with_the_newest(table) {
        let list = |interfaces, count| function!(table, C_GetInterfaceList(interfaces, count));
        let mut count = 0;
        assert_eq!((list(ptr::null_mut(), &raw mut count), count), (CKR_OK, 3));
        // SAFETY: NULL and 0 are values of every field.
        let mut interfaces: [CK_INTERFACE; 3] = unsafe { std::mem::zeroed() };
        count = 2;
        let rv = list(interfaces.as_mut_ptr(), &raw mut count);
        assert_eq!((rv, count), (CKR_BUFFER_TOO_SMALL, 3));
        assert!(interfaces[0].pFunctionList.is_null());
        let rv = list(interfaces.as_mut_ptr(), &raw mut count);
        assert_eq!((rv, count), (CKR_OK, 3));
        assert_eq!(interfaces.each_ref().map(version), [(3, 2), (3, 0), (2, 40)]);
    }
}
