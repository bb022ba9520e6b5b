// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

// The one loop: the channel, commands, signals.

#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct agent agent = {.channel = -1};
struct bytes output;
static struct bytes input;

uint64_t now_milliseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void append_word(struct bytes *words, const char *key, const char *value) {
    bytes_print(words, "%s=%s", key, value);
    bytes_append(words, "", 1);
}

static void tell_welcome(uint64_t session) {
    struct bytes words = {0};
    uint8_t number[10];
    put16(number, protocol_version);
    put64(number + 2, session);
    bytes_append(&words, number, sizeof number);
    struct utsname name;
    uname(&name);
    append_word(&words, "kernel", name.release);
    append_word(&words, "machine", name.machine);
    append_word(&words, "role", agent.is_init ? "init" : "service");
    bytes_append(&words, bytes_first(&problems), bytes_count(&problems));
    frame_append(&output, frame_welcome, 0, 0, bytes_first(&words), bytes_count(&words));
    bytes_free(&words);
}

static void tell_result(uint32_t id, uint8_t status, const struct bytes *text) {
    struct bytes result = {0};
    bytes_append(&result, &status, 1);
    bytes_append(&result, bytes_first(text), bytes_count(text));
    frame_append(&output, frame_result, 0, id, bytes_first(&result), bytes_count(&result));
    bytes_free(&result);
}

static void flush(void) {
    while (bytes_count(&output) > 0) {
        size_t wanted = bytes_count(&output);
        ssize_t count = write(agent.channel, bytes_first(&output), wanted > 65536 ? 65536 : wanted);
        if (count <= 0) return;
        bytes_drop(&output, (size_t)count);
    }
}

// What is queued goes out first, as far as somebody reads it.
static void flush_for(int milliseconds) {
    uint64_t deadline = now_milliseconds() + (uint64_t)milliseconds;
    flush();
    while (bytes_count(&output) > 0 && now_milliseconds() < deadline) {
        struct pollfd one = {.fd = agent.channel, .events = POLLOUT};
        if (poll(&one, 1, 50) < 0 && errno != EINTR) return;
        flush();
    }
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

static void request(uint32_t id, const struct words *words) {
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
        flush_for(500);
        power(how);
    }
}

static void resize_console(uint16_t columns, uint16_t rows) {
    struct winsize size = {.ws_col = columns, .ws_row = rows};
    int console = open(boot_console(), O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (console < 0) return;
    ioctl(console, TIOCSWINSZ, &size);
    close(console);
}

static void take(const struct frame *frame) {
    struct words words;
    switch (frame->type) {
    case frame_hello:
        if (frame->count < 10) return;
        // Whoever spoke before is gone.
        command_cancel_all();
        bytes_drop(&output, bytes_count(&output));
        tell_welcome(get64(frame->payload + 2));
        break;
    case frame_run:
        if (!words_parse(&words, frame->payload, frame->count)) return;
        command_run(frame->stream, &words);
        words_free(&words);
        break;
    case frame_data: command_data(frame->stream, frame->payload, frame->count); break;
    case frame_close: command_close(frame->stream); break;
    case frame_credit:
        if (frame->count == 4) command_credit(frame->stream, frame->channel, get32(frame->payload));
        break;
    case frame_signal:
        if (frame->count == 4) command_signal(frame->stream, (int)get32(frame->payload));
        break;
    case frame_resize:
        if (frame->count != 4) return;
        if (frame->stream == 0) resize_console(get16(frame->payload), get16(frame->payload + 2));
        else command_resize(frame->stream, get16(frame->payload), get16(frame->payload + 2));
        break;
    case frame_cancel: command_cancel(frame->stream); break;
    case frame_request:
        if (!words_parse(&words, frame->payload, frame->count)) return;
        request(frame->stream, &words);
        words_free(&words);
        break;
    default: break;
    }
}

// Bytes that were read, and the host has not been told of.
static uint32_t taken;

static void tell_taken(void) {
    if (taken < taken_minimum) return;
    uint8_t number[4];
    put32(number, taken);
    frame_append(&output, frame_taken, 0, 0, number, sizeof number);
    taken = 0;
}

// False: the channel is gone.
static bool read_channel(void) {
    static uint8_t data[16384];
    for (int round = 0; round < 8; round++) {
        ssize_t count = read(agent.channel, data, sizeof data);
        if (count < 0) return errno == EAGAIN || errno == EINTR;
        if (count == 0) return false;
        bytes_append(&input, data, (size_t)count);
        taken += (uint32_t)count;
        tell_taken();
        struct frame frame;
        while (frame_next(&input, &frame)) {
            take(&frame);
            frame_drop(&input, &frame);
        }
    }
    return true;
}

static void announce(void) {
    uint8_t number[2];
    put16(number, protocol_version);
    taken = 0;
    frame_append(&output, frame_announce, 0, 0, number, 2);
}

// ---- the guest's own program ----------------------------------------------------------------------------------------

// When it was started, and when it is to be started again; 0: not later.
static uint64_t main_since, main_due;

static void start_main(void) {
    const struct plan *plan = agent.plan;
    if (plan == NULL) return;
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

static void main_ended(int status) {
    agent.main = 0;
    if (agent.restarts_main) {
        // A console where nobody can be: not to keep the processor busy with that.
        main_due = now_milliseconds() < main_since + 1000 ? now_milliseconds() + 1000 : 0;
        if (main_due == 0) start_main();
        return;
    }
    struct bytes words = {0};
    char number[16];
    snprintf(number, sizeof number, "%d", status);
    append_word(&words, "ended", number);
    frame_append(&output, frame_event, 0, 0, bytes_first(&words), bytes_count(&words));
    flush_for(500);
    power("poweroff");
}

static void reap(void) {
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid <= 0) return;
        if (command_reaped(pid, status)) continue;
        if (pid == agent.main) main_ended(status);
    }
}

