// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

// What the host asks for beside commands.

#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static void tell_result(uint32_t id, uint8_t status, const struct bytes *text) {
    struct bytes result = {0};
    bytes_append(&result, &status, 1);
    bytes_append(&result, bytes_first(text), bytes_count(text));
    frame_append(&output, frame_result, 0, id, bytes_first(&result), bytes_count(&result));
    bytes_free(&result);
}

// A guest with an init of its own is to end as that one wants.
static bool ask_init(const char *how, struct bytes *text) {
    char *words[] = {strcmp(how, "reboot") == 0 ? "reboot" : strcmp(how, "halt") == 0 ? "halt" : "poweroff", NULL};
    struct execution execution = {.words = words};
    struct failure failure;
    if (execute_start(&execution, NULL, false, &failure) > 0) return true;
    bytes_print(text, "%s", failure.text);
    return false;
}

// How much of what was typed on the guest's console nobody has read, and whether that counts whole lines.
static bool console_unread(struct bytes *text) {
    struct termios settings;
    int unread = 0;
    const char *path = boot_console();
    int console = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    bool is_known = console >= 0 && ioctl(console, FIONREAD, &unread) == 0 && tcgetattr(console, &settings) == 0;
    if (is_known) bytes_print(text, "%d %s\n", unread, settings.c_lflag & ICANON ? "lines" : "bytes");
    else bytes_print(text, "%s: %s", path, strerror(errno));
    if (console >= 0) close(console);
    return is_known;
}

void request_take(uint32_t id, const struct words *words) {
    struct bytes text = {0};
    const char *verb = words->list[0];
    bool is_done = true;
    const char *how = NULL;
    if (strcmp(verb, "network") == 0) {
        is_done = network_command(words->list + 1, words->count - 1, &text);
    } else if (strcmp(verb, "interface") == 0 && words->count > 1) {
        const char *error = network_interface(words->list[1], words->list + 2, words->count - 2);
        is_done = error == NULL;
        if (error != NULL) bytes_print(&text, "%s", error);
    } else if (strcmp(verb, "interface-remove") == 0 && words->count == 2) {
        const char *error = network_remove(words->list[1]);
        is_done = error == NULL;
        if (error != NULL) bytes_print(&text, "%s", error);
    } else if (strcmp(verb, "console") == 0) {
        is_done = console_unread(&text);
    } else if (strcmp(verb, "sync") == 0) {
        sync();
    } else if (strcmp(verb, "power") == 0 && words->count == 2) {
        how = words->list[1];
        if (!agent.is_init) is_done = ask_init(how, &text);
    } else {
        bytes_print(&text, "%s: the agent of this guest does not know that", verb);
        is_done = false;
    }
    tell_result(id, is_done ? 0 : 1, &text);
    bytes_free(&text);
    if (how != NULL && agent.is_init) {
        session_flush_for(500);
        power(how);
    }
}

void request_resize_console(uint16_t columns, uint16_t rows) {
    struct winsize size = {.ws_col = columns, .ws_row = rows};
    int console = open(boot_console(), O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (console < 0) return;
    ioctl(console, TIOCSWINSZ, &size);
    close(console);
}
