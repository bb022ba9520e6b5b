/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Packet sockets that carry whole frames of an interface with virtio-net headers; see packet(7). */
#ifndef ETHERLOOM_CLINUX_PACKET_H
#define ETHERLOOM_CLINUX_PACKET_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "clinux_socket.h"

/* Linux 4.20. */
#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

/* The header of these sockets: ten bytes, as before virtio 1.0. */
#define CEL_PACKET_HEADER 10
/* The header within a slot: twelve bytes before the frame. */
#define CEL_FRAME_HEADER 12

/* All frames of one interface, those that this host sends excluded, whomever they are for. */
static inline int cel_frame_socket(int interface) {
    int fd = cel_socket(AF_PACKET, SOCK_RAW, 0);
    struct packet_mreq request;
    struct sockaddr_ll address;
    int result = fd;
    if (fd < 0) return fd;
    memset(&request, 0, sizeof request);
    request.mr_ifindex = interface;
    request.mr_type = PACKET_MR_PROMISC;
    memset(&address, 0, sizeof address);
    address.sll_family = AF_PACKET;
    address.sll_ifindex = interface;
    address.sll_protocol = htons(ETH_P_ALL);
    if ((result = cel_set_option(fd, SOL_PACKET, PACKET_VNET_HDR, 1)) < 0 ||
        (result = cel_set_option(fd, SOL_PACKET, PACKET_AUXDATA, 1)) < 0 ||
        (result = cel_set_option(fd, SOL_SOCKET, SO_RXQ_OVFL, 1)) < 0 ||
        (result = (int)cel_result(setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request))) < 0) {
        cel_close(fd);
        return result;
    }
    /* Kernels without it leave it to the receiver to look at each frame's direction. */
    cel_set_option(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
    /* Bound last: from here on frames arrive, and with all of this in force. */
    if ((result = cel_bind(fd, &address, sizeof address)) < 0) {
        cel_close(fd);
        return result;
    }
    return fd;
}
/* One frame of a batch: where its first byte lies in a slab, its size (in: room), and the VLAN tag that the kernel took
 * out: 0, or tag type and tag control. `outgoing`: this host has sent it. */
struct cel_frame {
    uint64_t offset;
    uint64_t length;
    uint32_t tag;
    uint32_t outgoing;
};

/* Receives up to `count` frames, each behind its header of ten bytes, which goes where the slot's header is: how many, or
 * -errno. `length` becomes the frame's true size. */
static inline int cel_frame_receive_batch(
    int fd, void *slab, struct cel_frame *parts, int count, uint32_t *overflow) {
    struct mmsghdr messages[CEL_MESSAGE_BATCH];
    struct iovec vectors[2 * CEL_MESSAGE_BATCH];
    struct sockaddr_ll addresses[CEL_MESSAGE_BATCH];
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(struct tpacket_auxdata)) + CMSG_SPACE(sizeof(uint32_t))];
    } control[CEL_MESSAGE_BATCH];
    if (count > CEL_MESSAGE_BATCH) count = CEL_MESSAGE_BATCH;
    for (int i = 0; i < count; i++) {
        struct msghdr *header = &messages[i].msg_hdr;
        vectors[2 * i].iov_base = (char *)slab + parts[i].offset - CEL_FRAME_HEADER;
        vectors[2 * i].iov_len = CEL_PACKET_HEADER;
        vectors[2 * i + 1].iov_base = (char *)slab + parts[i].offset;
        vectors[2 * i + 1].iov_len = parts[i].length;
        header->msg_name = &addresses[i];
        header->msg_namelen = sizeof addresses[i];
        header->msg_iov = &vectors[2 * i];
        header->msg_iovlen = 2;
        header->msg_control = &control[i];
        header->msg_controllen = sizeof control[i];
        header->msg_flags = 0;
    }
    int received = recvmmsg(fd, messages, (unsigned)count, MSG_DONTWAIT | MSG_TRUNC, NULL);
    if (received < 0) return -errno;
    for (int i = 0; i < received; i++) {
        struct msghdr *header = &messages[i].msg_hdr;
        parts[i].length = messages[i].msg_len >= CEL_PACKET_HEADER ? messages[i].msg_len - CEL_PACKET_HEADER : 0;
        parts[i].outgoing = addresses[i].sll_pkttype == PACKET_OUTGOING;
        parts[i].tag = 0;
        for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part; part = CMSG_NXTHDR(header, part)) {
            struct tpacket_auxdata data;
            if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SO_RXQ_OVFL)
                memcpy(overflow, CMSG_DATA(part), sizeof *overflow);
            if (part->cmsg_level != SOL_PACKET || part->cmsg_type != PACKET_AUXDATA) continue;
            if (part->cmsg_len < CMSG_LEN(sizeof data)) continue;
            memcpy(&data, CMSG_DATA(part), sizeof data);
            if (data.tp_status & TP_STATUS_VLAN_VALID) {
                uint32_t type = data.tp_status & TP_STATUS_VLAN_TPID_VALID ? data.tp_vlan_tpid : ETH_P_8021Q;
                parts[i].tag = type << 16 | data.tp_vlan_tci;
            }
        }
    }
    return received;
}
/* Sends up to `count` frames, each behind the first ten bytes of its slot's header: how many went, or -errno. */
static inline int cel_frame_send_batch(int fd, const void *slab, const struct cel_frame *parts, int count) {
    struct mmsghdr messages[CEL_MESSAGE_BATCH];
    struct iovec vectors[2 * CEL_MESSAGE_BATCH];
    if (count > CEL_MESSAGE_BATCH) count = CEL_MESSAGE_BATCH;
    for (int i = 0; i < count; i++) {
        vectors[2 * i].iov_base = (char *)slab + parts[i].offset - CEL_FRAME_HEADER;
        vectors[2 * i].iov_len = CEL_PACKET_HEADER;
        vectors[2 * i + 1].iov_base = (char *)slab + parts[i].offset;
        vectors[2 * i + 1].iov_len = parts[i].length;
        memset(&messages[i].msg_hdr, 0, sizeof messages[i].msg_hdr);
        messages[i].msg_hdr.msg_iov = &vectors[2 * i];
        messages[i].msg_hdr.msg_iovlen = 2;
    }
    int sent = sendmmsg(fd, messages, (unsigned)count, MSG_DONTWAIT | MSG_NOSIGNAL);
    return sent < 0 ? -errno : sent;
}

#endif
