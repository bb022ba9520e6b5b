/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * UDP in large portions: one call sends or receives one buffer that is many datagrams of one size (udp(7): UDP_SEGMENT since
 * Linux 4.18, UDP_GRO since 5.0). */
#ifndef ETHERLOOM_CLINUX_SEGMENTS_H
#define ETHERLOOM_CLINUX_SEGMENTS_H

#include "clinux_udp.h"

/* Sends `count` bytes, as datagrams of `segment` bytes when that is not 0. */
static inline long cel_segments_send(
    int fd, const void *buffer, size_t count, uint16_t segment, const struct cel_peer *to) {
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(uint16_t))];
    } control;
    union cel_address address;
    struct iovec vector = {(void *)buffer, count};
    struct msghdr message;
    memset(&message, 0, sizeof message);
    message.msg_namelen = cel_pack_address(&address, to);
    message.msg_name = &address;
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    if (segment) {
        memset(&control, 0, sizeof control);
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
        struct cmsghdr *part = CMSG_FIRSTHDR(&message);
        part->cmsg_level = SOL_UDP;
        part->cmsg_type = UDP_SEGMENT;
        part->cmsg_len = CMSG_LEN(sizeof segment);
        memcpy(CMSG_DATA(part), &segment, sizeof segment);
    }
    return cel_result(sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
}

/* Receives one datagram, or many of one size that came together: *segment is then their size, else 0. The last one may be
 * shorter. */
static inline long cel_segments_receive(int fd, void *buffer, size_t count, uint32_t *segment, struct cel_peer *from) {
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int)) * 4];
    } control;
    union cel_address address;
    struct iovec vector = {buffer, count};
    struct msghdr message;
    memset(&message, 0, sizeof message);
    message.msg_name = &address;
    message.msg_namelen = sizeof address;
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    *segment = 0;
    long received = recvmsg(fd, &message, MSG_DONTWAIT | MSG_TRUNC);
    if (received < 0) return -errno;
    cel_unpack_address(from, &address);
    for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level != SOL_UDP || part->cmsg_type != UDP_GRO) continue;
        int value;
        memcpy(&value, CMSG_DATA(part), sizeof value);
        if (value > 0) *segment = (uint32_t)value;
    }
    return received;
}

#endif
