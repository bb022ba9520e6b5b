/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * The first process of a process guest: makes the guest's world by a script, then starts commands as the keeper asks, reaps
 * whoever is left to it, and tells how commands ended. With its end the kernel ends everything in its PID namespace.
 *
 * Nothing that a guest's files could make wait is done by this process itself: a command's own process opens its terminal and
 * looks its user up. */
#include "guest_internal.h"

#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

enum { command_limit = 512 };
static struct {
    pid_t process;
    uint32_t subject;
} commands[command_limit];
static pid_t main_process;
/* Closed by the kernel when the main command has been executed, or could not be: then it has said so before. */
static int main_report = -1;
static uint32_t main_subject;
static int is_quitting;
static char message[CEL_HOLDER_MESSAGE];

static _Noreturn void fail(int control, uint32_t subject, uint32_t step, int error) {
    cel_say(control, CEL_GUEST_EXEC_FAILED, subject, step, error, NULL, 0);
    _exit(127);
}

/* Who a command runs as, from the guest's own /etc/passwd (passwd(5)) and /etc/group. */
struct identity {
    uid_t user;
    gid_t group;
    gid_t groups[64];
    int group_count;
    char name[64], home[256], shell[128];
};

/* The next line of a file that is read bit by bit; 0 at its end. Lines that are too long are cut. */
struct lines {
    int file;
    size_t at, size;
    char buffer[4096];
};
static int next_line(struct lines *lines, char *line, size_t capacity) {
    size_t used = 0;
    int has_any = 0;
    for (;;) {
        if (lines->at == lines->size) {
            ssize_t count = read(lines->file, lines->buffer, sizeof lines->buffer);
            if (count <= 0) {
                line[used] = 0;
                return has_any;
            }
            lines->at = 0;
            lines->size = (size_t)count;
        }
        char byte = lines->buffer[lines->at++];
        has_any = 1;
        if (byte == '\n') {
            line[used] = 0;
            return 1;
        }
        if (used + 1 < capacity) line[used++] = byte;
    }
}

/* Cuts a line at its colons. */
static int cut(char *line, char *fields[], int count) {
    int found = 0;
    fields[found++] = line;
    for (char *at = line; *at && found < count; at++)
        if (*at == ':') {
            *at = 0;
            fields[found++] = at + 1;
        }
    return found;
}

static int is_number(const char *text, unsigned long *value) {
    *value = 0;
    if (!*text) return 0;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || *value > 429496729) return 0;
        *value = *value * 10 + (unsigned long)(*text - '0');
    }
    return *value < 4294967295ul;
}

static void copy(char *to, size_t capacity, const char *from) {
    size_t length = strnlen(from, capacity - 1);
    memcpy(to, from, length);
    to[length] = 0;
}

static int is_listed(const char *list, const char *name) {
    size_t length = strlen(name);
    for (const char *at = list; *at;) {
        const char *end = strchr(at, ',');
        size_t size = end ? (size_t)(end - at) : strlen(at);
        if (size == length && memcmp(at, name, length) == 0) return 1;
        at += size + (end ? 1 : 0);
    }
    return 0;
}

static int open_database(const char *path, struct lines *lines) {
    lines->at = lines->size = 0;
    lines->file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    return lines->file;
}

