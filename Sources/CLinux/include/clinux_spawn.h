/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Child programs with given standard streams, and names of hosts. */
#ifndef ETHERLOOM_CLINUX_SPAWN_H
#define ETHERLOOM_CLINUX_SPAWN_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <netdb.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>

#include "clinux_io.h"
#include "clinux_socket.h"

/* Starts a program, found in PATH, with `input` and `output` as its standard streams (-1: the caller's), two more as its
 * descriptors 3 and 4 (-1: none), and no other one: not those either that a library has opened without close-on-exec. It
 * gets SIGTERM when the calling thread ends, if `is_owned`. The child's number, or -errno, also when it is execvp(3) that fails.
 *
 * Between fork and exec only async-signal-safe calls are made: a thread of ours may hold any lock. */
static inline int cel_spawn(char *const arguments[], int input, int output, int third, int fourth,
    int is_owned) {
    int report[2];
    if (pipe2(report, O_CLOEXEC) < 0) return -errno;
    pid_t parent = getpid();
    pid_t child = fork();
    if (child < 0) {
        int error = errno;
        close(report[0]);
        close(report[1]);
        return -error;
    }
    if (child == 0) {
        sigset_t none;
        if (is_owned) {
            prctl(PR_SET_PDEATHSIG, SIGTERM);
            if (getppid() != parent) _exit(127);
        }
        /* Out of the way first: one of them may have the other's number to be. */
        int streams[4] = {input, output, third, fourth};
        const int places[4] = {0, 1, 3, 4};
        int failure = fcntl(report[1], F_DUPFD_CLOEXEC, 10);
        for (int i = 0; i < 4; i++)
            if (streams[i] >= 0) streams[i] = fcntl(streams[i], F_DUPFD_CLOEXEC, 10);
        /* Linux 5.11; before, what libraries open is inherited. dup2(2) takes the flag away again. */
        close_range(3, ~0u, 1 << 2 /* CLOSE_RANGE_CLOEXEC */);
        for (int i = 0; i < 4; i++)
            if (streams[i] >= 0) dup2(streams[i], places[i]);
        signal(SIGPIPE, SIG_DFL);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execvp(arguments[0], arguments);
        int error = errno;
        ssize_t ignored = write(failure, &error, sizeof error);
        (void)ignored;
        _exit(127);
    }
    close(report[1]);
    int error = 0;
    ssize_t count;
    do count = read(report[0], &error, sizeof error); while (count < 0 && errno == EINTR);
    close(report[0]);
    if (count == sizeof error) {
        waitpid(child, NULL, 0);
        return -error;
    }
    return child;
}

static inline void cel_syslog(const char *line) { syslog(LOG_DAEMON | LOG_INFO, "%s", line); }

/* A process group of its own, for the caller. */
static inline int cel_new_group(void) { return (int)cel_result(setpgid(0, 0)); }

/* Becomes another program: returns only -errno. */
static inline int cel_exec(char *const arguments[]) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execvp(arguments[0], arguments);
    return -errno;
}

/* The wait(2) status of a child that has ended, -EAGAIN while it runs. */
static inline int cel_wait_nohang(int child, int *status) {
    pid_t result = waitpid(child, status, WNOHANG);
    if (result < 0) return -errno;
    return result == 0 ? -EAGAIN : 0;
}

/* First address of a host and service as a socket address: its size, or getaddrinfo(3)'s error, negative as it is.
 * host NULL or empty: any address, for a listener. */
static inline int cel_resolve(const char *host, const char *service, int type, int passive, void *address, int capacity) {
    struct addrinfo hints, *list = NULL;
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = type;
    hints.ai_flags = passive ? AI_PASSIVE : 0;
    int error = getaddrinfo(host && *host ? host : NULL, service, &hints, &list);
    if (error != 0) return error > 0 ? -error : error;
    int size = (int)list->ai_addrlen;
    if (size > capacity) size = -EAI_MEMORY;
    else memcpy(address, list->ai_addr, (size_t)size);
    freeaddrinfo(list);
    return size;
}
static inline const char *cel_resolve_error(int error) { return gai_strerror(error); }

#ifndef IP_MULTICAST_ALL
#define IP_MULTICAST_ALL 49
#endif
/* Joins an IPv4 group on the interface with this address (0: the kernel's choice). */
static inline int cel_join_group4(int fd, uint32_t group, uint32_t interface) {
    struct ip_mreq request;
    request.imr_multiaddr.s_addr = htonl(group);
    request.imr_interface.s_addr = htonl(interface);
    int only = 0;
    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &only, sizeof only);
    return (int)cel_result(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request));
}
/* How group traffic leaves a socket: its interface, its reach, and back to this host. */
static inline int cel_send_group4(int fd, uint32_t interface, int ttl) {
    struct in_addr address;
    unsigned char reach = (unsigned char)ttl, loop = 1;
    address.s_addr = htonl(interface);
    if (interface && setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &address, sizeof address) < 0) return -errno;
    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &loop, sizeof loop);
    return (int)cel_result(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &reach, sizeof reach));
}

#endif
