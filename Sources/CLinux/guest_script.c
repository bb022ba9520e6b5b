/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * What makes a guest's world: a list of system calls, put together by the keeper in Swift and executed here, by the process
 * that is inside. A line is a letter, a sign, and as many strings as the letter takes, each with its NUL.
 *
 * Signs: `!` the line must succeed, `?` it may fail, `|` it is for when the line before has failed, and must succeed then. */
#include "guest_internal.h"

#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

#ifndef MOUNT_ATTR_RDONLY
#define MOUNT_ATTR_RDONLY 0x00000001
struct mount_attr {
    uint64_t attr_set, attr_clr, propagation, userns_fd;
};
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

static int console = -1;

int cel_script_console(void) { return console; }

static const char *next_string(const char **at, const char *end) {
    const char *start = *at;
    const char *stop = start < end ? memchr(start, 0, (size_t)(end - start)) : NULL;
    if (!stop) return NULL;
    *at = stop + 1;
    return start;
}

static unsigned long number(const char *text, unsigned base) {
    unsigned long value = 0;
    for (; *text >= '0' && *text <= '9'; text++) value = value * base + (unsigned long)(*text - '0');
    return value;
}

static const char *optional(const char *text) { return *text ? text : NULL; }

static int call(long result) { return result < 0 ? -errno : 0; }

/* Files are made and written as the guest's root would: what it has put there is followed within its own root. Never waits
 * for a pipe's other end. */
static int write_file(const char *path, int flags, unsigned mode, const char *text) {
    int file = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags, mode);
    if (file < 0) return -errno;
    size_t size = strlen(text);
    int result = 0;
    while (size > 0) {
        ssize_t count = write(file, text, size);
        if (count < 0) {
            if (errno == EINTR) continue;
            result = -errno;
            break;
        }
        text += count;
        size -= (size_t)count;
    }
    close(file);
    return result;
}

static int make_directory(const char *path, unsigned mode) {
    if (mkdir(path, mode) == 0) return 0;
    return errno == EEXIST ? 0 : -errno;
}

static int pivot(const char *root) {
    if (chdir(root) < 0) return -errno;
    if (syscall(SYS_pivot_root, ".", ".") < 0) return -errno;
    /* The old root now lies over the new one. */
    if (umount2(".", MNT_DETACH) < 0) return -errno;
    return call(chdir("/"));
}

static int set_read_only(const char *path) {
    struct mount_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    return call(syscall(SYS_mount_setattr, AT_FDCWD, path, AT_RECURSIVE, &attributes, sizeof attributes));
}

/* A tap, and a packet socket of no protocol yet if `flags` ask for one. */
static int make_tap(const char *name, unsigned flags, int control, uint32_t line) {
    int descriptors[2], count = 1;
    int tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tap < 0) return -errno;
    struct stat status;
    if (fstat(tap, &status) < 0 || !S_ISCHR(status.st_mode) || status.st_rdev != makedev(10, 200)) {
        close(tap);
        return -ENODEV;
    }
    char field[IFNAMSIZ] = {0};
    strncpy(field, name, IFNAMSIZ - 1);
    int result = cel_tap_set_name(tap, field);
    /* No cable is plugged in before the fabric says so. */
    if (result >= 0) cel_tap_set_carrier(tap, 0);
    if (result >= 0 && (flags & CEL_INTERFACE_PACKET_SOCKET)) {
        descriptors[1] = cel_packet_socket();
        if (descriptors[1] < 0) result = descriptors[1];
        else count = 2;
    }
    if (result >= 0) {
        descriptors[0] = tap;
        cel_say(control, CEL_GUEST_DESCRIPTORS, line, 0, 0, descriptors, count);
        if (count == 2) close(descriptors[1]);
    }
    close(tap);
    return result < 0 ? result : 0;
}

static int open_packet_socket(int control, uint32_t line) {
    int packets = cel_packet_socket();
    if (packets < 0) return packets;
    cel_say(control, CEL_GUEST_DESCRIPTORS, line, 0, 0, &packets, 1);
    close(packets);
    return 0;
}

