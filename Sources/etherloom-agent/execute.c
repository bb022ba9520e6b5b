// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

// Becoming a program: whose, where, with what environment and which terminal.
//
// Users are looked up in /etc/passwd and /etc/group by ourselves: a static program cannot load the C library's modules for
// that, and a guest's accounts are in its files.

#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct account {
    char name[128], home[512], shell[512];
    uid_t user;
    gid_t group;
    gid_t groups[64];
    size_t group_count;
};

// Splits at colons; the number of fields.
static size_t fields(char *line, char **list, size_t capacity) {
    size_t count = 0;
    line[strcspn(line, "\n")] = 0;
    while (count < capacity && line != NULL) list[count++] = strsep(&line, ":");
    return count;
}

static bool is_number(const char *text) { return *text != 0 && text[strspn(text, "0123456789")] == 0; }

static bool find_account(const char *name, struct account *account) {
    FILE *file = fopen("/etc/passwd", "re");
    char line[2048], *list[8];
    bool found = false;
    bool by_number = is_number(name);
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        if (fields(line, list, 8) < 7) continue;
        found = strcmp(by_number ? list[2] : list[0], name) == 0;
        if (!found) continue;
        snprintf(account->name, sizeof account->name, "%s", list[0]);
        snprintf(account->home, sizeof account->home, "%s", list[5]);
        snprintf(account->shell, sizeof account->shell, "%s", list[6]);
        account->user = (uid_t)strtoul(list[2], NULL, 10);
        account->group = (gid_t)strtoul(list[3], NULL, 10);
    }
    if (file != NULL) fclose(file);
    if (found) return true;
    // A number needs no entry, and neither does root.
    if (!by_number && strcmp(name, "root") != 0) return false;
    snprintf(account->name, sizeof account->name, "%s", name);
    snprintf(account->home, sizeof account->home, "%s", by_number ? "/" : "/root");
    account->user = by_number ? (uid_t)strtoul(name, NULL, 10) : 0;
    account->group = account->user;
    return true;
}

// Groups that name the user; a group by name when `wanted` is given.
static bool find_groups(struct account *account, const char *wanted) {
    FILE *file = fopen("/etc/group", "re");
    char line[4096], *list[8] = {0};
    bool found = wanted == NULL || is_number(wanted);
    if (wanted != NULL && found) account->group = (gid_t)strtoul(wanted, NULL, 10);
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (fields(line, list, 8) < 3) continue;
        gid_t number = (gid_t)strtoul(list[2], NULL, 10);
        if (wanted != NULL && strcmp(list[0], wanted) == 0) {
            account->group = number;
            found = true;
        }
        char *members = list[3];
        while (members != NULL && account->group_count < 64) {
            char *member = strsep(&members, ",");
            if (strcmp(member, account->name) == 0) account->groups[account->group_count++] = number;
        }
        memset(list, 0, sizeof list);
    }
    if (file != NULL) fclose(file);
    return found;
}

// To the pipe of who started us: a status, as a shell gives it, and a text.
static void fail_with(uint8_t status, int report, const char *format, const char *what, int error) {
    char line[512] = {(char)status};
    int count = snprintf(line + 1, sizeof line - 1, format, what, strerror(error));
    if (count > 0) {
        ssize_t ignored = write(report, line, (size_t)count < sizeof line - 1 ? (size_t)count + 1 : sizeof line);
        (void)ignored;
    }
    _exit(status);
}

static void fail(int report, const char *format, const char *what, int error) {
    fail_with(126, report, format, what, error);
}

static void become(const struct execution *execution, int report) {
    static struct account account;
    char name[256];
    snprintf(name, sizeof name, "%s", execution->user == NULL ? "root" : execution->user);
    char *group = strchr(name, ':');
    if (group != NULL) *group++ = 0;
    if (!find_account(name, &account)) fail(report, "there is no user %s in the guest's /etc/passwd", name, 0);
    if (!find_groups(&account, group)) fail(report, "there is no group %s in the guest's /etc/group", group, 0);
    setenv("HOME", account.home, 1);
    setenv("USER", account.name, 1);
    setenv("LOGNAME", account.name, 1);
    setenv("SHELL", account.shell[0] == 0 ? "/bin/sh" : account.shell, 1);
    if (execution->user == NULL) return;
    if (setgroups(account.group_count, account.groups) < 0 && account.user != 0) {
        fail(report, "cannot take the groups of %s: %s", name, errno);
    }
    if (setgid(account.group) < 0 || setuid(account.user) < 0) fail(report, "cannot become %s: %s", name, errno);
}

void execute(const struct execution *execution, int report) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    if (execution->terminal != NULL) {
        int terminal = open(execution->terminal, O_RDWR);
        if (terminal < 0) fail(report, "cannot open %s: %s", execution->terminal, errno);
        ioctl(terminal, TIOCSCTTY, 1);
        for (int stream = 0; stream < 3; stream++) dup2(terminal, stream);
        if (terminal > 2) close(terminal);
    }
    if (getenv("PATH") == NULL) setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    if (getenv("TERM") == NULL && isatty(0)) setenv("TERM", "xterm", 1);
    become(execution, report);
    for (size_t index = 0; index < execution->environment_count; index++) putenv(execution->environment[index]);
    const char *directory = execution->directory;
    if (directory != NULL) {
        if (chdir(directory) < 0) fail(report, "cannot enter %s: %s", directory, errno);
    } else if (chdir(getenv("HOME")) < 0 && chdir("/") < 0) {
        fail(report, "cannot enter %s: %s", "/", errno);
    }
    execvp(execution->words[0], execution->words);
    if (errno == ENOENT) fail_with(127, report, "%s: command not found", execution->words[0], 0);
    fail(report, "%s: %s", execution->words[0], errno);
    _exit(126);
}

pid_t execute_start(
    const struct execution *execution, const int streams[3], bool with_terminal, struct failure *failure
) {
    int report[2];
    char *error = failure->text;
    const size_t size = sizeof failure->text;
    failure->status = 126;
    if (pipe2(report, O_CLOEXEC) < 0) {
        snprintf(error, size, "cannot make a pipe: %s", strerror(errno));
        return -1;
    }
    pid_t pid = fork();
    if (pid < 0) {
        snprintf(error, size, "cannot start a process: %s", strerror(errno));
        close(report[0]);
        close(report[1]);
        return -1;
    }
    if (pid == 0) {
        setsid();
        // The descriptors are all above 2: none is overwritten before it is used.
        for (int stream = 0; stream < 3 && streams != NULL; stream++) dup2(streams[stream], stream);
        if (with_terminal) ioctl(0, TIOCSCTTY, 1);
        execute(execution, report[1]);
    }
    close(report[1]);
    char line[512];
    ssize_t count;
    do {
        count = read(report[0], line, sizeof line);
    } while (count < 0 && errno == EINTR);
    close(report[0]);
    if (count <= 0) return pid;
    failure->status = (uint8_t)line[0];
    memcpy(error, line + 1, (size_t)count - 1);
    error[count - 1] = 0;
    // It is reaped as any process is; nobody asks for its status.
    return -1;
}