/* `USER`, `USER:GROUP`, by name or number; 0 or an errno. */
static int find_identity(char *wanted, struct identity *who) {
    static struct lines lines;
    static char line[4096];
    char *parts[2] = {0}, *fields[7];
    int part_count = cut(wanted, parts, 2);
    unsigned long value;
    int is_known = 0;
    if (is_number(parts[0], &value)) {
        who->user = (uid_t)value;
        who->group = (gid_t)value;
        is_known = 1;
    }
    if (open_database("/etc/passwd", &lines) >= 0) {
        while (next_line(&lines, line, sizeof line)) {
            unsigned long user, group;
            if (cut(line, fields, 7) < 7 || !is_number(fields[2], &user) || !is_number(fields[3], &group)) continue;
            if (is_known ? user != who->user : strcmp(fields[0], parts[0]) != 0) continue;
            who->user = (uid_t)user;
            who->group = (gid_t)group;
            copy(who->name, sizeof who->name, fields[0]);
            copy(who->home, sizeof who->home, fields[5]);
            copy(who->shell, sizeof who->shell, fields[6]);
            is_known = 1;
            break;
        }
        close(lines.file);
    }
    /* A root without a user database has root. */
    if (!is_known && strcmp(parts[0], "root") == 0) is_known = 1;
    if (!is_known) return ENOENT;
    int is_group_known = part_count < 2;
    if (part_count == 2 && is_number(parts[1], &value)) {
        who->group = (gid_t)value;
        is_group_known = 1;
    }
    who->groups[who->group_count++] = who->group;
    if (open_database("/etc/group", &lines) >= 0) {
        while (next_line(&lines, line, sizeof line)) {
            unsigned long group;
            if (cut(line, fields, 4) < 4 || !is_number(fields[2], &group)) continue;
            if (!is_group_known && strcmp(fields[0], parts[1]) == 0) {
                who->group = (gid_t)group;
                who->groups[0] = who->group;
                is_group_known = 1;
            }
            if (who->name[0] && who->group_count < 64 && is_listed(fields[3], who->name))
                who->groups[who->group_count++] = (gid_t)group;
        }
        close(lines.file);
    }
    return is_group_known ? 0 : ENOENT;
}

static void join(char *to, size_t capacity, const char *name, const char *value) {
    size_t length = strlen(name);
    memcpy(to, name, length);
    copy(to + length, capacity - length, value);
}

static void become_user(int control, uint32_t subject, char *wanted, char *const **extra) {
    static struct identity who;
    static char home[300], user[80], logname[80], shell[160];
    static char *variables[5];
    char root[] = "root";
    int error = find_identity(wanted ? wanted : root, &who);
    if (error) fail(control, subject, CEL_EXEC_USER, error);
    if (setgroups((size_t)who.group_count, who.groups) < 0 && who.user != 0) {
        /* Where the namespace has one group only, there are none to be given up. */
        if (errno != EPERM) fail(control, subject, CEL_EXEC_IDENTITY, errno);
    }
    if (who.group != getegid() && setresgid(who.group, who.group, who.group) < 0)
        fail(control, subject, CEL_EXEC_IDENTITY, errno);
    if (who.user != geteuid() && setresuid(who.user, who.user, who.user) < 0)
        fail(control, subject, CEL_EXEC_IDENTITY, errno);
    int count = 0;
    join(home, sizeof home, "HOME=", who.home[0] ? who.home : who.user == 0 ? "/root" : "/");
    variables[count++] = home;
    if (who.name[0]) {
        join(user, sizeof user, "USER=", who.name);
        join(logname, sizeof logname, "LOGNAME=", who.name);
        variables[count++] = user;
        variables[count++] = logname;
    }
    if (who.shell[0]) {
        join(shell, sizeof shell, "SHELL=", who.shell);
        variables[count++] = shell;
    }
    *extra = variables;
}

static int open_terminal(int control, const struct cel_guest_command *command) {
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (master < 0) fail(control, command->subject, CEL_EXEC_TERMINAL, errno);
    int lock = 0;
    struct winsize size;
    memset(&size, 0, sizeof size);
    size.ws_col = command->columns;
    size.ws_row = command->rows;
    int terminal = -1;
    if (ioctl(master, TIOCSPTLCK, &lock) == 0) terminal = (int)ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal < 0) fail(control, command->subject, CEL_EXEC_TERMINAL, errno);
    ioctl(master, TIOCSWINSZ, &size);
    cel_say(control, CEL_GUEST_TERMINAL, command->subject, 0, 0, &master, 1);
    close(master);
    return terminal;
}

