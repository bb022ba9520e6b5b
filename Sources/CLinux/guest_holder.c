/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Theory of operation: who is whose child.
 *
 *     keeper ── holder            user, mount, network namespaces of the lab
 *        ├──── init of a guest    cloned by the holder with CLONE_PARENT: a child of the keeper, in user and PID namespaces
 *        └──── a kernel           below the holder's
 *
 * The holder is copied from the keeper as soon as that runs, and never changes its memory but for a buffer: so it is a cheap
 * thing to copy, and all guests' inits share its pages. Whatever belongs to the lab is the keeper's child, gets SIGKILL with
 * the keeper's end, and takes its PID namespace along; the namespaces, with mounts and interfaces, go with their last
 * process. */
#include "guest_internal.h"

#include <linux/sched.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

static char request[CEL_HOLDER_MESSAGE];
/* What a guest's user namespace gets: everybody that there is in the lab's, under the same numbers. */
static char users[8192], groups[8192];

void cel_say(
    int control, uint32_t kind, uint32_t subject, uint32_t step, int value, const int *descriptors, int count) {
    struct cel_guest_message message = {kind, subject, step, value};
    long sent;
    while ((sent = cel_send_descriptors(control, &message, sizeof message, descriptors, count)) < 0) {
        struct pollfd event = {control, POLLOUT, 0};
        if (sent == -EAGAIN) poll(&event, 1, -1);
        else if (sent != -EINTR) return;
    }
}

long cel_await_message(int control, void *buffer, size_t capacity, int *descriptors, int *count) {
    for (;;) {
        int truncated = 0;
        long size = cel_receive_descriptors(control, buffer, capacity, descriptors, CEL_DESCRIPTORS_MAX, count, &truncated);
        if (size == -EINTR) continue;
        /* One that was cut short is none: what it asks for is nothing that anybody knows. */
        if ((truncated & CEL_CUT_BYTES) && size > 0) *(char *)buffer = 0;
        if (size != -EAGAIN) return size;
        struct pollfd event = {control, POLLIN, 0};
        poll(&event, 1, -1);
    }
}

void cel_close_from(int first) {
    if (syscall(SYS_close_range, first, ~0u, 0) == 0) return;
    for (int fd = first; fd < 65536; fd++) close(fd);
}

void cel_default_signals(void) {
    for (int number = 1; number < 32; number++)
        if (number != SIGKILL && number != SIGSTOP) signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
}

static int is_of_name(const char *entry, const char *other) {
    for (; *entry && *entry != '='; entry++, other++)
        if (*entry != *other) return 0;
    return *other == '=';
}

int cel_execute_image(const void *image, size_t size, char *const *extra) {
    uint32_t counts[2];
    const char *start = image;
    if (size < sizeof counts) return EINVAL;
    memcpy(counts, start, sizeof counts);
    if (counts[0] == 0 || (uint64_t)counts[0] + counts[1] > size - sizeof counts) return EINVAL;
    size_t extras = 0;
    while (extra && extra[extras]) extras++;
    size_t entries = (size_t)counts[0] + counts[1] + extras + 2;
    char **table = cel_map_private(entries * sizeof(char *));
    if (!table) return ENOMEM;
    const char *at = start + sizeof counts, *end = start + size;
    char **arguments = table, **variables = table + counts[0] + 1;
    size_t used = 0;
    for (size_t i = 0; i < (size_t)counts[0] + counts[1]; i++) {
        const char *next = at < end ? memchr(at, 0, (size_t)(end - at)) : NULL;
        if (!next) return EINVAL;
        if (i < counts[0]) {
            arguments[i] = (char *)at;
        } else {
            int is_replaced = 0;
            for (size_t k = 0; k < extras; k++) is_replaced |= is_of_name(extra[k], at);
            if (!is_replaced) variables[used++] = (char *)at;
        }
        at = next + 1;
    }
    for (size_t k = 0; k < extras; k++) variables[used++] = extra[k];
    environ = variables;
    execvp(arguments[0], arguments);
    return errno;
}

