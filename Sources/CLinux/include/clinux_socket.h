/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Sockets: batches, ancillary data, addresses as raw bytes. */
#ifndef ETHERLOOM_CLINUX_SOCKET_H
#define ETHERLOOM_CLINUX_SOCKET_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "clinux_io.h"

static inline int cel_socket(int domain, int type, int protocol) {
    return (int)cel_result(socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
}
static inline int cel_socketpair(int domain, int type, int descriptors[2]) {
    return (int)cel_result(socketpair(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, descriptors));
}
static inline int cel_bind(int fd, const void *address, uint32_t size) {
    return (int)cel_result(bind(fd, (const struct sockaddr *)address, size));
}
static inline int cel_connect(int fd, const void *address, uint32_t size) {
    return (int)cel_result(connect(fd, (const struct sockaddr *)address, size));
}
static inline int cel_listen(int fd, int backlog) { return (int)cel_result(listen(fd, backlog)); }
/* The accepted descriptor; the peer's address goes to `address` (capacity *size, then its true size). */
static inline int cel_accept(int fd, void *address, uint32_t *size) {
    socklen_t length = size ? *size : 0;
    int accepted = accept4(fd, (struct sockaddr *)address, size ? &length : NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (accepted < 0) return -errno;
    if (size) *size = length;
    return accepted;
}
static inline int cel_getsockname(int fd, void *address, uint32_t *size) {
    socklen_t length = *size;
    if (getsockname(fd, (struct sockaddr *)address, &length) < 0) return -errno;
    *size = length;
    return 0;
}
static inline int cel_getpeername(int fd, void *address, uint32_t *size) {
    socklen_t length = *size;
    if (getpeername(fd, (struct sockaddr *)address, &length) < 0) return -errno;
    *size = length;
    return 0;
}
static inline int cel_set_option(int fd, int level, int name, int value) {
    return (int)cel_result(setsockopt(fd, level, name, &value, sizeof value));
}
/* The option's integer value (>= 0 for the options we read), or -errno. */
static inline int cel_get_option(int fd, int level, int name) {
    int value = 0;
    socklen_t size = sizeof value;
    if (getsockopt(fd, level, name, &value, &size) < 0) return -errno;
    return value;
}
static inline int cel_set_linger_zero(int fd) {
    struct linger linger = {1, 0};
    return (int)cel_result(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
}
static inline int cel_shutdown(int fd, int how) { return (int)cel_result(shutdown(fd, how)); }
static inline long cel_send(int fd, const void *buffer, size_t count, int flags) {
    return cel_result(send(fd, buffer, count, flags | MSG_NOSIGNAL | MSG_DONTWAIT));
}
static inline long cel_receive(int fd, void *buffer, size_t count, int flags) {
    return cel_result(recv(fd, buffer, count, flags | MSG_DONTWAIT));
}
static inline long cel_send_to(
    int fd, const void *buffer, size_t count, const void *address, uint32_t size) {
    return cel_result(
        sendto(fd, buffer, count, MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)address, size));
}
static inline long cel_receive_from(int fd, void *buffer, size_t count, void *address, uint32_t *size) {
    socklen_t length = *size;
    long received = recvfrom(fd, buffer, count, MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)address, &length);
    if (received < 0) return -errno;
    *size = length;
    return received;
}
/* Who is at the other end, as the kernel recorded it at connect(2). */
static inline int cel_peer_credentials(int fd, int32_t *pid, uint32_t *uid, uint32_t *gid) {
    struct ucred credentials;
    socklen_t size = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0) return -errno;
    *pid = credentials.pid;
    *uid = credentials.uid;
    *gid = credentials.gid;
    return 0;
}

/* One datagram of a batch: a part of a slab. `length`: in, the room or the size to send; out, the true size of what arrived,
 * which is larger than the room when the kernel cut it. */
struct cel_part {
    uint64_t offset;
    uint64_t length;
};
#define CEL_MESSAGE_BATCH 32

