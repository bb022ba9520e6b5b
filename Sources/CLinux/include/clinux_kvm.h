/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Whether the processor's virtualisation is there for us: the kernel's Documentation/virt/kvm/api.rst. */
#ifndef ETHERLOOM_CLINUX_KVM_H
#define ETHERLOOM_CLINUX_KVM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Makes a virtual machine without anything in it, and gives it up: 0, or -errno of what failed. */
static inline int cel_kvm_try(void) {
    int device = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (device < 0) return -errno;
    int result = ioctl(device, KVM_GET_API_VERSION, 0);
    if (result < 0) {
        result = -errno;
    } else if (result != KVM_API_VERSION) {
        result = -ENOTSUP;
    } else {
        int machine = ioctl(device, KVM_CREATE_VM, 0);
        result = machine < 0 ? -errno : 0;
        if (machine >= 0) close(machine);
    }
    close(device);
    return result;
}

#endif
