//! How a forked child learns that it is one.

use std::sync::atomic::{AtomicU8, Ordering};

const ALIVE: u8 = 1;

/// Names a process.
pub(crate) enum Mark {
    /// A page that holds `ALIVE`. The kernel gives a forked child zeros instead (MADV_WIPEONFORK), so
    /// the check costs one load.
    Page(&'static AtomicU8),
    /// The process id, where the kernel has no such pages (Linux before 4.14, other systems).
    Process(libc::pid_t),
}

impl Mark {
    /// The mark of this process. Its page is never unmapped.
    pub(crate) fn new() -> Self {
        match wiped_page() {
            Some(page) => {
                page.store(ALIVE, Ordering::Relaxed);
                Self::Page(page)
            }
            None => Self::of_process_id(),
        }
    }

    /// The kind of mark that every kernel has.
    pub(crate) fn of_process_id() -> Self {
        // SAFETY: takes no argument and cannot fail.
        Self::Process(unsafe { libc::getpid() })
    }

    #[cfg(test)]
    pub(crate) fn of_another_process() -> Self {
        Self::Process(0)
    }

    /// False in a child of the process that made the mark.
    pub(crate) fn is_ours(&self) -> bool {
        match self {
            Self::Page(page) => page.load(Ordering::Relaxed) == ALIVE,
            // SAFETY: takes no argument and cannot fail.
            Self::Process(id) => *id == unsafe { libc::getpid() },
        }
    }
}

#[cfg(target_os = "linux")]
fn wiped_page() -> Option<&'static AtomicU8> {
    use std::ptr;

    // Less than a page is mapped and advised as a whole page.
    const LEN: usize = 1;
    // SAFETY: an anonymous private mapping touches no memory of anybody else.
    let page = unsafe {
        libc::mmap(
            ptr::null_mut(),
            LEN,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if page == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: the page is ours and nothing refers to it yet.
    if unsafe { libc::madvise(page, LEN, libc::MADV_WIPEONFORK) } != 0 {
        // SAFETY: as above; it is given back unused.
        unsafe { libc::munmap(page, LEN) };
        return None;
    }
    // SAFETY: mapped, writable, and never unmapped from here on.
    Some(unsafe { AtomicU8::from_ptr(page.cast()) })
}

#[cfg(not(target_os = "linux"))]
fn wiped_page() -> Option<&'static AtomicU8> {
    None
}

#[cfg(test)]
mod tests {
    use super::Mark;

    #[test]
    fn both_marks_tell_a_child() {
        let (mark, fallback) = (Mark::new(), Mark::of_process_id());
        assert!(mark.is_ours() && fallback.is_ours());
        // SAFETY: the child asks the marks and leaves at once, without destructors.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let told = !mark.is_ours() && !fallback.is_ours();
            // SAFETY: as above.
            unsafe { libc::_exit(i32::from(!told)) }
        }
        let mut status = 0;
        // SAFETY: the child is ours, the place is good.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(status, 0);
        assert!(mark.is_ours() && fallback.is_ours());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_has_the_page() {
        assert!(matches!(Mark::new(), Mark::Page(_)));
    }
}
