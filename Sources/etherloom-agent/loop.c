// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

// The one loop: the channel, commands, signals.

#include "agent.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct agent agent = {.channel = -1};

uint64_t now_milliseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void reap(void) {
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid <= 0) return;
        if (command_reaped(pid, status)) continue;
        if (pid == agent.main) program_ended(status);
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
    session_begin();
    program_start();
    if (agent.channel >= 0) session_announce();
    for (;;) {
        size_t fixed = 0;
        list[fixed++] = (struct pollfd){.fd = signals, .events = POLLIN};
        if (agent.channel >= 0) {
            session_flush();
            short events = POLLIN | (bytes_count(&output) > 0 ? POLLOUT : 0);
            list[fixed++] = (struct pollfd){.fd = agent.channel, .events = events};
        }
        size_t count = command_poll(list + fixed, sizeof list / sizeof *list - fixed);
        size_t leases = dhcp_poll(list + fixed + count, sizeof list / sizeof *list - fixed - count);
        int timeout = sooner(sooner(command_timeout(), dhcp_timeout()), program_timeout());
        if (agent.channel < 0) timeout = sooner(timeout, 200);
        int found = poll(list, fixed + count + leases, timeout);
        if (found < 0) continue;
        if (list[0].revents != 0) take_signals(signals);
        program_ready();
        command_ready(list + fixed, count);
        dhcp_ready(list + fixed + count, leases);
        if (agent.channel < 0) {
            // It may appear later: a module, a hot-added port.
            agent.channel = channel_open(agent.channel_name);
            if (agent.channel >= 0) session_announce();
        } else if (list[1].revents != 0 && !session_read()) {
            if (!agent.is_init) _exit(0);
            // The host's end was closed. Not to spin, it is opened anew now and then.
            close(agent.channel);
            agent.channel = -1;
            session_lost();
        }
    }
}
