/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Roots of guests: overlay mounts in the mount namespace of a lab, and programs that run in its user namespace.
 *
 * As for clinux_namespace.h: what runs after fork makes system calls only, and reads what its caller prepared. */
#ifndef ETHERLOOM_CLINUX_ROOTS_H
#define ETHERLOOM_CLINUX_ROOTS_H

#include <stdint.h>

/* What the helper process says before it ends: `error` 0 when all is done. */
struct cel_root_report {
    uint32_t step;
    int32_t overlay; /* Which overlay, and which of its layers. */
    int32_t layer;
    int32_t error;
    char text[240]; /* The kernel's own words, if it had any. */
};

#define CEL_ROOT_NAMESPACE 1
#define CEL_ROOT_DIRECTORY 2
#define CEL_ROOT_TARGET 3
#define CEL_ROOT_LAYER 4
#define CEL_ROOT_UPPER 5
#define CEL_ROOT_WORK 6
/* The file system of the upper directory keeps no extended attributes. */
#define CEL_ROOT_ATTRIBUTES 7
/* No overlayfs here, or not for us. */
#define CEL_ROOT_OVERLAY 8
#define CEL_ROOT_MOUNT 9
#define CEL_ROOT_UNMOUNT 10
#define CEL_ROOT_EXEC 11

/* One overlay: `layer_count` strings of `layers`, each with its NUL, the topmost layer first. */
struct cel_root_overlay {
    const char *target;
    const char *upper; /* Empty: the one layer itself stands there, read-only. */
    const char *work;
    const char *layers;
    int layer_count;
    /* Where an overlay is refused because something is mounted below its one layer: that layer itself, read-only. */
    int may_bind;
};

struct cel_root_request {
    int user, mount;       /* Namespaces; -1: the caller's own. */
    const char *directory; /* Gets a file system of its own, once, where the targets are. */
    const char *unmount;   /* A target whose mounts go first, or NULL. */
    int detach;            /* Even if somebody uses it. */
    const struct cel_root_overlay *overlays;
    int overlay_count;
    int by_options;        /* Only as kernels before 6.13 know it. */
};

/* Starts a process that does it all or, but for the unmounting, nothing of it. Its number, or -errno; *report is what its
 * report is read from. */
int cel_root_mount(const struct cel_root_request *request, int *report);

struct cel_root_program {
    const char *path;
    char *const *arguments;
    int user, mount; /* Namespaces to enter; -1: none. */
    int create;      /* Makes new ones, a user and a mount namespace; waits for a byte from `go` before it executes. */
    int go;
    int streams[4]; /* Descriptors 0 to 3; -1: /dev/null for 0 and 1, none for 3, the caller's for 2. */
};

/* Starts a program as root of a user namespace. Its number, or -errno; *report ends without a word when it was executed,
 * else has a cel_root_report. */
int cel_root_spawn(const struct cel_root_program *program, int *report);

/* From now on nothing can be written in the caller's mount namespace but what is below a directory. */
int cel_confine_writes(const char *directory);

#endif
