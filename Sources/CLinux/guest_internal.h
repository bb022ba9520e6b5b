/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the holder of a lab's namespaces and its guests' first processes. */
#ifndef ETHERLOOM_GUEST_INTERNAL_H
#define ETHERLOOM_GUEST_INTERNAL_H

#include "namespace_internal.h"

CEL_LOCAL void cel_say(
    int control, uint32_t kind, uint32_t subject, uint32_t step, int value, const int *descriptors, int count);

/* Runs a script; what its lines make is said on `control`. 0, or -errno with *line the one that failed. */
CEL_LOCAL int cel_script_run(const char *script, size_t size, int control, uint32_t *line);
/* The guest's console: the terminal's side for programs, -1 before there is one. */
CEL_LOCAL int cel_script_console(void);

/* Waits for a message: its size, -errno, or 0 when the other end has gone. */
CEL_LOCAL long cel_await_message(int control, void *buffer, size_t capacity, int *descriptors, int *count);

/* The first process of a guest: sets up, then serves until it is told to end. */
CEL_LOCAL _Noreturn void cel_be_guest(int control, const char *script, size_t size);

/* Becomes a program; see cel_join_request for the image. `extra` entries, a NULL-terminated list, replace variables of the
 * same name. Returns an errno. */
CEL_LOCAL int cel_execute_image(const void *image, size_t size, char *const *extra);

/* Signals as a program expects them. */
CEL_LOCAL void cel_default_signals(void);

/* Closes all but the descriptors below `first`. */
CEL_LOCAL void cel_close_from(int first);

#endif
