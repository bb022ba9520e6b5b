/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Theory of operation: a guest's root is an overlay(7) mount, made by a short-lived process that enters the lab's user and
 * mount namespaces. Directories are handed to the kernel as descriptors, so that no path needs escaping and their number
 * is limited by the kernel alone (500 layers); where the kernel takes no descriptors (before Linux 6.13), as their numbers
 * in /proc/self/fd, which are short enough for one page of options. */
#include "namespace_internal.h"

#include <limits.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/xattr.h>

#ifndef FSCONFIG_SET_FD
#define FSCONFIG_SET_FD 5
#endif

struct step {
    struct cel_root_report report;
};

static int failed(struct step *step, uint32_t what, int overlay, int layer, int error) {
    step->report.step = what;
    step->report.overlay = overlay;
    step->report.layer = layer;
    step->report.error = error;
    return -1;
}

static int enter(int user, int mount_namespace) {
    if (user >= 0 && setns(user, CLONE_NEWUSER) < 0) return -errno;
    if (mount_namespace >= 0 && setns(mount_namespace, CLONE_NEWNS) < 0) return -errno;
    return 0;
}

/* Root of the namespace, whoever we were. Where nobody but root is mapped, we are root already. */
static int become_root(void) {
    if (syscall(SYS_setresgid, 0, 0, 0) < 0) return -errno;
    return syscall(SYS_setresuid, 0, 0, 0) < 0 ? -errno : 0;
}

