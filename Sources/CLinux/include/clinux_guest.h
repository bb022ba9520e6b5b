/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Memory that another program shares with us and changes while we read it: a virtual machine's.
 *
 * Its file can be cut short at any moment, and touching what is gone is SIGBUS. A region that is guarded survives that:
 * the handler puts empty private memory in the whole region's place, notes that the region is broken, and returns, so that
 * the instruction goes on and reads zeros. Who uses the region looks at the note when it has done a piece of work. Nothing
 * jumps out of a function, no lock is held across anything, and the thread that stumbled need not be known. A SIGBUS that
 * is not about a guarded region does what it would have done without us. */
#ifndef ETHERLOOM_CLINUX_GUEST_H
#define ETHERLOOM_CLINUX_GUEST_H

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "clinux_io.h"

/* Guards a mapping: a number for the calls below, or -errno (-ENOSPC: too many at once). */
int cel_guard_add(void *base, size_t size);
/* Ends the guard; to be called before the mapping is taken away. */
void cel_guard_remove(int guard);
/* The region's memory is gone: what is read there is zero, what is written there is lost. */
int cel_guard_is_broken(int guard);

/* Maps a file's first `size` bytes to share them; NULL when the kernel refuses. */
static inline void *cel_map_guest(int fd, size_t size) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    return memory == MAP_FAILED ? NULL : memory;
}
/* Size of a regular file and the magic number of its file system (statfs(2)); -EINVAL for anything but a regular file. */
static inline int cel_memory_file(int fd, int64_t *size, int64_t *file_system) {
    struct stat status;
    struct statfs system;
    if (fstat(fd, &status) < 0) return -errno;
    if (!S_ISREG(status.st_mode)) return -EINVAL;
    if (fstatfs(fd, &system) < 0) return -errno;
    *size = status.st_size;
    *file_system = (int64_t)system.f_type;
    return 0;
}
/* What a descriptor is, as /proc names it ("anon_inode:[eventfd]"): the name's length, cut to `capacity`. */
static inline long cel_descriptor_name(int fd, char *name, size_t capacity) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return cel_result(readlink(path, name, capacity));
}

/* Each value is fetched once, whatever the compiler thinks of memory that it sees nobody else change: what was checked is
 * what is used. Ring indices are aligned (checked when a ring is set up); descriptors need not be. */
static inline uint16_t cel_guest_load16(const void *address) {
    return __atomic_load_n((const uint16_t *)address, __ATOMIC_RELAXED);
}
static inline uint16_t cel_guest_load16_acquire(const void *address) {
    return __atomic_load_n((const uint16_t *)address, __ATOMIC_ACQUIRE);
}
static inline void cel_guest_store16(void *address, uint16_t value) {
    __atomic_store_n((uint16_t *)address, value, __ATOMIC_RELAXED);
}
static inline void cel_guest_store16_release(void *address, uint16_t value) {
    __atomic_store_n((uint16_t *)address, value, __ATOMIC_RELEASE);
}
static inline void cel_guest_store32(void *address, uint32_t value) {
    __atomic_store_n((uint32_t *)address, value, __ATOMIC_RELAXED);
}
/* Orders stores before it before loads behind it, as both sides of a ring need it to agree on who sleeps. */
static inline void cel_guest_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

/* A descriptor of a split virtqueue (virtio 1.2, 2.7.5). */
struct cel_ring_descriptor {
    uint64_t address;
    uint32_t size;
    uint16_t flags;
    uint16_t next;
};
static inline void cel_guest_load_descriptor(const void *address, struct cel_ring_descriptor *descriptor) {
    memcpy(descriptor, address, sizeof *descriptor);
    __asm__ volatile("" : "+m"(*descriptor) : : "memory");
}
static inline void cel_guest_copy(void *to, const void *from, size_t size) {
    memcpy(to, from, size);
    __asm__ volatile("" : : : "memory");
}

#endif
