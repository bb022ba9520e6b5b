/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Theory of operation: the making of a stack, and the way into one.
 *
 * The supervisor keeps its namespaces. A child is cloned into new ones; as the first process of its PID namespace it is
 * that namespace's init, so that its death, for whatever reason, makes the kernel kill all that runs there. The child opens
 * what can only be opened inside (taps, a netlink socket, packet sockets) and hands it out; the supervisor, who owns the
 * user namespace, then configures from outside with code that may allocate and throw.
 *
 * User and group keep their numbers, so that files, SO_PEERCRED and `id` say what they say outside. The maps are written
 * by the supervisor: it may be root and map everybody. */
#include "namespace_internal.h"

#include <linux/sched.h>
#include <sched.h>
#include <sys/mount.h>

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif
#ifndef MOVE_MOUNT_F_EMPTY_PATH
#define MOVE_MOUNT_F_EMPTY_PATH 0x00000004
#endif

/* Waits for one byte of the supervisor, and the descriptor that may come with it; ends when the supervisor has. */
static char await(int control, int *descriptor) {
    for (;;) {
        struct pollfd event = {control, POLLIN, 0};
        if (poll(&event, 1, -1) < 0) continue;
        char byte = 0;
        int count = 0, truncated = 0, arrived = -1;
        long size = cel_receive_descriptors(control, &byte, 1, &arrived, 1, &count, &truncated);
        if (size == -EAGAIN || size == -EINTR) continue;
        if (size <= 0) _exit(125);
        if (descriptor)
            *descriptor = count == 1 ? arrived : -1;
        else if (count == 1)
            close(arrived);
        return byte;
    }
}

/* Puts a file of our own over /etc/resolv.conf, in a tmpfs that only the mount and the returned descriptor keep alive:
 * nothing to be cleaned up, however we end. /proc, about to be mounted anew, lends its place for a moment. */
