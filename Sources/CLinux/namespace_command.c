/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Theory of operation: from a process inside the namespaces to the command.
 *
 *     supervisor ──control (SOCK_SEQPACKET)── init of the PID namespace, or the helper of a join
 *                                               └── command: capabilities, signals, execvp
 *
 * The command stays in its caller's process group and session, so that the terminal treats it as it would without us: ^C
 * and ^Z reach supervisor and command alike. The process in between has all signals blocked, so that neither stops nor
 * kills it: it must be there to report the command's end. It needs no signal, because the end of the control socket tells
 * it that its supervisor has gone (as does PR_SET_PDEATHSIG, which also works while it is stuck).
 *
 * The supervisor stops itself when ^Z was typed *and* the command's stop is reported: a shell takes the terminal back as
 * soon as its own child, the supervisor, has stopped, and the command, which may have a screen to restore before, must not
 * be reading or writing then. */
#include "namespace_internal.h"

#include <dirent.h>
#include <limits.h>
#include <linux/capability.h>
#include <sys/file.h>
#include <sys/wait.h>

pid_t cel_clone_child(unsigned long namespaces) {
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pid_t child = (pid_t)syscall(SYS_clone, namespaces | SIGCHLD, 0, 0, 0, 0);
    int error = errno;
    if (child != 0) pthread_sigmask(SIG_SETMASK, &old, NULL);
    return child < 0 ? -error : child;
}

struct directory_entry {
    uint64_t inode;
    int64_t offset;
    unsigned short size;
    unsigned char type;
    char name[];
};

static void close_unless_kept(int fd, const int *keep, int count) {
    for (int i = 0; i < count; i++)
        if (keep[i] == fd) return;
    int flags = fcntl(fd, F_GETFD);
    if (flags >= 0 && (flags & FD_CLOEXEC)) close(fd);
}

void cel_close_inherited(const int *keep, int count) {
    int directory = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) { /* No /proc: as many as a process has by default. */
        for (int fd = 3; fd < 1024; fd++) close_unless_kept(fd, keep, count);
        return;
    }
    char buffer[2048] __attribute__((aligned(8)));
    long size;
    while ((size = syscall(SYS_getdents64, directory, buffer, sizeof buffer)) > 0) {
        for (long at = 0; at < size;) {
            const struct directory_entry *entry = (const struct directory_entry *)(buffer + at);
            at += entry->size;
            int fd = 0;
            const char *digit = entry->name;
            while (*digit >= '0' && *digit <= '9') fd = fd * 10 + (*digit++ - '0');
            if (digit == entry->name || fd <= 2 || fd == directory) continue;
            close_unless_kept(fd, keep, count);
        }
    }
    close(directory);
}

void cel_report(int control, uint32_t kind, uint32_t step, int value, const int *descriptors, int count) {
    struct cel_stack_message message = {kind, step, value};
    long sent;
    /* A handful of small messages always fits the socket's buffer, so that not waiting loses none. */
    do sent = cel_send_descriptors(control, &message, sizeof message, descriptors, count); while (sent == -EINTR);
}

void cel_report_failure(int control, uint32_t step, int error) {
    cel_report(control, CEL_STACK_FAILED, step, error, NULL, 0);
    _exit(125);
}

/* Passes capabilities on to a program that runs without being root: capabilities(7), "ambient set". */
static int keep_capabilities(uint64_t mask) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    memset(data, 0, sizeof data);
    if (syscall(SYS_capget, &header, data) < 0) return -errno;
    data[0].inheritable = data[0].permitted & (uint32_t)mask;
    data[1].inheritable = data[1].permitted & (uint32_t)(mask >> 32);
    if (syscall(SYS_capset, &header, data) < 0) return -errno;
    for (unsigned number = 0; number < 64; number++) {
        if (!(data[number / 32].inheritable & (1u << (number % 32)))) continue;
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, (unsigned long)number, 0ul, 0ul) < 0) return -errno;
    }
    return 0;
}

/* Signals as a program expects them. Handlers vanish by themselves in execve; what our caller ignored stays ignored
 * (nohup); what we ignore for ourselves does not. */
