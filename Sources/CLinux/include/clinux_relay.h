/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Streams of somebody else's whose flags are not ours to change, and that may make their user wait: a terminal of another user
 * that is stopped by ^S, a pipe of root's that nobody reads. */
#ifndef ETHERLOOM_CLINUX_RELAY_H
#define ETHERLOOM_CLINUX_RELAY_H

/* Starts a process that copies between `foreign` and a stream socket, whose other end is `*own`, non-blocking: to `foreign` if
 * `writes`, else from there. Writing, it ends when `*own` was shut down for writing and all is written; reading, at the end of what
 * there is to read, or when `*own` is closed. It dies with the calling thread. Its process id, or -errno; *handle is a pidfd. */
int cel_relay_stream(int foreign, int writes, int *own, int *handle);

/* Kills such a process, if it has not ended, and reaps it, if nobody has: it waits in interruptible calls alone. */
void cel_end_relay(int handle);

#endif
