/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * A terminal's settings, kept for a program that may be killed. */
#ifndef ETHERLOOM_CLINUX_TERMINAL_H
#define ETHERLOOM_CLINUX_TERMINAL_H

/* Starts a process that waits for the other end of `*lifeline` to be closed, by the caller or by its end, however that comes,
 * and then gives the terminal the settings that it has now, if cfmakeraw(3) has been at it since and nobody else. The
 * process's number, to be waited for, or -errno. */
int cel_guard_terminal(int terminal, int *lifeline);

#endif
