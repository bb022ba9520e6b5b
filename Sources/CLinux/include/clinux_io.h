/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Descriptors, readiness, timers, signals, memory. */
#ifndef ETHERLOOM_CLINUX_IO_H
#define ETHERLOOM_CLINUX_IO_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static inline long cel_result(long value) { return value < 0 ? -(long)errno : value; }

static inline long cel_read(int fd, void *buffer, size_t count) { return cel_result(read(fd, buffer, count)); }
static inline long cel_write(int fd, const void *buffer, size_t count) { return cel_result(write(fd, buffer, count)); }
static inline int cel_close(int fd) { return (int)cel_result(close(fd)); }
static inline int cel_open(const char *path, int flags, unsigned mode) {
    return (int)cel_result(open(path, flags | O_CLOEXEC, mode));
}
static inline int cel_duplicate(int fd) { return (int)cel_result(fcntl(fd, F_DUPFD_CLOEXEC, 3)); }
static inline int cel_set_nonblocking(int fd) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0) return -errno;
    return (int)cel_result(fcntl(fd, F_SETFL, flags | O_NONBLOCK));
}
static inline int cel_set_blocking(int fd) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0) return -errno;
    return (int)cel_result(fcntl(fd, F_SETFL, flags & ~O_NONBLOCK));
}
static inline int cel_pipe(int descriptors[2]) { return (int)cel_result(pipe2(descriptors, O_CLOEXEC)); }

/* Reads or writes without waiting, whatever O_NONBLOCK says: the file description of a descriptor that another program
 * handed to us is shared with it, so that its flags are not ours to trust.
 *
 * A tap can be asked so since Linux 6.4 (commit 438b406055cd); before, it answers EOPNOTSUPP, and O_NONBLOCK, set again
 * before each call, is the next best thing: whoever shares the description could still clear it in between. */
static inline int cel_keep_nonblocking(int fd) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0) return -errno;
    return flags & O_NONBLOCK ? 0 : (int)cel_result(fcntl(fd, F_SETFL, flags | O_NONBLOCK));
}
static inline long cel_read_nowait(int fd, void *buffer, size_t count) {
    struct iovec vector = {buffer, count};
    long result = cel_result(preadv2(fd, &vector, 1, -1, RWF_NOWAIT));
    if (result != -EOPNOTSUPP) return result;
    int failure = cel_keep_nonblocking(fd);
    return failure < 0 ? failure : cel_read(fd, buffer, count);
}
static inline long cel_write_nowait(int fd, const void *buffer, size_t count) {
    struct iovec vector = {(void *)buffer, count};
    long result = cel_result(pwritev2(fd, &vector, 1, -1, RWF_NOWAIT));
    if (result != -EOPNOTSUPP) return result;
    int failure = cel_keep_nonblocking(fd);
    return failure < 0 ? failure : cel_write(fd, buffer, count);
}

/* epoll(7), with the user word as a plain integer. */
static inline int cel_epoll_create(void) { return (int)cel_result(epoll_create1(EPOLL_CLOEXEC)); }
static inline int cel_epoll_ctl(int epoll, int operation, int fd, uint32_t events, uint64_t word) {
    struct epoll_event event;
    memset(&event, 0, sizeof event);
    event.events = events;
    event.data.u64 = word;
    return (int)cel_result(epoll_ctl(epoll, operation, fd, &event));
}
#define CEL_EPOLL_BATCH 64
static inline int cel_epoll_wait(int epoll, uint64_t *words, uint32_t *events, int capacity, int timeout) {
    struct epoll_event ready[CEL_EPOLL_BATCH];
    int count = epoll_wait(epoll, ready, capacity < CEL_EPOLL_BATCH ? capacity : CEL_EPOLL_BATCH, timeout);
    if (count < 0) return -errno;
    for (int i = 0; i < count; i++) {
        words[i] = ready[i].data.u64;
        events[i] = ready[i].events;
    }
    return count;
}

