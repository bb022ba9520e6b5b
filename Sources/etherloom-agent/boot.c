// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

// From the kernel's first process to a guest: file systems, modules, the root, the host name. And back.

#include "agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static bool is_mounted(const char *path) {
    struct stat here, parent;
    char up[256];
    snprintf(up, sizeof up, "%s/..", path);
    return stat(path, &here) == 0 && stat(up, &parent) == 0 && here.st_dev != parent.st_dev;
}

static void mount_one(const char *type, const char *path, unsigned long flags, const char *options) {
    mkdir(path, 0755);
    if (is_mounted(path)) return;
    if (mount(type, path, type, flags, options) < 0) problem("cannot mount %s on %s: %s", type, path, strerror(errno));
}

void boot_mount_kernel(void) {
    mount_one("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    mount_one("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    mount_one("devtmpfs", "/dev", MS_NOSUID, "mode=0755");
}

bool boot_mount_terminals(void) {
    mkdir("/dev/pts", 0755);
    if (is_mounted("/dev/pts")) return false;
    mount_one("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=0620,gid=5,ptmxmode=0666");
    return true;
}

void boot_mount_rest(void) {
    mkdir("/dev/shm", 01777);
    boot_mount_terminals();
    mount_one("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777");
    symlink("/proc/self/fd", "/dev/fd");
    symlink("/proc/self/fd/0", "/dev/stdin");
    symlink("/proc/self/fd/1", "/dev/stdout");
    symlink("/proc/self/fd/2", "/dev/stderr");
    mount_one("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755");
    mount_one("tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777");
}

static int compare(const struct dirent **left, const struct dirent **right) {
    return strcmp((*left)->d_name, (*right)->d_name);
}

// In the order of their names. The files are deleted where they are only in memory (an initial RAM disk).
void boot_load_modules(const char *directory) {
    struct dirent **list = NULL;
    int count = scandir(directory, &list, NULL, compare);
    for (int index = 0; index < count; index++) {
        const char *name = list[index]->d_name;
        char path[512];
        snprintf(path, sizeof path, "%s/%s", directory, name);
        const char *suffix = strstr(name, ".ko");
        int file = suffix == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
        if (file >= 0) {
            // MODULE_INIT_COMPRESSED_FILE is 4.
            int flags = suffix[3] == 0 ? 0 : 4;
            if (syscall(SYS_finit_module, file, "", flags) < 0 && errno != EEXIST) {
                problem("cannot load %s: %s", name, strerror(errno));
            }
            close(file);
            unlink(path);
        }
        free(list[index]);
    }
    free(list);
}

static void pause_milliseconds(long count) {
    struct timespec time = {.tv_sec = count / 1000, .tv_nsec = count % 1000 * 1000000};
    nanosleep(&time, NULL);
}

bool boot_switch_root(const struct plan *plan) {
    static const char place[] = "/etherloom/root";
    if (plan->root == NULL) return false;
    mkdir("/etherloom", 0755);
    mkdir(place, 0755);
    unsigned long flags = plan->read_only ? MS_RDONLY : 0;
    const char *source = plan->source == NULL ? plan->root : plan->source;
    int result = -1;
    // A disk or a share may take a moment to be found.
    for (int tries = 0; tries < 100 && result < 0; tries++) {
        if (tries > 0) pause_milliseconds(20);
        result = mount(source, place, plan->root, flags, plan->options);
        if (result < 0 && errno == ENOENT && plan->other_source != NULL) {
            result = mount(plan->other_source, place, plan->root, flags, plan->options);
        }
        if (result < 0 && errno != ENOENT && errno != ENXIO && errno != ENODEV && errno != EINVAL) break;
        if (strcmp(plan->root, "hostfs") == 0) break;
    }
    if (result < 0) {
        problem("cannot mount the root (%s of type %s): %s", source, plan->root, strerror(errno));
        return false;
    }
    static const char *const kept[] = {"/dev", "/proc", "/sys"};
    for (size_t index = 0; index < sizeof kept / sizeof *kept; index++) {
        char target[64];
        snprintf(target, sizeof target, "%s%s", place, kept[index]);
        mkdir(target, 0755);
        if (mount(kept[index], target, NULL, MS_MOVE, NULL) < 0) {
            problem("cannot move %s into the root: %s", kept[index], strerror(errno));
        }
    }
    // Gives back the memory that we were unpacked into; we run on.
    unlink("/init");
    if (chdir(place) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0) {
        problem("cannot enter the root: %s", strerror(errno));
        return false;
    }
    // What could not be moved is made anew.
    boot_mount_kernel();
    return true;
}

static void write_file(const char *path, const char *text, size_t count) {
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0 || write(file, text, count) != (ssize_t)count) problem("cannot write %s: %s", path, strerror(errno));
    if (file >= 0) close(file);
}

// A root that is another machine's has its name in a file, which an init would take for the guest's. That is covered.
static void write_hostname(const char *name) {
    static const char own[] = "/dev/.hostname", place[] = "/etc/hostname";
    if (access(place, F_OK) < 0) return;
    char text[256];
    int count = snprintf(text, sizeof text, "%s\n", name);
    if (count <= 0 || (size_t)count >= sizeof text) return;
    write_file(own, text, (size_t)count);
    if (mount(own, place, NULL, MS_BIND, NULL) < 0) problem("cannot give the guest its %s: %s", place, strerror(errno));
}