static void restore_signals(void) {
    signal(SIGPIPE, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
}

/* Executes an image (cel_join_request); returns an errno, *step telling of what. */
static int execute(const char *image, size_t size, uint32_t *step) {
    uint32_t counts[2];
    *step = CEL_STEP_COMMAND_IMAGE;
    if (size < sizeof counts) return EINVAL;
    memcpy(counts, image, sizeof counts);
    /* Each string takes a byte at least, so that no lying count gets past this. */
    if (counts[0] == 0 || (uint64_t)counts[0] + counts[1] > size - sizeof counts) return EINVAL;
    size_t entries = (size_t)counts[0] + counts[1] + 2;
    char **table = cel_map_private(entries * sizeof(char *));
    if (!table) return ENOMEM;
    const char *at = image + sizeof counts, *end = image + size;
    for (size_t i = 0; i < entries; i++) {
        if (i == counts[0] || i == entries - 1) continue; /* The final NULL of each list: the memory is zero. */
        const char *next = memchr(at, 0, (size_t)(end - at));
        if (!next) return EINVAL;
        table[i] = (char *)at;
        at = next + 1;
    }
    *step = CEL_STEP_EXEC;
    environ = table + counts[0] + 1;
    /* Searches PATH of the new environment. glibc's has used the stack alone since 2.24, so that it is safe here. */
    execvp(table[0], table);
    return errno;
}

struct exec_failure {
    uint32_t step;
    int error;
};

static _Noreturn void become_command(
    int failures, int alive, const void *image, size_t size, uint64_t capabilities, int is_init) {
    struct exec_failure failure = {CEL_STEP_CAPABILITIES, 0};
    int result = keep_capabilities(capabilities);
    if (result < 0) {
        failure.error = -result;
    } else {
        if (!is_init) {
            /* After the change of capabilities, which clears it. The pipe's other end tells whether the parent died
             * before; getppid() would not, from another PID namespace. */
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            struct pollfd parent = {alive, 0, 0};
            if (poll(&parent, 1, 0) > 0) _exit(125);
        }
        restore_signals();
        failure.error = execute(image, size, &failure.step);
    }
    long ignored = write(failures, &failure, sizeof failure);
    (void)ignored;
    _exit(127);
}

/* Forks the command and waits until it has called execve: its process id; fails by reporting. */
static pid_t start_command(int control, const void *image, size_t size, uint64_t capabilities, int is_init) {
    int failures[2], alive[2];
    if (pipe2(failures, O_CLOEXEC) < 0 || pipe2(alive, O_CLOEXEC) < 0)
        cel_report_failure(control, CEL_STEP_FORK, errno);
    pid_t command = cel_clone_child(0);
    if (command < 0) cel_report_failure(control, CEL_STEP_FORK, -command);
    if (command == 0) {
        close(failures[0]);
        close(alive[1]);
        close(control);
        become_command(failures[1], alive[0], image, size, capabilities, is_init);
    }
    close(failures[1]);
    close(alive[0]); /* alive[1] stays open for as long as this process lives. */
    struct exec_failure failure;
    ssize_t count;
    do count = read(failures[0], &failure, sizeof failure); while (count < 0 && errno == EINTR);
    close(failures[0]);
    if (count == sizeof failure) cel_report_failure(control, failure.step, failure.error);
    return command;
}

void cel_run_and_reap(int control, const void *image, size_t size, uint64_t capabilities, int is_init) {
    signal(SIGCHLD, SIG_DFL); /* Ignored, it would make the kernel reap for us. */
    sigset_t child_signal;
    sigemptyset(&child_signal);
    sigaddset(&child_signal, SIGCHLD);
    int children = signalfd(-1, &child_signal, SFD_CLOEXEC | SFD_NONBLOCK);
    if (children < 0) cel_report_failure(control, CEL_STEP_FORK, errno);

    pid_t command = start_command(control, image, size, capabilities, is_init);
    int pidfd = cel_pidfd_open(command);
    cel_report(control, CEL_STACK_STARTED, 0, pidfd < 0 ? pidfd : 0, &pidfd, pidfd < 0 ? 0 : 1);
    if (pidfd >= 0) close(pidfd);

    int is_stopped = 0, is_to_continue = 0;
    for (;;) {
        struct signalfd_siginfo info;
        while (read(children, &info, sizeof info) > 0) {}
        int status;
        pid_t child;
        while ((child = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0) {
            if (child != command) continue;
            is_stopped = WIFSTOPPED(status);
            int kind = is_stopped ? CEL_STACK_STOPPED : WIFCONTINUED(status) ? CEL_STACK_CONTINUED : CEL_STACK_EXITED;
            cel_report(control, (uint32_t)kind, 0, status, NULL, 0);
            if (kind == CEL_STACK_EXITED) _exit(0);
        }
        /* Whom the terminal's shell has continued along with the supervisor is known by now as continued: nobody gets a
         * second SIGCONT. */
        if (is_to_continue && is_stopped) kill(command, SIGCONT);
        is_to_continue = 0;

        struct pollfd events[2] = {{children, POLLIN, 0}, {control, POLLIN, 0}};
        if (poll(events, 2, -1) < 0 || !events[1].revents) continue;
        char byte = 0;
        long count = cel_receive(control, &byte, 1, 0);
        if (count == -EAGAIN || count == -EINTR) continue;
        if (count <= 0) {
            if (!is_init) kill(command, SIGKILL);
            _exit(125);
        }
        is_to_continue = byte == CEL_STACK_CONTINUE;
    }
}

int cel_wait(int pid, int *status) {
    pid_t result;
    do result = waitpid(pid, status, 0); while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : 0;
}

int cel_pidfd_send_signal(int pidfd, int number) {
    return (int)cel_result(syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0));
}

void cel_terminal_reclaim(void) {
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (terminal < 0) return;
    pid_t foreground = tcgetpgrp(terminal);
    if (foreground > 0 && foreground != getpgrp() && kill(-foreground, 0) < 0 && errno == ESRCH) {
        /* Touching the terminal from the background would stop us (SIGTTOU), if it were not blocked. */
        sigset_t output, old;
        sigemptyset(&output);
        sigaddset(&output, SIGTTOU);
        pthread_sigmask(SIG_BLOCK, &output, &old);
        tcsetpgrp(terminal, getpgrp());
        pthread_sigmask(SIG_SETMASK, &old, NULL);
    }
    close(terminal);
}

int cel_lock(int fd) { return (int)cel_result(flock(fd, LOCK_EX)); }

int cel_rewind(int fd) { return (int)cel_result(lseek(fd, 0, SEEK_SET)); }

char **cel_environment(void) { return environ; }
