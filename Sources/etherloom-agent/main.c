// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

// etherloom-agent: as the first process of a guest (its plan is in /etherloom/plan), or as a service:
//
//     etherloom-agent --service [--channel NAME]

#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage[] =
    "usage: etherloom-agent --service [--channel PATH|virtio:PORT|fd:N]\n"
    "Runs commands in a virtual machine for Etherloom, which starts it. As the first process it takes no arguments.\n";

static void open_streams(void) {
    int null;
    do {
        null = open("/dev/null", O_RDWR);
    } while (null >= 0 && null < 3);
    if (null > 2) close(null);
}

// The guest's own init becomes the first process; we go on beside it. Where that cannot be run we stay what we are: there are
// never two of us.
static void hand_over(char **arguments) {
    static char *const init[] = {"/sbin/init", NULL};
    // Closed by the init's start: who is to go on beside it waits for that.
    int start[2];
    if (pipe2(start, O_CLOEXEC) < 0) return problem("cannot run %s: %s", init[0], strerror(errno));
    pid_t pid = fork();
    if (pid < 0) problem("cannot start a process beside %s: %s", init[0], strerror(errno));
    if (pid > 0) {
        execv(init[0], init);
        problem("%s cannot be run: %s", init[0], strerror(errno));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    if (pid != 0) {
        close(start[0]);
        close(start[1]);
        return;
    }
    close(start[1]);
    char byte;
    while (read(start[0], &byte, 1) < 0 && errno == EINTR) continue;
    close(start[0]);
    setsid();
    agent.is_init = false;
    // Inits spare whoever calls himself so when they end all processes: the channel lives as long as the guest.
    arguments[0][0] = '@';
}

static void boot(char **arguments) {
    static struct plan plan;
    // The console is given to who asks for it by its name; Ctrl-Alt-Del is told to us.
    reboot(RB_DISABLE_CAD);
    boot_mount_kernel();
    open_streams();
    bool has_plan = plan_read(&plan, "/etherloom/plan");
    boot_load_modules("/etherloom/modules");
    agent.is_init = true;
    if (has_plan) {
        agent.plan = &plan;
        if (plan.channel != NULL) agent.channel_name = plan.channel;
        boot_switch_root(&plan);
        boot_identity(&plan);
        network_configure(&plan.words);
        bool has_command = words_value(&plan.words, "command") != NULL;
        if (!has_command && access("/sbin/init", X_OK) == 0) {
            agent.channel = channel_open(agent.channel_name);
            hand_over(arguments);
            if (!agent.is_init) return;
        }
    }
    boot_mount_rest();
}

int main(int count, char **arguments) {
    agent.channel_name = "virtio:etherloom.agent";
    bool is_service = false;
    for (int index = 1; index < count; index++) {
        if (strcmp(arguments[index], "--service") == 0) {
            is_service = true;
        } else if (strcmp(arguments[index], "--channel") == 0 && index + 1 < count) {
            agent.channel_name = arguments[++index];
        } else if (strncmp(arguments[index], "--", 2) == 0) {
            fputs(usage, strcmp(arguments[index], "--help") == 0 ? stdout : stderr);
            return strcmp(arguments[index], "--help") == 0 ? 0 : 2;
        }
    }
    if (getpid() == 1 && !is_service) {
        boot(arguments);
    } else if (is_service) {
        open_streams();
    } else {
        fputs(usage, stderr);
        return 2;
    }
    if (agent.channel < 0) agent.channel = channel_open(agent.channel_name);
    loop_run();
}
