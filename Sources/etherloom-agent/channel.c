// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

// The way to the host: a serial line, a port of virtio-serial, or a descriptor.

#include "agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

// udev makes links below /dev/virtio-ports; without it the kernel's own names are to be compared.
static int open_virtio(const char *name) {
    char path[300];
    snprintf(path, sizeof path, "/dev/virtio-ports/%s", name);
    int descriptor = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor >= 0) return descriptor;
    DIR *ports = opendir("/sys/class/virtio-ports");
    if (ports == NULL) return -1;
    struct dirent *entry;
    while (descriptor < 0 && (entry = readdir(ports)) != NULL) {
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "/sys/class/virtio-ports/%.64s/name", entry->d_name);
        int file = open(path, O_RDONLY | O_CLOEXEC);
        if (file < 0) continue;
        char text[128] = "";
        ssize_t count = read(file, text, sizeof text - 1);
        close(file);
        if (count > 0 && text[count - 1] == '\n') text[count - 1] = 0;
        if (strcmp(text, name) != 0) continue;
        snprintf(path, sizeof path, "/dev/%.64s", entry->d_name);
        descriptor = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    }
    closedir(ports);
    if (descriptor < 0) errno = ENOENT;
    return descriptor;
}

static void make_raw(int descriptor) {
    struct termios settings;
    if (tcgetattr(descriptor, &settings) < 0) return;
    cfmakeraw(&settings);
    settings.c_cflag |= CLOCAL | CREAD;
    settings.c_cflag &= (tcflag_t)~CRTSCTS;
    cfsetspeed(&settings, B115200);
    tcsetattr(descriptor, TCSANOW, &settings);
}

int channel_open(const char *name) {
    int descriptor;
    if (strncmp(name, "fd:", 3) == 0) {
        descriptor = atoi(name + 3);
        int flags = fcntl(descriptor, F_GETFL);
        if (flags < 0) return -1;
        fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
        fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    } else if (strncmp(name, "virtio:", 7) == 0) {
        descriptor = open_virtio(name + 7);
    } else {
        descriptor = open(name, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    }
    if (descriptor >= 0) make_raw(descriptor);
    return descriptor;
}