/* A descriptor table that holds only these, from 0 on; `above` keeps its number, which is behind them. They are behind it. */
static void place_descriptors(const int *descriptors, int count, int above) {
    for (int i = 0; i < count; i++) dup2(descriptors[i], i);
    for (int i = count; i < 3; i++) {
        int null = open("/dev/null", O_RDWR);
        if (null >= 0 && null != i) {
            dup2(null, i);
            close(null);
        }
    }
    for (int i = count > 3 ? count : 3; i < above; i++) close(i);
    cel_close_from(above + 1);
}

/* Clones with these flags; the child becomes the program. The parent learns whether it did. */
static int start_program(unsigned long flags, const void *image, size_t size, const int *descriptors, int count) {
    enum { place = 20 };
    int report[2];
    if (count > CEL_DESCRIPTORS_MAX) return -EINVAL;
    if (pipe2(report, O_CLOEXEC) < 0) return -errno;
    pid_t parent = flags & CLONE_PARENT ? getppid() : getpid();
    pid_t child = cel_clone_child(flags);
    if (child == 0) {
        cel_parent_death_signal(SIGKILL);
        if (getppid() != parent) _exit(127);
        /* Descriptors to be may have this number already: they are moved behind it. */
        int moved[CEL_DESCRIPTORS_MAX], error = 0;
        for (int i = 0; i < count && !error; i++) {
            moved[i] = fcntl(descriptors[i], F_DUPFD_CLOEXEC, place + 1);
            if (moved[i] < 0) error = errno;
        }
        /* A program without its descriptors would take ours for them. */
        if (error || (report[1] != place && dup3(report[1], place, O_CLOEXEC) < 0)) {
            if (!error) error = errno;
            long ignored = write(report[1], &error, sizeof error);
            (void)ignored;
            _exit(127);
        }
        place_descriptors(moved, count, place);
        cel_default_signals();
        error = cel_execute_image(image, size, NULL);
        long ignored = write(place, &error, sizeof error);
        (void)ignored;
        _exit(127);
    }
    close(report[1]);
    int error = child < 0 ? -child : 0;
    if (child > 0) {
        ssize_t got;
        do got = read(report[0], &error, sizeof error); while (got < 0 && errno == EINTR);
        if (got != sizeof error) error = 0;
        /* Whoever has been cloned for another parent is that one's to wait for. */
        if (error != 0 && !(flags & CLONE_PARENT)) waitpid(child, NULL, 0);
    }
    close(report[0]);
    return error ? -error : child;
}

int cel_start_program(const void *image, size_t size, const int *descriptors, int count) {
    return start_program(0, image, size, descriptors, count);
}

/* /proc/self/uid_map has "inside outside count": inside and count make the map of a namespace below. */
static void read_map(const char *path, char *out, size_t capacity) {
    char text[8192];
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = file < 0 ? 0 : read(file, text, sizeof text - 1);
    if (file >= 0) close(file);
    text[size > 0 ? size : 0] = 0;
    size_t used = 0;
    for (char *line = text; *line;) {
        char *field[3] = {0};
        size_t length[3] = {0};
        for (int i = 0; i < 3; i++) {
            while (*line == ' ') line++;
            field[i] = line;
            while (*line >= '0' && *line <= '9') line++;
            length[i] = (size_t)(line - field[i]);
        }
        while (*line && *line != '\n') line++;
        if (*line) line++;
        size_t needed = 2 * length[0] + length[2] + 3;
        if (length[2] == 0 || used + needed + 1 > capacity) break;
        const int order[3] = {0, 0, 2};
        for (int i = 0; i < 3; i++) {
            memcpy(out + used, field[order[i]], length[order[i]]);
            used += length[order[i]];
            out[used++] = i == 2 ? '\n' : ' ';
        }
    }
    out[used] = 0;
}

static int write_map(pid_t process, const char *name, const char *text) {
    char path[64] = "/proc/", digits[12];
    int count = 0;
    for (pid_t rest = process; rest > 0; rest /= 10) digits[count++] = (char)('0' + rest % 10);
    size_t used = strlen(path);
    while (count > 0) path[used++] = digits[--count];
    path[used++] = '/';
    size_t length = strlen(name);
    memcpy(path + used, name, length + 1);
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return -errno;
    size_t size = strlen(text);
    int result = write(file, text, size) == (ssize_t)size ? 0 : -errno;
    close(file);
    return result;
}

