/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * The holder of a lab's namespaces and the first processes of its guests: namespaces(7), user_namespaces(7),
 * pid_namespaces(7), pivot_root(2).
 *
 * Both are copies of the keeper that never return into its code: what they do is in guest_holder.c, guest_init.c and
 * guest_script.c, which make system calls and use memory of their own, so that all of them share the keeper's pages. */
#ifndef ETHERLOOM_CLINUX_HOLDER_H
#define ETHERLOOM_CLINUX_HOLDER_H

#include <stddef.h>
#include <stdint.h>

/* Longest message in either direction. */
#define CEL_HOLDER_MESSAGE 131072

/* What holder and guests say: one message of a SOCK_SEQPACKET pair each. */
struct cel_guest_message {
    uint32_t kind;
    uint32_t subject; /* A command's number, or a line of a script, counted from 0. */
    uint32_t step;    /* CEL_EXEC_…, of a failed command. */
    int32_t value;    /* An errno, a wait(2) status, a process id. */
};
/* The holder waits for CEL_HOLDER_MAPPED. */
#define CEL_GUEST_HELLO 1
/* A line of a script has made these descriptors. */
#define CEL_GUEST_DESCRIPTORS 2
/* The script is done; the guest is up. */
#define CEL_GUEST_DONE 3
/* Line `subject` of the script failed with errno `value`. A guest that was starting ends. */
#define CEL_GUEST_FAILED 4
/* Command `subject` has this terminal: its master. */
#define CEL_GUEST_TERMINAL 5
/* Command `subject` could not be executed. */
#define CEL_GUEST_EXEC_FAILED 6
/* Command `subject` ended with wait(2) status `value`. */
#define CEL_GUEST_EXITED 7
/* The holder's answer to CEL_HOLDER_GUEST and CEL_HOLDER_PROGRAM: a process id, or -errno, `value`. */
#define CEL_HOLDER_ANSWER 8
/* Command `subject`, the main one, has been executed: its program runs, or has run. */
#define CEL_GUEST_EXECUTED 9

/* What the holder is asked for: the first byte of a message. */
#define CEL_HOLDER_MAPPED 'M'
/* A guest: its script follows. Descriptor: its end of a SOCK_SEQPACKET pair. Becomes a child of the holder's parent. */
#define CEL_HOLDER_GUEST 'G'
/* A program inside of the lab's namespaces: an image as of cel_join_request follows. Descriptors: its 0, 1, 2 …. */
#define CEL_HOLDER_PROGRAM 'P'
/* A script, to be run by the holder itself. */
#define CEL_HOLDER_SCRIPT 'S'

/* What a guest is asked for. */
#define CEL_GUEST_SCRIPT 'S'
/* A command: struct cel_guest_command, then its strings. Descriptors: its standard streams, unless it has a terminal. */
#define CEL_GUEST_EXEC 'X'
/* struct cel_guest_signal: to one command and its process group, or with subject 0 to every process. */
#define CEL_GUEST_SIGNAL 'K'
/* Ends every process by SIGTERM and SIGHUP, and itself when the last has gone. */
#define CEL_GUEST_QUIT 'Q'

struct cel_guest_command {
    char kind;
    uint8_t flags;
    uint16_t columns, rows;
    uint16_t reserved;
    uint32_t subject; /* Not 0. */
    uint32_t directory_size, user_size, image_size; /* With their NULs; 0: none. */
};
/* It gets a terminal of its own, which it controls. */
#define CEL_COMMAND_TERMINAL 1u
/* It gets the guest's console. */
#define CEL_COMMAND_CONSOLE 2u
/* The guest ends with it. */
#define CEL_COMMAND_MAIN 4u

struct cel_guest_signal {
    char kind;
    uint8_t number;
    uint16_t reserved;
    uint32_t subject;
};

#define CEL_EXEC_FORK 1
#define CEL_EXEC_TERMINAL 2
#define CEL_EXEC_USER 3
#define CEL_EXEC_DIRECTORY 4
#define CEL_EXEC_IMAGE 5
#define CEL_EXEC_EXEC 6
#define CEL_EXEC_IDENTITY 7

/* Makes a lab's user, mount and network namespaces with the holder in it, which dies with the calling thread. It says
 * CEL_GUEST_HELLO and waits for its maps. Returns its process id; *control is the caller's end of the socket. */
int cel_holder_create(int *control);

/* A program of the host: its descriptors from 0 on are `descriptors`, and no others; it dies with the calling thread. `image` as of
 * cel_join_request. Returns its process id, or -errno, also when it cannot be executed. */
int cel_start_program(const void *image, size_t size, const int *descriptors, int count);

/* Leads a session of its own and adopts the orphans among its descendants (prctl(2), PR_SET_CHILD_SUBREAPER). */
int cel_become_keeper(void);
int cel_terminal_resize(int master, int columns, int rows);

#endif
