/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Trees of files: walked by descriptors, so that nothing that is renamed meanwhile leads out of them. */
#ifndef ETHERLOOM_CLINUX_FILES_H
#define ETHERLOOM_CLINUX_FILES_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <dirent.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include "clinux_io.h"

struct cel_file_status {
    uint64_t device, inode, links, device_number, size, blocks;
    uint32_t mode, uid, gid;
    int64_t access_seconds, change_seconds; /* Last access, last change of the contents. */
    uint32_t access_nanoseconds, change_nanoseconds;
};

static inline void cel_fill_file_status(struct cel_file_status *out, const struct stat *in) {
    memset(out, 0, sizeof *out);
    out->device = in->st_dev;
    out->inode = in->st_ino;
    out->links = in->st_nlink;
    out->device_number = in->st_rdev;
    out->size = (uint64_t)in->st_size;
    out->blocks = (uint64_t)in->st_blocks;
    out->mode = in->st_mode;
    out->uid = in->st_uid;
    out->gid = in->st_gid;
    out->access_seconds = in->st_atim.tv_sec;
    out->access_nanoseconds = (uint32_t)in->st_atim.tv_nsec;
    out->change_seconds = in->st_mtim.tv_sec;
    out->change_nanoseconds = (uint32_t)in->st_mtim.tv_nsec;
}

/* Of what has this name in a directory, links not followed. */
static inline int cel_status_at(int directory, const char *name, struct cel_file_status *status) {
    struct stat raw;
    if (fstatat(directory, name, &raw, AT_SYMLINK_NOFOLLOW) < 0) return -errno;
    cel_fill_file_status(status, &raw);
    return 0;
}

static inline int cel_open_at(int directory, const char *name, int flags, unsigned mode) {
    return (int)cel_result(openat(directory, name, flags | O_CLOEXEC, mode));
}

/* A directory in a directory, for reading: -EXDEV when it is on another mount, -ELOOP or -ENOTDIR for a link. openat2(2),
 * since Linux 5.6. */
static inline int cel_open_directory_at(int directory, const char *name) {
    /* struct open_how: flags, mode, resolve; 1: RESOLVE_NO_XDEV, 4: RESOLVE_NO_SYMLINKS, 8: RESOLVE_BENEATH. */
    uint64_t how[3] = {O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW, 0, 0x01 | 0x04 | 0x08};
    return (int)cel_result(syscall(SYS_openat2, directory, name, how, sizeof how));
}

/* The next names of a directory, each ended by NUL, `.` and `..` left out: how many bytes, 0 at the end. At least 4 KiB. */
static inline long cel_read_names(int directory, char *buffer, size_t size) {
    struct entry {
        uint64_t inode;
        int64_t offset;
        unsigned short size;
        unsigned char type;
        char name[];
    };
    for (;;) {
        long count = syscall(SYS_getdents64, directory, buffer, size);
        if (count <= 0) return count < 0 ? -errno : 0;
        size_t used = 0;
        for (long at = 0; at < count;) {
            const struct entry *entry = (const struct entry *)(const void *)(buffer + at);
            at += entry->size;
            const char *name = entry->name;
            if (name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0))) continue;
            size_t length = strlen(name) + 1;
            memmove(buffer + used, name, length); /* Never past where the entry began. */
            used += length;
        }
        if (used > 0) return (long)used;
    }
}

static inline int cel_remove_at(int directory, const char *name, int is_directory) {
    return (int)cel_result(unlinkat(directory, name, is_directory ? AT_REMOVEDIR : 0));
}
static inline int cel_make_directory_at(int directory, const char *name, unsigned mode) {
    return (int)cel_result(mkdirat(directory, name, mode));
}
static inline int cel_make_node_at(int directory, const char *name, unsigned mode, uint64_t device) {
    return (int)cel_result(mknodat(directory, name, mode, (dev_t)device));
}
static inline int cel_make_link_at(int directory, const char *name, const char *target) {
    return (int)cel_result(symlinkat(target, directory, name));
}
static inline long cel_read_link_at(int directory, const char *name, char *buffer, size_t size) {
    return cel_result(readlinkat(directory, name, buffer, size));
}
static inline int cel_hard_link(int from, const char *old_name, int to, const char *new_name) {
    return (int)cel_result(linkat(from, old_name, to, new_name, 0));
}
static inline int cel_set_owner_at(int directory, const char *name, uint32_t uid, uint32_t gid) {
    return (int)cel_result(fchownat(directory, name, uid, gid, AT_SYMLINK_NOFOLLOW));
}
/* Follows links: not for their names. */
static inline int cel_set_mode_at(int directory, const char *name, unsigned mode) {
    return (int)cel_result(fchmodat(directory, name, mode, 0));
}
static inline int cel_set_times_at(int directory, const char *name, const struct cel_file_status *status) {
    struct timespec times[2] = {{status->access_seconds, status->access_nanoseconds},
        {status->change_seconds, status->change_nanoseconds}};
    return (int)cel_result(utimensat(directory, name, times, AT_SYMLINK_NOFOLLOW));
}

/* Extended attributes of an open file or directory. */
static inline long cel_list_attributes(int fd, char *names, size_t size) { return cel_result(flistxattr(fd, names, size)); }
static inline long cel_attribute(int fd, const char *name, void *value, size_t size) {
    return cel_result(fgetxattr(fd, name, value, size));
}
static inline int cel_set_attribute(int fd, const char *name, const void *value, size_t size) {
    return (int)cel_result(fsetxattr(fd, name, value, size, 0));
}
static inline int cel_remove_attribute(int fd, const char *name) { return (int)cel_result(fremovexattr(fd, name)); }

/* All of a file shared with another, copied when one is written to: btrfs, XFS, bcachefs. */
static inline int cel_clone_file(int to, int from) { return (int)cel_result(ioctl(to, FICLONE, from)); }
/* The next data at or after a place, -ENXIO when there is none, and the end of that data. */
static inline long cel_seek_data(int fd, long from) { return cel_result(lseek(fd, from, SEEK_DATA)); }
static inline long cel_seek_hole(int fd, long from) { return cel_result(lseek(fd, from, SEEK_HOLE)); }
static inline long cel_copy_range(int from, long at, int to, size_t count) {
    off_t source = at, target = at;
    return cel_result(copy_file_range(from, &source, to, &target, count, 0));
}
static inline long cel_read_at(int fd, void *buffer, size_t count, long at) {
    return cel_result(pread(fd, buffer, count, at));
}
static inline long cel_write_at(int fd, const void *buffer, size_t count, long at) {
    return cel_result(pwrite(fd, buffer, count, at));
}
static inline int cel_set_size(int fd, uint64_t size) { return (int)cel_result(ftruncate(fd, (off_t)size)); }
/* All that was written to the file system of a descriptor is on the disk. */
static inline int cel_sync_file_system(int fd) { return (int)cel_result(syncfs(fd)); }

/* What a file system is: statfs(2). */
static inline int cel_file_system_type(const char *path, uint64_t *type) {
    struct statfs status;
    if (statfs(path, &status) < 0) return -errno;
    *type = (uint64_t)status.f_type;
    return 0;
}

#endif
