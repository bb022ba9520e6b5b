/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * SIGKILL leaves a terminal as the killed program had it: without echo, with every key a byte. Somebody else has to put that
 * right, who has seen how it was before. */
#include "guest_internal.h"

#include <termios.h>

/* What the caller's terminal looks like while keys come one by one; see TerminalMode. */
static int is_raw(const struct termios *now, struct termios before) {
    cfmakeraw(&before);
    before.c_oflag |= OPOST;
    return now->c_iflag == before.c_iflag && now->c_oflag == before.c_oflag && now->c_lflag == before.c_lflag;
}

static _Noreturn void wait_and_restore(int terminal, int end, const struct termios *before) {
    /* All signals are blocked since the clone, and another session's process may change a terminal without being stopped. */
    setsid();
    for (int fd = 0; fd < 3; fd++) close(fd);
    char byte;
    ssize_t count;
    do count = read(end, &byte, 1); while (count < 0 && errno == EINTR);
    struct termios now;
    if (tcgetattr(terminal, &now) == 0 && is_raw(&now, *before)) tcsetattr(terminal, TCSANOW, before);
    _exit(0);
}

int cel_guard_terminal(int terminal, int *lifeline) {
    struct termios before;
    int pipe[2];
    if (tcgetattr(terminal, &before) < 0 || pipe2(pipe, O_CLOEXEC) < 0) return -errno;
    /* Beyond the standard streams, so that these can be closed: whoever reads them waits for their end. */
    int own = fcntl(terminal, F_DUPFD_CLOEXEC, 10);
    int end = fcntl(pipe[0], F_DUPFD_CLOEXEC, 10);
    close(pipe[0]);
    if (own < 0 || end < 0) {
        int error = errno;
        if (own >= 0) close(own);
        if (end >= 0) close(end);
        close(pipe[1]);
        return -error;
    }
    pid_t child = cel_clone_child(0);
    if (child == 0) {
        int last = own > end ? own : end;
        for (int fd = 3; fd < last; fd++)
            if (fd != own && fd != end) close(fd);
        cel_close_from(last + 1);
        wait_and_restore(own, end, &before);
    }
    close(own);
    close(end);
    if (child < 0) {
        close(pipe[1]);
        return child;
    }
    *lifeline = pipe[1];
    return child;
}