static _Noreturn void be_command(
    int control, const struct cel_guest_command *command, char *strings, int *descriptors, int count) {
    uint32_t subject = command->subject;
    char *directory = command->directory_size ? strings : NULL;
    char *user = command->user_size ? strings + command->directory_size : NULL;
    const char *image = strings + command->directory_size + command->user_size;
    int streams[3] = {-1, -1, -1};
    setsid();
    if (command->flags & (CEL_COMMAND_TERMINAL | CEL_COMMAND_CONSOLE)) {
        int terminal =
            command->flags & CEL_COMMAND_CONSOLE ? cel_script_console() : open_terminal(control, command);
        if (terminal < 0) fail(control, subject, CEL_EXEC_TERMINAL, ENOTTY);
        if (ioctl(terminal, TIOCSCTTY, 1) < 0) fail(control, subject, CEL_EXEC_TERMINAL, errno);
        for (int i = 0; i < 3; i++) streams[i] = terminal;
    } else {
        /* The keeper's own are nothing for a guest. */
        if (count < 3) fail(control, subject, CEL_EXEC_IMAGE, EBADF);
        for (int i = 0; i < 3; i++) streams[i] = descriptors[i];
    }
    char *const *extra = NULL;
    become_user(control, subject, user, &extra);
    if (chdir(directory ? directory : "/") < 0 && directory) fail(control, subject, CEL_EXEC_DIRECTORY, errno);
    for (int i = 0; i < 3; i++)
        if ((streams[i] = fcntl(streams[i], F_DUPFD_CLOEXEC, 30)) < 0) fail(control, subject, CEL_EXEC_IMAGE, errno);
    for (int i = 0; i < 3; i++) dup2(streams[i], i);
    umask(022);
    cel_default_signals();
    int error = cel_execute_image(image, command->image_size, extra);
    fail(control, subject, error == EINVAL ? CEL_EXEC_IMAGE : CEL_EXEC_EXEC, error);
}

static void start_command(int control, char *bytes, size_t size, int *descriptors, int count) {
    struct cel_guest_command command;
    if (size < sizeof command) return;
    memcpy(&command, bytes, sizeof command);
    char *strings = bytes + sizeof command;
    uint64_t rest = size - sizeof command;
    if ((uint64_t)command.directory_size + command.user_size + command.image_size != rest) return;
    /* Both strings end within the message. */
    if (command.directory_size && strings[command.directory_size - 1] != 0) return;
    if (command.user_size && strings[command.directory_size + command.user_size - 1] != 0) return;
    int slot = 0;
    while (slot < command_limit && commands[slot].process) slot++;
    int is_main = command.flags & CEL_COMMAND_MAIN && main_report < 0;
    int report[2] = {-1, -1};
    pid_t child = slot == command_limit ? -EAGAIN : 0;
    if (child == 0 && is_main && pipe2(report, O_CLOEXEC) < 0) child = -errno;
    if (child == 0) {
        child = cel_clone_child(0);
        if (child == 0) be_command(control, &command, strings, descriptors, count);
    }
    if (report[1] >= 0) close(report[1]);
    if (child < 0) {
        if (report[0] >= 0) close(report[0]);
        cel_say(control, CEL_GUEST_EXEC_FAILED, command.subject, CEL_EXEC_FORK, -child, NULL, 0);
        return;
    }
    commands[slot].process = child;
    commands[slot].subject = command.subject;
    if (command.flags & CEL_COMMAND_MAIN) main_process = child;
    if (is_main) {
        main_report = report[0];
        main_subject = command.subject;
    }
}

static void tell_executed(int control) {
    if (main_report < 0) return;
    close(main_report);
    main_report = -1;
    cel_say(control, CEL_GUEST_EXECUTED, main_subject, 0, 0, NULL, 0);
}

