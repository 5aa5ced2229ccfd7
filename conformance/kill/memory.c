// Refuses memory to one library: preloaded, this counts the allocations that are asked for from within the module, and
// answers one of them with NULL. `refuse(n)` names the allocation, counted from now on; 0 = none. `asked()` says how many
// there were since.
#define _GNU_SOURCE
#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static uintptr_t begin, end;
static atomic_long count, chosen;

static int find(struct dl_phdr_info *info, size_t size, void *data) {
    (void)size, (void)data;
    if (!strstr(info->dlpi_name, "tenon_pkcs11"))
        return 0;
    begin = info->dlpi_addr;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t last = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
        if (info->dlpi_phdr[i].p_type == PT_LOAD && last > end)
            end = last;
    }
    return 1;
}

void refuse(long number) {
    dl_iterate_phdr(find, NULL);
    count = 0;
    chosen = number;
}

long asked(void) { return count; }

static bool refused(void *caller) {
    if ((uintptr_t)caller < begin || (uintptr_t)caller >= end)
        return false;
    long number = ++count;
    if (number != chosen)
        return false;
    errno = ENOMEM;
    return true;
}

#define REFUSED refused(__builtin_return_address(0))

void *malloc(size_t size) { return REFUSED ? NULL : __libc_malloc(size); }
void *calloc(size_t items, size_t size) { return REFUSED ? NULL : __libc_calloc(items, size); }
void *realloc(void *old, size_t size) { return REFUSED ? NULL : __libc_realloc(old, size); }

int posix_memalign(void **out, size_t alignment, size_t size) {
    void *memory = REFUSED ? NULL : __libc_memalign(alignment, size);
    if (!memory)
        return ENOMEM;
    *out = memory;
    return 0;
}