static inline void cel_prepare_batch(
    struct mmsghdr *messages, struct iovec *vectors, void *slab, const struct cel_part *parts, int count) {
    for (int i = 0; i < count; i++) {
        vectors[i].iov_base = (char *)slab + parts[i].offset;
        vectors[i].iov_len = parts[i].length;
        memset(&messages[i].msg_hdr, 0, sizeof messages[i].msg_hdr);
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
}
/* Receives up to `count` datagrams, one a part: how many, or -errno. */
static inline int cel_receive_batch(int fd, void *slab, struct cel_part *parts, int count) {
    struct mmsghdr messages[CEL_MESSAGE_BATCH];
    struct iovec vectors[CEL_MESSAGE_BATCH];
    if (count > CEL_MESSAGE_BATCH) count = CEL_MESSAGE_BATCH;
    cel_prepare_batch(messages, vectors, slab, parts, count);
    int received = recvmmsg(fd, messages, (unsigned)count, MSG_DONTWAIT | MSG_TRUNC, NULL);
    if (received < 0) return -errno;
    for (int i = 0; i < received; i++) parts[i].length = messages[i].msg_len;
    return received;
}
/* Sends up to `count` datagrams: how many went, or -errno when the first one did not. */
static inline int cel_send_batch(int fd, const void *slab, const struct cel_part *parts, int count) {
    struct mmsghdr messages[CEL_MESSAGE_BATCH];
    struct iovec vectors[CEL_MESSAGE_BATCH];
    if (count > CEL_MESSAGE_BATCH) count = CEL_MESSAGE_BATCH;
    cel_prepare_batch(messages, vectors, (void *)slab, parts, count);
    int sent = sendmmsg(fd, messages, (unsigned)count, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
}

#define CEL_DESCRIPTORS_MAX 8
/* Sends one message with descriptors (SCM_RIGHTS). */
static inline long cel_send_descriptors(
    int fd, const void *buffer, size_t count, const int *descriptors, int descriptor_count) {
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * CEL_DESCRIPTORS_MAX)];
    } control;
    struct iovec vector = {(void *)buffer, count};
    struct msghdr message;
    memset(&message, 0, sizeof message);
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    if (descriptor_count > CEL_DESCRIPTORS_MAX) return -EINVAL;
    if (descriptor_count > 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)descriptor_count);
        struct cmsghdr *part = CMSG_FIRSTHDR(&message);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)descriptor_count);
        memcpy(CMSG_DATA(part), descriptors, sizeof(int) * (size_t)descriptor_count);
    }
    return cel_result(sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
}
/* Receives one message and up to CEL_DESCRIPTORS_MAX descriptors; what exceeds `capacity` is closed. *truncated: the
 * message did not fit the buffer (CEL_CUT_BYTES), descriptors did not come for want of room (CEL_CUT_DESCRIPTORS). */
#define CEL_CUT_BYTES 1
#define CEL_CUT_DESCRIPTORS 2
static inline long cel_receive_descriptors(
    int fd, void *buffer, size_t count, int *descriptors, int capacity, int *descriptor_count, int *truncated) {
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int) * CEL_DESCRIPTORS_MAX)];
    } control;
    struct iovec vector = {buffer, count};
    struct msghdr message;
    memset(&message, 0, sizeof message);
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    *descriptor_count = 0;
    *truncated = 0;
    long received = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (received < 0) return -errno;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        int arrived = (int)((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (int i = 0; i < arrived; i++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(part) + sizeof(int) * (size_t)i, sizeof descriptor);
            if (*descriptor_count < capacity)
                descriptors[(*descriptor_count)++] = descriptor;
            else
                close(descriptor);
        }
    }
    if (message.msg_flags & MSG_TRUNC) *truncated |= CEL_CUT_BYTES;
    if (message.msg_flags & MSG_CTRUNC) *truncated |= CEL_CUT_DESCRIPTORS;
    return received;
}

#endif
