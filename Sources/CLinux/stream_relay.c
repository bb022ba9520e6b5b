/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * A process that waits for a stream so that its parent need not. It is copied from the parent and touches one buffer; all
 * signals are blocked in it since the clone, so that a reader's end is EPIPE and nothing interrupts. */
#include "guest_internal.h"

/* P_PIDFD of waitid(2), Linux 5.4. */
#define CEL_P_PIDFD 3

enum { foreign_place = 3, own_place = 4, buffer_size = 16384, socket_size = 16384 };
static char buffer[buffer_size];

static void await(int fd, short events) {
    struct pollfd entry = {fd, events, 0};
    poll(&entry, 1, -1);
}

static int write_all(int fd, const char *bytes, size_t size) {
    while (size > 0) {
        ssize_t count = write(fd, bytes, size);
        if (count >= 0) {
            bytes += count;
            size -= (size_t)count;
        } else if (errno == EAGAIN) {
            /* Somebody else has made it non-blocking for us too. */
            await(fd, POLLOUT);
        } else if (errno != EINTR) {
            return 0;
        }
    }
    return 1;
}

static _Noreturn void write_to(int foreign, int own) {
    for (;;) {
        ssize_t count = read(own, buffer, sizeof buffer);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) _exit(0);
        if (!write_all(foreign, buffer, (size_t)count)) _exit(1);
    }
}

static _Noreturn void read_from(int foreign, int own) {
    for (;;) {
        struct pollfd entries[2] = {{foreign, POLLIN, 0}, {own, 0, 0}};
        if (poll(entries, 2, -1) < 0) continue;
        /* What nobody takes any more stays for who reads next. */
        if (entries[1].revents) _exit(0);
        if (!entries[0].revents) continue;
        ssize_t count = read(foreign, buffer, sizeof buffer);
        if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (count <= 0) _exit(0);
        if (!write_all(own, buffer, (size_t)count)) _exit(1);
    }
}

static _Noreturn void be_relay(int foreign, int own, int writes, pid_t parent) {
    cel_parent_death_signal(SIGKILL);
    if (getppid() != parent) _exit(1);
    cel_thread_name("etherloom-relay");
    foreign = fcntl(foreign, F_DUPFD_CLOEXEC, own_place + 1);
    own = fcntl(own, F_DUPFD_CLOEXEC, own_place + 1);
    if (foreign < 0 || own < 0) _exit(1);
    dup3(foreign, foreign_place, O_CLOEXEC);
    dup3(own, own_place, O_CLOEXEC);
    for (int fd = 0; fd < foreign_place; fd++) close(fd);
    cel_close_from(own_place + 1);
    if (writes) write_to(foreign_place, own_place);
    read_from(foreign_place, own_place);
}

int cel_relay_stream(int foreign, int writes, int *own, int *handle) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) return -errno;
    /* What lies in between is late for ^C: not much of it. */
    for (int i = 0; i < 2; i++) cel_set_option(ends[i], SOL_SOCKET, SO_SNDBUF, socket_size);
    pid_t parent = getpid();
    int error = cel_set_nonblocking(ends[0]);
    pid_t child = error < 0 ? error : cel_clone_child(0);
    if (child == 0) be_relay(foreign, ends[1], writes, parent);
    close(ends[1]);
    if (child > 0) {
        *handle = (int)cel_pidfd_open(child);
        if (*handle >= 0) {
            *own = ends[0];
            return child;
        }
        int status = 0;
        kill(child, SIGKILL);
        cel_wait(child, &status);
        child = *handle;
    }
    close(ends[0]);
    return child;
}

void cel_end_relay(int handle) {
    cel_pidfd_send_signal(handle, SIGKILL);
    siginfo_t end;
    while (waitid((idtype_t)CEL_P_PIDFD, (id_t)handle, &end, WEXITED) < 0 && errno == EINTR) {}
}
