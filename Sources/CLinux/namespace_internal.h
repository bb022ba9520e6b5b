/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the files that run between clone and exec. Async-signal-safe throughout (see clinux_namespace.h). */
#ifndef ETHERLOOM_NAMESPACE_INTERNAL_H
#define ETHERLOOM_NAMESPACE_INTERNAL_H

#include "CLinux.h"

#define CEL_LOCAL __attribute__((visibility("hidden")))

/* fork(2) without the C library's handlers, which would take locks that another thread may hold. All signals are blocked
 * in the child, so that no handler of the parent runs on the copied state. Not for s390, whose clone has other operands. */
CEL_LOCAL pid_t cel_clone_child(unsigned long namespaces);
/* Closes every descriptor above 2 that is close-on-exec and not in `keep`: those that the supervisor's libraries own. What
 * the user handed down (no close-on-exec) stays, for the command. */
CEL_LOCAL void cel_close_inherited(const int *keep, int count);
CEL_LOCAL void cel_report(int control, uint32_t kind, uint32_t step, int value, const int *descriptors, int count);
CEL_LOCAL _Noreturn void cel_report_failure(int control, uint32_t step, int error);

/* Starts the command as a child, reports CEL_STACK_STARTED or fails, then waits for its end and reports that. As init
 * (`is_init`), also reaps orphans, and simply ends when the supervisor has gone: the kernel then kills the rest. */
CEL_LOCAL _Noreturn void cel_run_and_reap(
    int control, const void *image, size_t size, uint64_t capabilities, int is_init);

#endif
