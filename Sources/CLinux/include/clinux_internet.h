/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * TCP and UDP sockets over IPv4, addresses and ports in host order; see ip(7), tcp(7), udp(7). */
#ifndef ETHERLOOM_CLINUX_INTERNET_H
#define ETHERLOOM_CLINUX_INTERNET_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "clinux_socket.h"

/* Linux 4.18; older headers lack it. */
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

static inline struct sockaddr_in cel_address4(uint32_t address, uint16_t port) {
    struct sockaddr_in result;
    memset(&result, 0, sizeof result);
    result.sin_family = AF_INET;
    result.sin_addr.s_addr = htonl(address);
    result.sin_port = htons(port);
    return result;
}
static inline int cel_connect4(int fd, uint32_t address, uint16_t port) {
    struct sockaddr_in to = cel_address4(address, port);
    return (int)cel_result(connect(fd, (const struct sockaddr *)&to, sizeof to));
}
static inline int cel_bind4(int fd, uint32_t address, uint16_t port) {
    struct sockaddr_in at = cel_address4(address, port);
    return (int)cel_result(bind(fd, (const struct sockaddr *)&at, sizeof at));
}
/* The accepted descriptor and who it is from. */
static inline int cel_accept4(int fd, uint32_t *address, uint16_t *port) {
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    memset(&from, 0, sizeof from);
    int accepted = accept4(fd, (struct sockaddr *)&from, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (accepted < 0) return -errno;
    *address = ntohl(from.sin_addr.s_addr);
    *port = ntohs(from.sin_port);
    return accepted;
}
static inline int cel_local4(int fd, uint32_t *address, uint16_t *port) {
    struct sockaddr_in at;
    socklen_t size = sizeof at;
    if (getsockname(fd, (struct sockaddr *)&at, &size) < 0) return -errno;
    *address = ntohl(at.sin_addr.s_addr);
    *port = ntohs(at.sin_port);
    return 0;
}
static inline long cel_send_to4(int fd, const void *buffer, size_t count, uint32_t address, uint16_t port) {
    struct sockaddr_in to = cel_address4(address, port);
    return cel_result(
        sendto(fd, buffer, count, MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)&to, sizeof to));
}
static inline long cel_receive_from4(int fd, void *buffer, size_t count, uint32_t *address, uint16_t *port) {
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    memset(&from, 0, sizeof from);
    long received = recvfrom(fd, buffer, count, MSG_DONTWAIT, (struct sockaddr *)&from, &size);
    if (received < 0) return -errno;
    *address = ntohl(from.sin_addr.s_addr);
    *port = ntohs(from.sin_port);
    return received;
}

/* Throws the oldest `count` received bytes of a TCP socket away: MSG_TRUNC, tcp(7). */
static inline long cel_discard(int fd, size_t count) {
    return cel_result(recv(fd, NULL, count, MSG_TRUNC | MSG_DONTWAIT));
}

/* Copies received bytes from `skip` bytes behind the oldest one and leaves them received. What is skipped is copied too, to
 * `scratch`, again and again: kernels before 6.9 have no other way (since then SO_PEEK_OFF works on TCP sockets). The
 * result counts the skipped bytes. */
#define CEL_PEEK_VECTORS 512
static inline long cel_peek_skipping(
    int fd, size_t skip, void *scratch, size_t scratch_size, void *buffer, size_t count) {
    struct iovec vectors[CEL_PEEK_VECTORS + 1];
    struct msghdr message;
    size_t used = 0, left = skip;
    while (left > 0 && used < CEL_PEEK_VECTORS) {
        size_t part = left < scratch_size ? left : scratch_size;
        vectors[used].iov_base = scratch;
        vectors[used].iov_len = part;
        left -= part;
        used++;
    }
    if (left > 0) return -ENOBUFS;
    vectors[used].iov_base = buffer;
    vectors[used].iov_len = count;
    memset(&message, 0, sizeof message);
    message.msg_iov = vectors;
    message.msg_iovlen = used + 1;
    return cel_result(recvmsg(fd, &message, MSG_PEEK | MSG_DONTWAIT));
}
/* Whether the peer's FIN has arrived. */
static inline int cel_has_read_hang_up(int fd) {
    struct pollfd entry = {fd, POLLRDHUP, 0};
    return poll(&entry, 1, 0) > 0 && (entry.revents & (POLLRDHUP | POLLHUP)) != 0;
}

/* Sends `count` bytes as datagrams of `segment` bytes (UDP_SEGMENT, Linux 4.18). */
static inline long cel_send_segments(int fd, const void *buffer, size_t count, uint16_t segment) {
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(uint16_t))];
    } control;
    struct iovec vector = {(void *)buffer, count};
    struct msghdr message;
    memset(&message, 0, sizeof message);
    memset(&control, 0, sizeof control);
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    struct cmsghdr *part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_UDP;
    part->cmsg_type = UDP_SEGMENT;
    part->cmsg_len = CMSG_LEN(sizeof segment);
    memcpy(CMSG_DATA(part), &segment, sizeof segment);
    return cel_result(sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
}

#endif
