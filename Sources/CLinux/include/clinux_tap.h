/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * tap devices (Documentation/networking/tuntap.rst of the kernel). */
#ifndef ETHERLOOM_CLINUX_TAP_H
#define ETHERLOOM_CLINUX_TAP_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clinux_io.h"

/* Linux 6.2; older headers lack them. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#ifndef TUNGETDEVNETNS
#define TUNGETDEVNETNS _IO('T', 227)
#endif

#define CEL_TAP_FLAGS (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR)

/* Creates or joins the tap named by `name` (IFNAMSIZ bytes, may hold a %d pattern) on an open /dev/net/tun; the name given
 * by the kernel is written back. */
static inline int cel_tap_set_name(int fd, char name[IFNAMSIZ]) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    memcpy(request.ifr_name, name, IFNAMSIZ);
    request.ifr_name[IFNAMSIZ - 1] = 0;
    request.ifr_flags = CEL_TAP_FLAGS;
    if (ioctl(fd, TUNSETIFF, &request) < 0) return -errno;
    memcpy(name, request.ifr_name, IFNAMSIZ);
    return 0;
}
/* The flags (IFF_TAP …) of an open tap and its name: -EBADFD or -ENOTTY when `fd` is none. */
static inline int cel_tap_get(int fd, char name[IFNAMSIZ]) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    if (ioctl(fd, TUNGETIFF, &request) < 0) return -errno;
    memcpy(name, request.ifr_name, IFNAMSIZ);
    return (unsigned short)request.ifr_flags;
}
static inline int cel_tap_set_header_size(int fd, int size) {
    return (int)cel_result(ioctl(fd, TUNSETVNETHDRSZ, &size));
}
static inline int cel_tap_set_offload(int fd, unsigned flags) {
    return (int)cel_result(ioctl(fd, TUNSETOFFLOAD, (unsigned long)flags));
}
static inline int cel_tap_set_carrier(int fd, int on) { return (int)cel_result(ioctl(fd, TUNSETCARRIER, &on)); }

/* Whether the interface stays when its last descriptor is closed. */
static inline int cel_tap_set_persistent(int fd, int on) {
    return (int)cel_result(ioctl(fd, TUNSETPERSIST, (unsigned long)on));
}

/* Whether the interface of an open tap lies in the caller's network namespace: a tap may have been made in another one, where
 * its name means something else. TUNGETDEVNETNS, Linux 5.2; -EPERM for who may not configure the interface there. */
static inline int cel_tap_is_in_own_namespace(int fd) {
    struct stat theirs, ours;
    int space = ioctl(fd, TUNGETDEVNETNS, 0);
    if (space < 0) return -errno;
    int result = fstat(space, &theirs) < 0 || stat("/proc/thread-self/ns/net", &ours) < 0
                     ? -errno
                     : theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
    close(space);
    return result;
}

/* The speed that the interface `name` of the caller's network namespace shows, in Mbit/s (SPEED_UNKNOWN for none), full
 * duplex: ethtool's link settings, ETHTOOL_SLINKSETTINGS. The first call tells how many words the masks have. */
static inline int cel_tap_set_speed(const char *name, unsigned megabits) {
    union {
        struct ethtool_link_settings settings;
        unsigned char room[sizeof(struct ethtool_link_settings) + 3 * 127 * sizeof(unsigned)];
    } request;
    struct ifreq interface;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    memset(&interface, 0, sizeof interface);
    strncpy(interface.ifr_name, name, IFNAMSIZ - 1);
    interface.ifr_data = (char *)&request;
    memset(&request, 0, sizeof request);
    request.settings.cmd = ETHTOOL_GLINKSETTINGS;
    int result = ioctl(fd, SIOCETHTOOL, &interface) < 0 ? -errno : 0;
    if (result == 0 && request.settings.link_mode_masks_nwords < 0) {
        request.settings.link_mode_masks_nwords = (signed char)-request.settings.link_mode_masks_nwords;
        request.settings.cmd = ETHTOOL_GLINKSETTINGS;
        if (ioctl(fd, SIOCETHTOOL, &interface) < 0) result = -errno;
    }
    if (result == 0) {
        request.settings.cmd = ETHTOOL_SLINKSETTINGS;
        request.settings.speed = megabits;
        request.settings.duplex = DUPLEX_FULL;
        if (ioctl(fd, SIOCETHTOOL, &interface) < 0) result = -errno;
    }
    close(fd);
    return result;
}

/* The same for the interface `name` of the namespace in which the open tap lies, if that is another one: a child enters it
 * and the user namespace that owns it, where who made that one may do everything, and is gone in a fraction of a
 * millisecond. It shares the caller's memory, makes system calls only, and the calling thread waits for it. */
static inline int cel_tap_set_speed_elsewhere(int fd, const char *name, unsigned megabits) {
    int space = ioctl(fd, TUNGETDEVNETNS, 0);
    if (space < 0) return -errno;
    int owner = ioctl(space, NS_GET_USERNS);
    int result = owner < 0 ? -errno : 0;
    if (result == 0) {
        pid_t child = vfork();
        if (child == 0) {
            /* EINVAL: it is the caller's own. */
            if (setns(owner, CLONE_NEWUSER) < 0 && errno != EINVAL) _exit(errno);
            if (setns(space, CLONE_NEWNET) < 0) _exit(errno);
            _exit(-cel_tap_set_speed(name, megabits));
        }
        int status = 0;
        pid_t ended = child;
        if (child > 0) {
            do ended = waitpid(child, &status, 0);
            while (ended < 0 && errno == EINTR);
        }
        if (ended < 0) result = -errno;
        else result = WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
    }
    if (owner >= 0) close(owner);
    close(space);
    return result;
}

#endif