static int is_setgroups_denied(void) {
    char text[8] = {0};
    int file = open("/proc/self/setgroups", O_RDONLY | O_CLOEXEC);
    ssize_t size = file < 0 ? 0 : read(file, text, sizeof text - 1);
    if (file >= 0) close(file);
    return size >= 4 && memcmp(text, "deny", 4) == 0;
}

static int make_guest(const char *script, size_t size, int control) {
    int ready[2];
    if (pipe2(ready, O_CLOEXEC) < 0) return -errno;
    pid_t parent = getppid();
    pid_t child = cel_clone_child(CLONE_NEWUSER | CLONE_NEWPID | CLONE_PARENT);
    if (child == 0) {
        cel_parent_death_signal(SIGKILL);
        dup3(control, 20, O_CLOEXEC);
        dup3(ready[0], 21, O_CLOEXEC);
        for (int fd = 3; fd < 20; fd++) close(fd);
        cel_close_from(22);
        char byte;
        ssize_t count;
        do count = read(21, &byte, 1); while (count < 0 && errno == EINTR);
        if (count != 1) _exit(125);
        close(21);
        cel_be_guest(20, script, size);
    }
    close(ready[0]);
    int result = child;
    if (child > 0) {
        if (is_setgroups_denied()) write_map(child, "setgroups", "deny");
        int error = write_map(child, "gid_map", groups);
        if (error == 0) error = write_map(child, "uid_map", users);
        if (error == 0) {
            long ignored = write(ready[1], "", 1);
            (void)ignored;
        } else {
            result = error;
        }
    }
    close(ready[1]);
    (void)parent;
    return result;
}

static _Noreturn void be_holder(int control) {
    cel_parent_death_signal(SIGKILL);
    dup3(control, 20, O_CLOEXEC);
    control = 20;
    for (int fd = 3; fd < 20; fd++) close(fd);
    cel_close_from(21);
    cel_thread_name("etherloom-lab");
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    cel_say(control, CEL_GUEST_HELLO, 0, 0, 0, NULL, 0);
    int descriptors[CEL_DESCRIPTORS_MAX], count = 0;
    for (;;) {
        long size = cel_await_message(control, request, sizeof request, descriptors, &count);
        if (size <= 0) _exit(0);
        uint32_t line = 0;
        int result = -EINVAL;
        switch (request[0]) {
        case CEL_HOLDER_MAPPED:
            cel_parent_death_signal(SIGKILL);
            read_map("/proc/self/uid_map", users, sizeof users);
            read_map("/proc/self/gid_map", groups, sizeof groups);
            /* Mounts of the host keep coming in, ours never get out. */
            result = (int)cel_result(mount("", "/", NULL, MS_REC | MS_SLAVE, NULL));
            break;
        case CEL_HOLDER_GUEST:
            if (count == 1) result = make_guest(request + 1, (size_t)size - 1, descriptors[0]);
            break;
        case CEL_HOLDER_PROGRAM:
            result = start_program(CLONE_PARENT, request + 1, (size_t)size - 1, descriptors, count);
            break;
        case CEL_HOLDER_SCRIPT:
            result = cel_script_run(request + 1, (size_t)size - 1, control, &line);
            break;
        }
        for (int i = 0; i < count; i++) close(descriptors[i]);
        cel_say(control, CEL_HOLDER_ANSWER, line, 0, result, NULL, 0);
    }
}

int cel_holder_create(int *control) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) return -errno;
    pid_t child = cel_clone_child(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS);
    if (child == 0) be_holder(ends[1]);
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return child;
    }
    *control = ends[0];
    return child;
}

int cel_become_keeper(void) {
    setsid(); /* Refused to who leads one already. */
    return (int)cel_result(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
}

int cel_terminal_resize(int master, int columns, int rows) {
    struct winsize size;
    memset(&size, 0, sizeof size);
    size.ws_col = (unsigned short)columns;
    size.ws_row = (unsigned short)rows;
    return (int)cel_result(ioctl(master, TIOCSWINSZ, &size));
}