static inline int cel_eventfd(void) { return (int)cel_result(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

static inline int cel_timerfd_create(void) {
    return (int)cel_result(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
}
/* Arms at an absolute monotonic time in nanoseconds; 0 disarms. */
static inline int cel_timerfd_arm(int fd, uint64_t deadline) {
    struct itimerspec when = {{0, 0}, {(time_t)(deadline / 1000000000u), (long)(deadline % 1000000000u)}};
    return (int)cel_result(timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL));
}
static inline uint64_t cel_monotonic_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
static inline uint64_t cel_thread_cpu_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Blocks the signals in `mask` (bit n-1 is signal n) for this thread and those that it makes. */
static inline int cel_signals_block(uint64_t mask) {
    sigset_t set;
    sigemptyset(&set);
    for (int number = 1; number < 64; number++)
        if (mask & (1ull << (number - 1))) sigaddset(&set, number);
    return -pthread_sigmask(SIG_BLOCK, &set, NULL);
}
static inline int cel_signals_unblock_all(void) {
    sigset_t set;
    sigemptyset(&set);
    return -pthread_sigmask(SIG_SETMASK, &set, NULL);
}
static inline int cel_signalfd(uint64_t mask) {
    sigset_t set;
    sigemptyset(&set);
    for (int number = 1; number < 64; number++)
        if (mask & (1ull << (number - 1))) sigaddset(&set, number);
    return (int)cel_result(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}
/* The next pending signal's number, or -EAGAIN. *from_user: sent by kill(2), not by the terminal or the kernel. */
static inline int cel_signalfd_read(int fd, int *from_user) {
    struct signalfd_siginfo info;
    ssize_t count = read(fd, &info, sizeof info);
    if (count < 0) return -errno;
    *from_user = info.ssi_code <= 0;
    return (int)info.ssi_signo;
}
static inline void cel_signal_ignore(int number) { signal(number, SIG_IGN); }
static inline void cel_signal_default(int number) { signal(number, SIG_DFL); }

static inline int cel_memfd_create(const char *name) {
    return (int)cel_result(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
}
static inline int cel_truncate(int fd, int64_t size) { return (int)cel_result(ftruncate(fd, size)); }
static inline int cel_memfd_seal_size(int fd) {
    return (int)cel_result(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
}
static inline void *cel_map_shared(int fd, size_t size) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return memory == MAP_FAILED ? NULL : memory;
}
/* Private memory that takes no page before it is touched. */
static inline void *cel_map_private(size_t size) {
    void *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}
static inline int cel_unmap(void *memory, size_t size) { return (int)cel_result(munmap(memory, size)); }

static inline int cel_getrandom(void *buffer, size_t count) {
    return (int)cel_result(syscall(SYS_getrandom, buffer, count, 0));
}
static inline int cel_thread_name(const char *name) { return (int)cel_result(prctl(PR_SET_NAME, name)); }
/* Dies with its parent: no helper of ours outlives the process that owns it. */
static inline int cel_parent_death_signal(int number) { return (int)cel_result(prctl(PR_SET_PDEATHSIG, number)); }

static inline int cel_inotify_create(void) { return (int)cel_result(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)); }

static inline int cel_pidfd_open(int pid) { return (int)cel_result(syscall(SYS_pidfd_open, pid, 0)); }

/* Continues as a daemon in a new session: the caller's process ends with status 0 once the daemon, holding the returned
 * pipe end, closes it after writing one byte; it ends with the byte's value otherwise. Call before any thread exists. */
static inline int cel_daemonize(void) {
    int ready[2];
    if (pipe2(ready, O_CLOEXEC) < 0) return -errno;
    pid_t child = fork();
    if (child < 0) return -errno;
    if (child > 0) {
        unsigned char status = 1;
        close(ready[1]);
        ssize_t count;
        do count = read(ready[0], &status, 1); while (count < 0 && errno == EINTR);
        _exit(count == 1 ? status : 1);
    }
    close(ready[0]);
    setsid();
    return ready[1];
}

/* The child continues beside its parent. Call before any thread exists. */
static inline int cel_split(void) { return (int)cel_result(fork()); }

/* Becomes a user for good: no other groups, no way back, nothing that this user's debuggers may look into. The parent's end is
 * this process's end; the signal is set last, because it is forgotten when the user changes (prctl(2)). */
static inline int cel_become(unsigned user, unsigned group, int parent) {
    gid_t groups[1] = {group};
    if (setgroups(1, groups) < 0 || setresgid(group, group, group) < 0 || setresuid(user, user, user) < 0) return -errno;
    if (user != 0 && setresuid((uid_t)-1, 0, (uid_t)-1) == 0) return -EPERM;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) return -errno;
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0) return -errno;
    if (getppid() != parent) return -ESRCH;
    return 0;
}

/* Descriptors 0, 1 and 2 exist afterwards, on /dev/null where the caller had closed them: a descriptor of ours must never
 * take their place, or messages would go into it. */
static inline void cel_ensure_standard_streams(void) {
    int null;
    do null = open("/dev/null", O_RDWR); while (null >= 0 && null < 3);
    if (null >= 0) close(null);
}

/* Standard input and outputs become /dev/null, as a daemon's should. */
static inline int cel_detach_standard_streams(void) {
    int null = open("/dev/null", O_RDWR);
    if (null < 0) return -errno;
    dup2(null, 0);
    dup2(null, 1);
    dup2(null, 2);
    if (null > 2) close(null);
    return 0;
}

/* stat(2), flattened. */
struct cel_status {
    uint64_t device, inode;
    uint32_t mode, uid, gid;
    uint64_t device_number;
    int64_t modified_nanoseconds;
};
static inline int cel_fill_status(const struct stat *s, struct cel_status *out) {
    out->device = s->st_dev;
    out->inode = s->st_ino;
    out->mode = s->st_mode;
    out->uid = s->st_uid;
    out->gid = s->st_gid;
    out->device_number = s->st_rdev;
    out->modified_nanoseconds = (int64_t)s->st_mtim.tv_sec * 1000000000 + s->st_mtim.tv_nsec;
    return 0;
}
static inline int cel_stat(const char *path, int follow, struct cel_status *out) {
    struct stat s;
    if ((follow ? stat(path, &s) : lstat(path, &s)) < 0) return -errno;
    return cel_fill_status(&s, out);
}
static inline int cel_fstat(int fd, struct cel_status *out) {
    struct stat s;
    if (fstat(fd, &s) < 0) return -errno;
    return cel_fill_status(&s, out);
}
/* The file at a path itself, held fast whatever becomes of the path: nothing can be read or written (O_PATH, open(2)). */
static inline int cel_hold(const char *path) {
    return (int)cel_result(open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC));
}
static inline int cel_change_owner(int fd, unsigned user, unsigned group) {
    return (int)cel_result(fchownat(fd, "", user, group, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW));
}

#endif