/* A file system of its own for the targets, in this mount namespace only: 0 when it is there. */
static int make_place(const char *directory) {
    struct stat own, outer;
    int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return -errno;
    int result = 0;
    if (fstat(fd, &own) < 0 || fstatat(fd, "..", &outer, 0) < 0) result = -errno;
    close(fd);
    if (result < 0 || own.st_dev != outer.st_dev) return result;
    return mount("etherloom", directory, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=755") < 0 ? -errno : 0;
}

static void take_words(struct step *step, int fs) {
    /* One message each read, "e overlay: …"; the last is the most to the point. */
    char words[sizeof step->report.text];
    ssize_t count;
    while ((count = read(fs, words, sizeof words - 1)) > 0) {
        words[count] = 0;
        memcpy(step->report.text, words, sizeof words);
    }
}

static long configure(int fs, unsigned command, const char *key, const void *value, int auxiliary) {
    return syscall(SYS_fsconfig, fs, command, key, value, auxiliary);
}

static char *append(char *at, const char *end, const char *text) {
    while (at && *text) {
        if (at >= end) return NULL;
        *at++ = *text++;
    }
    return at;
}

static char *append_number(char *at, const char *end, unsigned number) {
    char digits[12];
    int count = sizeof digits;
    digits[--count] = 0;
    do digits[--count] = (char)('0' + number % 10); while ((number /= 10) > 0);
    return append(at, end, digits + count);
}

/* mount(2), whose options are one page: directories are numbers in /proc/self/fd, found from there. */
static int mount_by_options(const struct cel_root_overlay *overlay, int upper, int work) {
    static const char *const places = "/proc/self/fd";
    char options[4096], *at = options;
    const char *end = options + sizeof options - 1, *layer = overlay->layers;
    at = append_number(append(at, end, "userxattr,index=off,upperdir="), end, (unsigned)upper);
    at = append_number(append(at, end, ",workdir="), end, (unsigned)work);
    at = append(at, end, ",lowerdir=");
    for (int i = 0; i < overlay->layer_count; i++, layer += strlen(layer) + 1) {
        int fd = open(layer, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) return -errno;
        if (i > 0) at = append(at, end, ":");
        at = append_number(at, end, (unsigned)fd);
    }
    if (!at) return -E2BIG;
    *at = 0;
    if (chdir(places) < 0) return -errno;
    return mount("etherloom", overlay->target, "overlay", 0, options) < 0 ? -errno : 0;
}

static int bind_read_only(const struct cel_root_overlay *overlay) {
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, overlay->layers, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (tree < 0) return -errno;
    struct mount_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    int result = 0;
    if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes) < 0 ||
        syscall(SYS_move_mount, tree, "", AT_FDCWD, overlay->target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        result = -errno;
    close(tree);
    return result;
}

/* -ENOSYS when the kernel does not know it this way. */
static int mount_by_descriptors(
    struct step *step, const struct cel_root_overlay *overlay, int number, int fs, int upper, int work) {
    const char *layer = overlay->layers;
    for (int i = 0; i < overlay->layer_count; i++, layer += strlen(layer) + 1) {
        int fd = open(layer, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) return failed(step, CEL_ROOT_LAYER, number, i, errno);
        int error = configure(fs, FSCONFIG_SET_FD, "lowerdir+", NULL, fd) < 0 ? errno : 0;
        close(fd);
        if (error && i == 0) return -ENOSYS;
        if (error) return failed(step, CEL_ROOT_LAYER, number, i, error);
    }
    if (configure(fs, FSCONFIG_SET_FD, "upperdir", NULL, upper) < 0 ||
        configure(fs, FSCONFIG_SET_FD, "workdir", NULL, work) < 0)
        return -ENOSYS;
    if (configure(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
        int error = errno;
        take_words(step, fs);
        return failed(step, CEL_ROOT_MOUNT, number, 0, error);
    }
    int made = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
    if (made < 0) return failed(step, CEL_ROOT_MOUNT, number, 0, errno);
    int result = 0;
    if (syscall(SYS_move_mount, made, "", AT_FDCWD, overlay->target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        result = failed(step, CEL_ROOT_TARGET, number, 0, errno);
    close(made);
    return result;
}

static int check_layers(struct step *step, const struct cel_root_overlay *overlay, int number) {
    const char *layer = overlay->layers;
    for (int i = 0; i < overlay->layer_count; i++, layer += strlen(layer) + 1) {
        /* Searchable too: an overlay of what we cannot enter looks empty. */
        int fd = open(layer, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) return failed(step, CEL_ROOT_LAYER, number, i, errno);
        close(fd);
    }
    return 0;
}

static int check_attributes(struct step *step, int number, int work) {
    static const char name[] = "user.etherloom";
    int fd = openat(work, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return failed(step, CEL_ROOT_WORK, number, 0, errno);
    int error = fsetxattr(fd, name, "", 0, 0) < 0 ? errno : 0;
    fremovexattr(fd, name);
    close(fd);
    return error ? failed(step, error == EOPNOTSUPP ? CEL_ROOT_ATTRIBUTES : CEL_ROOT_WORK, number, 0, error) : 0;
}

static int mount_overlay(struct step *step, const struct cel_root_overlay *overlay, int number, int by_options) {
    if (mkdir(overlay->target, 0755) < 0 && errno != EEXIST) return failed(step, CEL_ROOT_TARGET, number, 0, errno);
    if (check_layers(step, overlay, number) < 0) return -1;
    if (!*overlay->upper) {
        int result = bind_read_only(overlay);
        return result < 0 ? failed(step, CEL_ROOT_MOUNT, number, 0, -result) : 0;
    }
    int upper = open(overlay->upper, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (upper < 0) return failed(step, CEL_ROOT_UPPER, number, 0, errno);
    int work = open(overlay->work, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (work < 0) return failed(step, CEL_ROOT_WORK, number, 0, errno);
    if (check_attributes(step, number, work) < 0) return -1;
    int fs = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);
    if (fs < 0) return failed(step, CEL_ROOT_OVERLAY, number, 0, errno);
    configure(fs, FSCONFIG_SET_STRING, "source", "etherloom", 0);
    /* Unknown before Linux 5.11: then overlays are root's alone. */
    if (configure(fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) < 0)
        return failed(step, CEL_ROOT_OVERLAY, number, 0, errno);
    configure(fs, FSCONFIG_SET_STRING, "index", "off", 0);
    int result = by_options ? -ENOSYS : mount_by_descriptors(step, overlay, number, fs, upper, work);
    close(fs);
    if (result == -ENOSYS) {
        result = mount_by_options(overlay, upper, work);
        if (result < 0) result = failed(step, CEL_ROOT_MOUNT, number, 0, -result);
    }
    if (result < 0 && overlay->may_bind && step->report.step == CEL_ROOT_MOUNT && step->report.error == EINVAL)
        result = bind_read_only(overlay) < 0 ? -1 : 0;
    close(upper);
    close(work);
    return result;
}

/* What is mounted directly below a target: parts of a root that was put together. Those that nobody writes to may stay with
 * who uses them. */
static void unmount_parts(const char *target, dev_t own) {
    char names[4096], path[PATH_MAX];
    size_t length = strlen(target);
    int directory = open(target, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0 || length + 2 > sizeof path) return;
    memcpy(path, target, length);
    path[length++] = '/';
    long count;
    while ((count = cel_read_names(directory, names, sizeof names)) > 0) {
        for (const char *name = names; name < names + count; name += strlen(name) + 1) {
            struct stat status;
            struct statfs system;
            size_t size = strlen(name) + 1;
            if (length + size > sizeof path) continue;
            memcpy(path + length, name, size);
            if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0 || status.st_dev == own) continue;
            if (!S_ISDIR(status.st_mode) || statfs(path, &system) < 0) continue;
            /* 0x794c7630: an overlay (linux/magic.h). */
            umount2(path, UMOUNT_NOFOLLOW | (system.f_type == 0x794c7630 ? 0 : MNT_DETACH));
        }
    }
    close(directory);
}

static int unmount(struct step *step, const char *target, int detach) {
    struct stat own, outer;
    for (;;) {
        int fd = open(target, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0) return errno == ENOENT ? 0 : failed(step, CEL_ROOT_UNMOUNT, 0, 0, errno);
        int result = fstat(fd, &own) < 0 || fstatat(fd, "..", &outer, 0) < 0 ? -errno : 0;
        close(fd);
        if (result < 0) return failed(step, CEL_ROOT_UNMOUNT, 0, 0, -result);
        if (own.st_dev == outer.st_dev) break;
        if (!detach) unmount_parts(target, own.st_dev);
        int tries = 20; /* Half a second for who only looks in. */
        while (umount2(target, UMOUNT_NOFOLLOW | (detach ? MNT_DETACH : 0)) < 0) {
            if (errno != EBUSY || --tries == 0) return failed(step, CEL_ROOT_UNMOUNT, 0, 0, errno);
            poll(NULL, 0, 25);
        }
    }
    rmdir(target);
    return 0;
}

static int arrange(struct step *step, const struct cel_root_request *request) {
    int result = enter(request->user, request->mount);
    if (result < 0) return failed(step, CEL_ROOT_NAMESPACE, 0, 0, -result);
    become_root();
    if ((result = make_place(request->directory)) < 0) return failed(step, CEL_ROOT_DIRECTORY, 0, 0, -result);
    if (request->unmount && unmount(step, request->unmount, request->detach) < 0) return -1;
    umask(022);
    for (int i = 0; i < request->overlay_count; i++) {
        if (mount_overlay(step, &request->overlays[i], i, request->by_options) == 0) continue;
        /* The first is the root, the others are inside of it. */
        struct step ignored;
        unmount(&ignored, request->overlays[0].target, 1);
        return -1;
    }
    return 0;
}

static void send_report(int report, const struct step *step) {
    ssize_t ignored = write(report, &step->report, sizeof step->report);
    (void)ignored;
}

int cel_root_mount(const struct cel_root_request *request, int *report) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
    pid_t child = cel_clone_child(0);
    if (child == 0) {
        struct step step;
        memset(&step, 0, sizeof step);
        arrange(&step, request);
        send_report(ends[1], &step);
        _exit(step.report.error != 0);
    }
    close(ends[1]);
    if (child < 0)
        close(ends[0]);
    else
        *report = ends[0];
    return child;
}

static int start(struct step *step, const struct cel_root_program *program, pid_t parent) {
    if (program->create) {
        if (syscall(SYS_unshare, CLONE_NEWUSER | CLONE_NEWNS) < 0)
            return failed(step, CEL_ROOT_NAMESPACE, 0, 0, errno);
    } else {
        int result = enter(program->user, program->mount);
        if (result < 0) return failed(step, CEL_ROOT_NAMESPACE, 0, 0, -result);
    }
    if (program->go >= 0) {
        /* Tells that the namespaces are there, and waits for the maps. */
        char byte = 0;
        ssize_t count = write(program->go, &byte, 1);
        do count = read(program->go, &byte, 1); while (count < 0 && errno == EINTR);
        if (count != 1) _exit(125);
    }
    if (program->create || program->user >= 0) {
        int result = become_root();
        if (result < 0) return failed(step, CEL_ROOT_NAMESPACE, 0, 0, -result);
        if (program->create) mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL);
        /* Groups of the user outside would be nobody's inside. Refused where groups may not be given up. */
        syscall(SYS_setgroups, 0, NULL);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(125);
    int streams[4];
    for (int i = 0; i < 4; i++)
        streams[i] = program->streams[i] < 0 ? -1 : fcntl(program->streams[i], F_DUPFD_CLOEXEC, 10);
    for (int i = 0; i < 2; i++)
        if (streams[i] < 0) streams[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; i < 4; i++)
        if (streams[i] >= 0) dup2(streams[i], i);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv(program->path, program->arguments);
    return failed(step, CEL_ROOT_EXEC, 0, 0, errno);
}

int cel_root_spawn(const struct cel_root_program *program, int *report) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
    pid_t parent = getpid();
    pid_t child = cel_clone_child(0);
    if (child == 0) {
        struct step step;
        memset(&step, 0, sizeof step);
        /* Out of the way of descriptors 0 to 3. */
        int out = fcntl(ends[1], F_DUPFD_CLOEXEC, 10);
        start(&step, program, parent);
        send_report(out, &step);
        _exit(125);
    }
    close(ends[1]);
    if (child < 0)
        close(ends[0]);
    else
        *report = ends[0];
    return child;
}

int cel_confine_writes(const char *directory) {
    struct mount_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    /* A mount of its own, made before all others become read-only. */
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, directory, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0) return -errno;
    int result = 0;
    if (syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &attributes, sizeof attributes) < 0 ||
        syscall(SYS_move_mount, tree, "", AT_FDCWD, directory, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        result = -errno;
    close(tree);
    return result;
}
