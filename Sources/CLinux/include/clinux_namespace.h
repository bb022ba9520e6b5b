/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * A process in a network stack of its own: namespaces(7), user_namespaces(7), pid_namespaces(7), capabilities(7).
 *
 * Everything between clone(2) and execve(2) is here, because a child of a process with threads may call nothing but
 * async-signal-safe functions: another thread may have held malloc's lock, or the Swift runtime's, when the address space
 * was copied, and nobody is left in the copy to release it. So the code behind these functions makes system calls, uses
 * its own stack and memory of mmap(2), and reads what its caller prepared before the clone. */
#ifndef ETHERLOOM_CLINUX_NAMESPACE_H
#define ETHERLOOM_CLINUX_NAMESPACE_H

#include <stddef.h>
#include <stdint.h>

/* What the process inside says to its supervisor, one message of a SOCK_SEQPACKET pair each. */
struct cel_stack_message {
    uint32_t kind;
    uint32_t step;
    int32_t value;
};
/* The namespaces exist. Descriptor: /proc/self of the process inside. It waits for CEL_STACK_MAPPED. */
#define CEL_STACK_HELLO 1
/* Descriptors: two route netlink sockets of the namespace, for requests and for events; then the file behind /etc/resolv.conf when one was asked for and
 * `value` is 0 (else `value` is the errno that prevented it). */
#define CEL_STACK_SOCKETS 2
/* One for each interface, in order. Descriptors: the tap; then a packet socket when one was asked for. */
#define CEL_STACK_INTERFACE 3
/* All is there: waits for CEL_STACK_GO. */
#define CEL_STACK_READY 4
/* The command runs. Descriptor: its pidfd. */
#define CEL_STACK_STARTED 5
/* The command ended: `value` is its wait(2) status. Nothing of the stack is left once the socket reports its end. */
#define CEL_STACK_EXITED 6
/* `step` failed with errno `value`; nothing follows. */
#define CEL_STACK_FAILED 7
/* The command was stopped: `value` is its wait(2) status. */
#define CEL_STACK_STOPPED 8
/* It goes on. */
#define CEL_STACK_CONTINUED 9

/* What the supervisor says: one byte. */
#define CEL_STACK_MAPPED 'M'
/* With a memory file that holds the command (see cel_stack_join). */
#define CEL_STACK_GO 'G'
/* The command is to go on, if it is still stopped. */
#define CEL_STACK_CONTINUE 'C'

/* Steps of CEL_STACK_FAILED. */
#define CEL_STEP_PROC 1
#define CEL_STEP_PROPAGATION 2
#define CEL_STEP_HOSTNAME 3
#define CEL_STEP_NETLINK 4
#define CEL_STEP_TUN_OPEN 5
#define CEL_STEP_TUN_CREATE 6
#define CEL_STEP_PACKET_SOCKET 7
#define CEL_STEP_COMMAND_IMAGE 8
#define CEL_STEP_CAPABILITIES 9
#define CEL_STEP_EXEC 10
#define CEL_STEP_FORK 11
#define CEL_STEP_JOIN_USER 12
#define CEL_STEP_JOIN_OTHER 13

/* Options of a stack. */
#define CEL_STACK_OPTION_RESOLVER 1u
/* Flags of an interface. */
#define CEL_INTERFACE_PACKET_SOCKET 1u
#define CEL_INTERFACE_AUTOCONF 2u
/* Bytes of a name in `names`: IFNAMSIZ. */
#define CEL_INTERFACE_NAME_SIZE 16

struct cel_stack_request {
    const char *hostname; /* NULL keeps the caller's. */
    const char *names;    /* `count` names of CEL_INTERFACE_NAME_SIZE bytes, NUL-padded. */
    const uint8_t *flags; /* `count` sets of CEL_INTERFACE_ flags. */
    int count;
    uint32_t options;
    uint64_t capabilities; /* Kept by the command, bit n is capability n. */
};

/* Makes user, network, mount, UTS and PID namespaces with a process inside them, which does what the messages above say
 * and then is the namespace's init: it starts the command and reaps. It dies with the calling thread and then takes every
 * process of the namespace along. Returns its process id; *control is the supervisor's end of the socket. */
int cel_stack_create(const struct cel_stack_request *request, int *control);

struct cel_join_request {
    int user, mount, uts, network, process; /* Namespaces, as opened from /proc/PID/ns. */
    const char *directory;                  /* To be the command's working directory, if it can be. */
    const void *image; /* The command: 32-bit argument and environment counts, then so many strings, each with its NUL. */
    size_t image_size;
    uint64_t capabilities;
};

/* Runs a command inside a stack that exists. The child that is returned stays outside of the PID namespace, reports
 * CEL_STACK_STARTED and CEL_STACK_EXITED or CEL_STACK_FAILED, and dies with the calling thread, as does the command. */
int cel_stack_join(const struct cel_join_request *request, int *control);

/* Waits for the end of a child of ours and returns its wait status, or -errno. */
int cel_wait(int pid, int *status);
int cel_pidfd_send_signal(int pidfd, int number);
/* Makes the caller's process group the terminal's foreground group, if that is a group without members now. A shell with
 * job control takes the terminal for itself, and cannot give it back to a group that its PID namespace does not show. */
void cel_terminal_reclaim(void);
/* Waits for the only lock of a file, flock(2): until the descriptor is closed. */
int cel_lock(int fd);
/* The next write goes to the start of the file, lseek(2). */
int cel_rewind(int fd);
/* environ(7). */
char **cel_environment(void);

#endif
