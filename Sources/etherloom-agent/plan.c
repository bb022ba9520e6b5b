// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

// What the host wants the guest to be.

#include "agent.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct bytes problems;

enum { problems_maximum = 32768 };

void problem(const char *format, ...) {
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    dprintf(2, "etherloom: %s\n", line);
    // A word of its own in the welcome, as far as one frame holds them all.
    if (bytes_count(&problems) + strlen(line) > problems_maximum) return;
    bytes_print(&problems, "problem=%s", line);
    bytes_append(&problems, "", 1);
}

bool plan_read(struct plan *plan, const char *path) {
    memset(plan, 0, sizeof *plan);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    struct bytes text = {0};
    char part[4096];
    ssize_t count;
    while ((count = read(file, part, sizeof part)) > 0) bytes_append(&text, part, (size_t)count);
    close(file);
    bool is_plan = words_parse(&plan->words, bytes_first(&text), bytes_count(&text));
    bytes_free(&text);
    if (!is_plan) return false;
    plan->channel = words_value(&plan->words, "channel");
    plan->root = words_value(&plan->words, "root");
    plan->source = words_value(&plan->words, "source");
    plan->other_source = words_value(&plan->words, "other-source");
    plan->options = words_value(&plan->words, "options");
    plan->hostname = words_value(&plan->words, "hostname");
    plan->user = words_value(&plan->words, "user");
    plan->console = words_value(&plan->words, "console");
    for (size_t index = 0; index < plan->words.count; index++) {
        if (strcmp(plan->words.list[index], "read-only") == 0) plan->read_only = true;
    }
    return true;
}