static int replace_resolver_file(void) {
    if (mount("tmpfs", "/proc", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=64k,mode=755") < 0) return -errno;
    int file = open("/proc/resolv.conf", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644), error = 0;
    if (file < 0)
        error = errno;
    else if (fchmod(file, 0644) < 0 || mount("/proc/resolv.conf", "/etc/resolv.conf", NULL, MS_BIND, NULL) < 0)
        error = errno;
    umount2("/proc", MNT_DETACH);
    if (error == 0) return file;
    if (file >= 0) close(file);
    return -error;
}

/* /proc of the new PID namespace and /sys of the new network namespace (/sys/class/net). Both may be refused where the
 * caller's own are covered in part, as in containers; then the old ones stay, of which /proc/self, /proc/net and /proc/sys
 * still tell the truth. What is mounted at /sys/fs/cgroup is moved along. */
static void mount_views(void) {
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    int groups = (int)syscall(SYS_open_tree, AT_FDCWD, "/sys/fs/cgroup", OPEN_TREE_CLONE | O_CLOEXEC | AT_RECURSIVE);
    if (mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0 && groups >= 0)
        syscall(SYS_move_mount, groups, "", AT_FDCWD, "/sys/fs/cgroup", MOVE_MOUNT_F_EMPTY_PATH);
    if (groups >= 0) close(groups);
}

static int open_tap(const char *name, int control) {
    int tap = cel_open("/dev/net/tun", O_RDWR | O_NONBLOCK, 0);
    if (tap < 0) cel_report_failure(control, CEL_STEP_TUN_OPEN, -tap);
    char field[IFNAMSIZ];
    memcpy(field, name, IFNAMSIZ);
    int result = cel_tap_set_name(tap, field);
    if (result < 0) cel_report_failure(control, CEL_STEP_TUN_CREATE, -result);
    return tap;
}

/* Writes a number of one digit to /proc/sys/net/ipv6/conf/INTERFACE/KEY; without IPv6 there is nothing to write to. */
static void set_ipv6_option(const char *interface, const char *key, const char *digit) {
    char path[128];
    size_t used = 0;
    const char *parts[] = {"/proc/sys/net/ipv6/conf/", interface, "/", key};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t length = strnlen(parts[i], sizeof path);
        if (used + length >= sizeof path) return;
        memcpy(path + used, parts[i], length);
        used += length;
    }
    path[used] = 0;
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return;
    long ignored = write(file, digit, 1);
    (void)ignored;
    close(file);
}

static void enable_autoconfiguration(const char *interface) {
    set_ipv6_option(interface, "disable_ipv6", "0");
    set_ipv6_option(interface, "accept_ra", "1");
    set_ipv6_option(interface, "autoconf", "1");
    /* The delay of RFC 4861 section 6.3.7 keeps hosts that boot together apart; a command that waits is alone. */
    set_ipv6_option(interface, "router_solicitation_delay", "0");
}

static void open_interface(const char *name, unsigned flags, int control) {
    int descriptors[2], count = 0;
    descriptors[count++] = open_tap(name, control);
    if (flags & CEL_INTERFACE_PACKET_SOCKET) {
        /* Of no protocol yet, so that it receives nothing before it is bound to its interface. */
        int packets = cel_packet_socket();
        if (packets < 0) cel_report_failure(control, CEL_STEP_PACKET_SOCKET, -packets);
        descriptors[count++] = packets;
    }
    if (flags & CEL_INTERFACE_AUTOCONF) enable_autoconfiguration(name);
    cel_report(control, CEL_STACK_INTERFACE, 0, 0, descriptors, count);
    while (count > 0) close(descriptors[--count]);
}

static _Noreturn void be_init(const struct cel_stack_request *request, int control) {
    cel_close_inherited(&control, 1);
    cel_parent_death_signal(SIGKILL);
    cel_thread_name("etherloom-init");

    /* A supervisor that has changed its user is not dumpable, and so would this copy be: its /proc files would be root's,
     * and the supervisor could not write the maps. */
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    int self = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (self < 0) cel_report_failure(control, CEL_STEP_PROC, errno);
    cel_report(control, CEL_STACK_HELLO, 0, 0, &self, 1);
    close(self);
    if (await(control, NULL) != CEL_STACK_MAPPED) _exit(125);

    /* Mounts of the host keep coming in, ours never get out. */
    if (mount("", "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) cel_report_failure(control, CEL_STEP_PROPAGATION, errno);
    int sockets[3], resolver = -1, resolver_error = 0;
    if (request->options & CEL_STACK_OPTION_RESOLVER) {
        resolver = replace_resolver_file();
        if (resolver < 0) resolver_error = -resolver;
    }
    mount_views();
    if (request->hostname && sethostname(request->hostname, strlen(request->hostname)) < 0)
        cel_report_failure(control, CEL_STEP_HOSTNAME, errno);

    for (int i = 0; i < 2; i++)
        if ((sockets[i] = cel_netlink_socket()) < 0) cel_report_failure(control, CEL_STEP_NETLINK, -sockets[i]);
    sockets[2] = resolver;
    int count = resolver >= 0 ? 3 : 2;
    cel_report(control, CEL_STACK_SOCKETS, 0, resolver_error, sockets, count);
    while (count > 0) close(sockets[--count]);
    for (int i = 0; i < request->count; i++)
        open_interface(request->names + (size_t)i * CEL_INTERFACE_NAME_SIZE, request->flags[i], control);

    /* Once more: a change of credentials clears it. Whether the supervisor died before, the socket's end tells. */
    cel_parent_death_signal(SIGKILL);
    cel_report(control, CEL_STACK_READY, 0, 0, NULL, 0);

    int file = -1;
    if (await(control, &file) != CEL_STACK_GO) _exit(125);
    struct stat status;
    if (file < 0 || fstat(file, &status) < 0 || status.st_size <= 0)
        cel_report_failure(control, CEL_STEP_COMMAND_IMAGE, EINVAL);
    void *image = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    if (image == MAP_FAILED) cel_report_failure(control, CEL_STEP_COMMAND_IMAGE, errno);
    close(file);
    cel_run_and_reap(control, image, (size_t)status.st_size, request->capabilities, 1);
}

int cel_stack_create(const struct cel_stack_request *request, int *control) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) return -errno;
    pid_t child = cel_clone_child(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWPID);
    if (child == 0) be_init(request, ends[1]);
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return child;
    }
    *control = ends[0];
    return child;
}

static _Noreturn void be_helper(const struct cel_join_request *request, int control) {
    int keep[] = {control, request->user, request->mount, request->uts, request->network, request->process};
    cel_close_inherited(keep, sizeof keep / sizeof *keep);
    cel_parent_death_signal(SIGKILL);
    cel_thread_name("etherloom-join");
    /* First the user namespace, which gives the rights to enter the others that it owns. */
    if (setns(request->user, CLONE_NEWUSER) < 0) cel_report_failure(control, CEL_STEP_JOIN_USER, errno);
    if (setns(request->process, CLONE_NEWPID) < 0 || setns(request->uts, CLONE_NEWUTS) < 0
        || setns(request->network, CLONE_NEWNET) < 0 || setns(request->mount, CLONE_NEWNS) < 0)
        cel_report_failure(control, CEL_STEP_JOIN_OTHER, errno);
    for (size_t i = 1; i < sizeof keep / sizeof *keep; i++) close(keep[i]);
    /* Entering a mount namespace goes to its root directory. */
    if (request->directory) {
        int ignored = chdir(request->directory);
        (void)ignored;
    }
    cel_parent_death_signal(SIGKILL);
    cel_run_and_reap(control, request->image, request->image_size, request->capabilities, 0);
}

int cel_stack_join(const struct cel_join_request *request, int *control) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) return -errno;
    pid_t child = cel_clone_child(0);
    if (child == 0) be_helper(request, ends[1]);
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return child;
    }
    *control = ends[0];
    return child;
}
