// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

// The guest's own program: the plan's command, or a shell on the console where the root has no init of its own.

#include "agent.h"

#include <stdio.h>

// When it was started, and when it is to be started again; 0: not later.
static uint64_t main_since, main_due;

void program_start(void) {
    const struct plan *plan = agent.plan;
    // Beside the guest's own init, which has its console, there is nothing to start.
    if (plan == NULL || !agent.is_init) return;
    static char *shell[] = {"/bin/sh", "-l", NULL};
    char *words[plan->words.count + 1], *environment[plan->words.count + 1];
    struct execution execution = {.words = words, .user = plan->user, .environment = environment};
    size_t count = 0;
    for (size_t index = 0; index < plan->words.count; index++) {
        char *word = plan->words.list[index];
        const char *value = word_value(word, "command");
        if (value != NULL) words[count++] = word + (value - word);
        if ((value = word_value(word, "environment")) != NULL) {
            environment[execution.environment_count++] = word + (value - word);
        }
    }
    words[count] = NULL;
    agent.restarts_main = count == 0;
    if (count == 0) execution.words = shell;
    execution.terminal = plan->console != NULL ? plan->console : boot_console();
    struct failure failure;
    pid_t pid = execute_start(&execution, NULL, false, &failure);
    if (pid > 0) {
        main_since = now_milliseconds();
        agent.main = pid;
        return;
    }
    agent.main = 0;
    agent.restarts_main = false;
    // The host takes these two for the guest's end: see Documentation/Agent.md.
    if (count > 0) {
        problem("cannot run the guest's program: %s", failure.text);
    } else if (plan->root != NULL) {
        problem("cannot run anything in the root: no /sbin/init; %s", failure.text);
    } else {
        problem("%s", failure.text);
    }
}

void program_ended(int status) {
    agent.main = 0;
    if (agent.restarts_main) {
        // A console where nobody can be: not to keep the processor busy with that.
        main_due = now_milliseconds() < main_since + 1000 ? now_milliseconds() + 1000 : 0;
        if (main_due == 0) program_start();
        return;
    }
    struct bytes words = {0};
    char number[16];
    snprintf(number, sizeof number, "%d", status);
    bytes_print(&words, "ended=%s", number);
    bytes_append(&words, "", 1);
    frame_append(&output, frame_event, 0, 0, bytes_first(&words), bytes_count(&words));
    session_flush_for(500);
    power("poweroff");
}

int program_timeout(void) { return main_due == 0 ? -1 : 200; }

void program_ready(void) {
    if (main_due == 0 || now_milliseconds() < main_due) return;
    main_due = 0;
    program_start();
}
