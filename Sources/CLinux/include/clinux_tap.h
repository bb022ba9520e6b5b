/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * tap devices (Documentation/networking/tuntap.rst of the kernel). */
#ifndef ETHERLOOM_CLINUX_TAP_H
#define ETHERLOOM_CLINUX_TAP_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>

#include "clinux_io.h"

/* Linux 6.2; older headers lack them. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
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

#endif