// The root's own file is not written over: what is the guest's is mounted on it.
static void write_resolver(const char *text, size_t count) {
    static const char own[] = "/dev/.resolv.conf", place[] = "/etc/resolv.conf";
    static bool is_mounted_there;
    write_file(own, text, count);
    if (is_mounted_there) return;
    mkdir("/etc", 0755);
    int file = open(place, O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0) {
        // A link to a file of a resolver that does not run here.
        unlink(place);
        file = open(place, O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
    }
    if (file >= 0) close(file);
    is_mounted_there = mount(own, place, NULL, MS_BIND, NULL) == 0;
    if (!is_mounted_there) problem("cannot give the guest its %s: %s", place, strerror(errno));
}

// Who it is itself, where its root has no such file. One that is there stays as it is: a guest that changes nothing has nothing of
// its own on the host's disk.
static void write_hosts(const char *name) {
    char text[256];
    int count = snprintf(text, sizeof text, "127.0.0.1 localhost\n127.0.1.1 %s\n::1 localhost ip6-localhost\n", name);
    if (count <= 0 || (size_t)count >= sizeof text || access("/etc/hosts", F_OK) == 0) return;
    mkdir("/etc", 0755);
    write_file("/etc/hosts", text, (size_t)count);
}

void boot_identity(const struct plan *plan) {
    if (plan->hostname != NULL && sethostname(plan->hostname, strlen(plan->hostname)) < 0) {
        problem("cannot set the host name %s: %s", plan->hostname, strerror(errno));
    }
    if (plan->hostname != NULL) {
        write_hosts(plan->hostname);
        write_hostname(plan->hostname);
    }
    struct bytes servers = {0};
    for (size_t index = 0; index < plan->words.count; index++) {
        const char *server = word_value(plan->words.list[index], "dns");
        if (server != NULL) bytes_print(&servers, "nameserver %s\n", server);
    }
    if (bytes_count(&servers) > 0) write_resolver((const char *)bytes_first(&servers), bytes_count(&servers));
    bytes_free(&servers);
}

void boot_name_server(const uint8_t *address) {
    if (agent.plan == NULL || words_value(&agent.plan->words, "dns") != NULL) return;
    char text[64];
    int count = snprintf(text, sizeof text, "nameserver %u.%u.%u.%u\n", address[0], address[1], address[2], address[3]);
    write_resolver(text, (size_t)count);
}

const char *boot_console(void) {
    static char path[80] = "/dev/console";
    int file = open("/sys/class/tty/console/active", O_RDONLY | O_CLOEXEC);
    if (file < 0) return path;
    char text[128];
    ssize_t count = read(file, text, sizeof text - 1);
    close(file);
    while (count > 0 && (text[count - 1] == '\n' || text[count - 1] == ' ')) count--;
    if (count <= 0) return path;
    text[count] = 0;
    // The last of them is where /dev/console goes.
    const char *last = strrchr(text, ' ');
    snprintf(path, sizeof path, "/dev/%.64s", last == NULL ? text : last + 1);
    return path;
}

// Asks all other processes to end, and insists.
static void end_processes(void) {
    static const int signals[] = {SIGTERM, SIGHUP, SIGCONT};
    for (size_t index = 0; index < sizeof signals / sizeof *signals; index++) kill(-1, signals[index]);
    uint64_t deadline = now_milliseconds() + 3000;
    while (now_milliseconds() < deadline) {
        pid_t pid = waitpid(-1, NULL, WNOHANG);
        if (pid < 0) return;
        if (pid == 0) pause_milliseconds(5);
    }
    kill(-1, SIGKILL);
    deadline += 1000;
    while (now_milliseconds() < deadline && waitpid(-1, NULL, WNOHANG) >= 0) pause_milliseconds(5);
}

static void unmount_all(void) {
    char *places[256];
    size_t count = 0;
    FILE *file = fopen("/proc/self/mounts", "re");
    if (file == NULL) return;
    char line[2048], place[1024];
    while (count < 256 && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "%*s %1023s", place) == 1) places[count++] = strdup(place);
    }
    fclose(file);
    while (count > 0) {
        char *last = places[--count];
        bool is_kernel = strncmp(last, "/proc", 5) == 0 || strncmp(last, "/dev", 4) == 0 || strncmp(last, "/sys", 4) == 0;
        if (strcmp(last, "/") == 0) {
            mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL);
        } else if (!is_kernel) {
            umount2(last, MNT_DETACH);
        }
        free(last);
    }
}

void power(const char *how) {
    end_processes();
    sync();
    unmount_all();
    sync();
    int command = RB_POWER_OFF;
    if (strcmp(how, "reboot") == 0) command = RB_AUTOBOOT;
    if (strcmp(how, "halt") == 0) command = RB_HALT_SYSTEM;
    reboot(command);
    _exit(0);
}
