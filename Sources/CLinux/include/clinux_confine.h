/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Giving up what a process that only moves frames does not need. */
#ifndef ETHERLOOM_CLINUX_CONFINE_H
#define ETHERLOOM_CLINUX_CONFINE_H

/* For good: no program is run any more, no other process looked into or looking in, no namespace, mount or kernel module changed
 * (seccomp(2); those calls answer EPERM), and of capabilities only those about networks stay, if it had them: ports below 1024,
 * taps, packet sockets. Holds for the calling thread and those that it makes: call before any other thread exists. */
int cel_confine(void);

/* For good, as far as Landlock is there: nobody outside can be traced, also not by what /proc shows of a process (memory, open
 * files, root), or be sent a signal (since ABI 6); no program is run, no device or symbolic link made, no file moved to another
 * directory. Returns the kernel's ABI of Landlock, 0 without any. Call it before cel_confine, and any other thread. */
int cel_isolate(void);

/* The kernel's ABI of Landlock, 0 without any. */
int cel_landlock_version(void);

#endif