/* Whole frames of an interface, in both directions. */
static int open_frame_socket(int interface, int control, uint32_t line) {
    int frames = cel_frame_socket(interface);
    if (frames < 0) return frames;
    cel_set_option(frames, SOL_PACKET, PACKET_IGNORE_OUTGOING, 0);
    cel_say(control, CEL_GUEST_DESCRIPTORS, line, 0, 0, &frames, 1);
    close(frames);
    return 0;
}

static int open_netlink(int control, uint32_t line) {
    int own = cel_netlink_socket();
    if (own < 0) return own;
    cel_say(control, CEL_GUEST_DESCRIPTORS, line, 0, 0, &own, 1);
    close(own);
    return 0;
}

static int open_and_say(const char *path, int flags, int control, uint32_t line) {
    int file = open(path, flags | O_CLOEXEC);
    if (file < 0) return -errno;
    cel_say(control, CEL_GUEST_DESCRIPTORS, line, 0, 0, &file, 1);
    close(file);
    return 0;
}

static int open_console(const char *path, int control, uint32_t line) {
    int master = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (master < 0) return -errno;
    int lock = 0, result = 0;
    if (ioctl(master, TIOCSPTLCK, &lock) < 0) result = -errno;
    if (result == 0) {
        console = (int)ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (console < 0) result = -errno;
    }
    if (result == 0) cel_say(control, CEL_GUEST_DESCRIPTORS, line, 0, 0, &master, 1);
    close(master);
    return result;
}

static int arguments_of(char letter) {
    switch (letter) {
    case 'n': case 'k': return 0;
    case 'u': case 'h': case 'p': case 'a': case 'N': case 'c': case 'P': case 'q': return 1;
    case 'd': case 'l': case 't': case 'w': case 'x': case 'r': return 2;
    case 'b': case 'f': case 'e': return 3;
    case 'm': return 5;
    default: return -1;
    }
}

static int run_line(char letter, const char *a[5], int control, uint32_t line) {
    switch (letter) {
    case 'u': return call(unshare((int)number(a[0], 10)));
    case 'm': return call(mount(optional(a[0]), a[1], optional(a[2]), number(a[3], 10), optional(a[4])));
    case 'b': return call(mount(a[0], a[1], NULL, MS_BIND | number(a[2], 10), NULL));
    case 'r': return call(mount(NULL, a[0], NULL, MS_BIND | MS_REMOUNT | number(a[1], 10), NULL));
    case 'a': return set_read_only(a[0]);
    case 'd': return make_directory(a[0], (unsigned)number(a[1], 8));
    case 'f': return write_file(a[0], O_CREAT | O_TRUNC, (unsigned)number(a[1], 8), a[2]);
    case 'e': {
        int result = write_file(a[0], O_CREAT | O_EXCL, (unsigned)number(a[1], 8), a[2]);
        return result == -EEXIST ? 0 : result;
    }
    case 'w': return write_file(a[0], 0, 0, a[1]);
    case 'l': return call(symlink(a[0], a[1]));
    case 'p': return pivot(a[0]);
    case 'x': return call(umount2(a[0], (int)number(a[1], 10)));
    case 'h': return call(sethostname(a[0], strlen(a[0])));
    case 'c': return call(chdir(a[0]));
    case 't': return make_tap(a[0], (unsigned)number(a[1], 10), control, line);
    case 'k': return open_packet_socket(control, line);
    case 'q': return open_frame_socket((int)number(a[0], 10), control, line);
    case 'n': return open_netlink(control, line);
    case 'N': return open_and_say(a[0], O_RDONLY | O_NONBLOCK, control, line);
    case 'P': return open_console(a[0], control, line);
    default: return -EINVAL;
    }
}

int cel_script_run(const char *script, size_t size, int control, uint32_t *line) {
    const char *at = script, *end = script + size;
    int has_failed = 0;
    *line = 0;
    for (uint32_t count = 0; at < end; count++) {
        *line = count;
        if (end - at < 2) return -EINVAL;
        char letter = *at++, sign = *at++;
        int wanted = arguments_of(letter);
        if (wanted < 0) return -EINVAL;
        const char *a[5] = {0};
        for (int i = 0; i < wanted; i++)
            if (!(a[i] = next_string(&at, end))) return -EINVAL;
        if (sign == '|' && !has_failed) continue;
        int result = run_line(letter, a, control, count);
        has_failed = result < 0;
        if (result < 0 && sign != '?') return result;
    }
    return 0;
}