static void send_signal(const struct cel_guest_signal *wanted) {
    if (wanted->subject == 0) {
        kill(-1, wanted->number);
        return;
    }
    for (int i = 0; i < command_limit; i++) {
        if (!commands[i].process || commands[i].subject != wanted->subject) continue;
        /* Before it leads its group there is the process alone. */
        if (kill(-commands[i].process, wanted->number) < 0) kill(commands[i].process, wanted->number);
    }
}

static void reap(int control) {
    int status;
    pid_t child;
    while ((child = waitpid(-1, &status, WNOHANG)) > 0) {
        if (child == main_process) tell_executed(control);
        for (int i = 0; i < command_limit; i++) {
            if (commands[i].process != child) continue;
            commands[i].process = 0;
            cel_say(control, CEL_GUEST_EXITED, commands[i].subject, 0, status, NULL, 0);
        }
        if (child == main_process) _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    }
    if (is_quitting && child < 0 && errno == ECHILD) _exit(0);
}

static void handle(int control, size_t size, int *descriptors, int count) {
    switch (message[0]) {
    case CEL_GUEST_SCRIPT: {
        uint32_t line = 0;
        int result = cel_script_run(message + 1, size - 1, control, &line);
        cel_say(control, result < 0 ? CEL_GUEST_FAILED : CEL_GUEST_DONE, line, 0, -result, NULL, 0);
        break;
    }
    case CEL_GUEST_EXEC: start_command(control, message, size, descriptors, count); break;
    case CEL_GUEST_SIGNAL: {
        struct cel_guest_signal wanted;
        if (size < sizeof wanted) break;
        memcpy(&wanted, message, sizeof wanted);
        send_signal(&wanted);
        break;
    }
    case CEL_GUEST_QUIT:
        is_quitting = 1;
        kill(-1, SIGTERM);
        kill(-1, SIGHUP);
        kill(-1, SIGCONT);
        reap(control);
        break;
    }
    for (int i = 0; i < count; i++) close(descriptors[i]);
}

void cel_be_guest(int control, const char *script, size_t size) {
    cel_thread_name("etherloom-init");
    /* The lab's root is this namespace's. Whatever other groups the keeper's user has are not for guests. */
    int ignored = setgroups(0, NULL);
    ignored = setresgid(0, 0, 0);
    ignored = setresuid(0, 0, 0);
    (void)ignored;
    umask(022);
    cel_parent_death_signal(SIGKILL);
    signal(SIGCHLD, SIG_DFL);
    uint32_t line = 0;
    int result = cel_script_run(script, size, control, &line);
    if (result < 0) {
        cel_say(control, CEL_GUEST_FAILED, line, 0, -result, NULL, 0);
        _exit(125);
    }
    /* This memory is the keeper's: its environment is nobody's business in here. */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    cel_parent_death_signal(SIGKILL);
    sigset_t child_signal;
    sigemptyset(&child_signal);
    sigaddset(&child_signal, SIGCHLD);
    int children = signalfd(-1, &child_signal, SFD_CLOEXEC | SFD_NONBLOCK);
    if (children < 0) _exit(125);
    cel_say(control, CEL_GUEST_DONE, line, 0, 0, NULL, 0);
    for (;;) {
        struct pollfd events[3] = {{children, POLLIN, 0}, {control, POLLIN, 0}, {main_report, POLLIN, 0}};
        if (poll(events, 3, -1) < 0) continue;
        if (events[2].revents) tell_executed(control);
        if (events[0].revents) {
            struct signalfd_siginfo info;
            while (read(children, &info, sizeof info) > 0) {}
            reap(control);
        }
        if (!events[1].revents) continue;
        int descriptors[CEL_DESCRIPTORS_MAX], count = 0;
        long length = cel_await_message(control, message, sizeof message, descriptors, &count);
        if (length <= 0) _exit(125); /* The keeper has gone, or let go of this guest. */
        handle(control, (size_t)length, descriptors, count);
    }
}