static void take_signals(int signals) {
    struct signalfd_siginfo info;
    while (read(signals, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGCHLD) reap();
        else if (agent.is_init) power("poweroff");
        else _exit(0);
    }
}

// ---- the loop itself -------------------------------------------------------------------------------------------------

static int open_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    // Ctrl-Alt-Del, and the power line: what an init is told of.
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGPWR);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int sooner(int left, int right) { return left < 0 ? right : right < 0 || left < right ? left : right; }

void loop_run(void) {
    static struct pollfd list[1024];
    int signals = open_signals();
    start_main();
    if (agent.channel >= 0) announce();
    for (;;) {
        size_t fixed = 0;
        list[fixed++] = (struct pollfd){.fd = signals, .events = POLLIN};
        if (agent.channel >= 0) {
            flush();
            short events = POLLIN | (bytes_count(&output) > 0 ? POLLOUT : 0);
            list[fixed++] = (struct pollfd){.fd = agent.channel, .events = events};
        }
        size_t count = command_poll(list + fixed, sizeof list / sizeof *list - fixed);
        size_t leases = dhcp_poll(list + fixed + count, sizeof list / sizeof *list - fixed - count);
        int timeout = sooner(sooner(command_timeout(), dhcp_timeout()), agent.channel < 0 ? 200 : -1);
        if (main_due != 0) timeout = sooner(timeout, 200);
        int found = poll(list, fixed + count + leases, timeout);
        if (found < 0) continue;
        if (list[0].revents != 0) take_signals(signals);
        if (main_due != 0 && now_milliseconds() >= main_due) {
            main_due = 0;
            start_main();
        }
        command_ready(list + fixed, count);
        dhcp_ready(list + fixed + count, leases);
        if (agent.channel < 0) {
            // It may appear later: a module, a hot-added port.
            agent.channel = channel_open(agent.channel_name);
            if (agent.channel >= 0) announce();
        } else if (list[1].revents != 0 && !read_channel()) {
            if (!agent.is_init) _exit(0);
            // The host's end was closed. Not to spin, it is opened anew now and then.
            close(agent.channel);
            agent.channel = -1;
            command_cancel_all();
            bytes_drop(&output, bytes_count(&output));
        }
    }
}
