/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Route netlink (netlink(7), rtnetlink(7)) and packet sockets (packet(7)). Messages are built and read in Swift; here are
 * the numbers, and what needs a C structure. */
#ifndef ETHERLOOM_CLINUX_NETLINK_H
#define ETHERLOOM_CLINUX_NETLINK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "clinux_socket.h"

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

static inline int cel_netlink_socket(void) { return cel_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE); }
/* Asks for the kernel's words on errors. Old kernels have none. */
static inline void cel_netlink_ask_for_words(int fd) {
    cel_set_option(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
    cel_set_option(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
}
/* Gives the socket an address of its own; one without misses the events that the kernel itself causes. */
static inline int cel_netlink_bind(int fd) {
    struct sockaddr_nl address;
    memset(&address, 0, sizeof address);
    address.nl_family = AF_NETLINK;
    return cel_bind(fd, &address, sizeof address);
}
static inline int cel_netlink_subscribe(int fd, int group) {
    return cel_set_option(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group);
}
/* Receives one datagram; -EPROTO when it is not from the kernel. Returns its true size. */
static inline long cel_netlink_receive(int fd, void *buffer, size_t count) {
    struct sockaddr_nl from;
    uint32_t size = sizeof from;
    memset(&from, 0, sizeof from);
    long received = cel_receive_from(fd, buffer, count, &from, &size);
    if (received >= 0 && from.nl_pid != 0) return -EPROTO;
    return received;
}

static inline int cel_packet_socket(void) { return cel_socket(AF_PACKET, SOCK_DGRAM, 0); }
/* Receives packets of one EtherType from one interface from now on, and says of each whether its checksum is there yet. */
static inline int cel_packet_bind(int fd, int interface, int ether_type) {
    struct sockaddr_ll address;
    int one = cel_set_option(fd, SOL_PACKET, PACKET_AUXDATA, 1);
    if (one < 0) return one;
    memset(&address, 0, sizeof address);
    address.sll_family = AF_PACKET;
    address.sll_ifindex = interface;
    address.sll_protocol = htons((unsigned short)ether_type);
    return cel_bind(fd, &address, sizeof address);
}
/* Sends a packet (without a link-layer header) to a station. */
static inline long cel_packet_send(
    int fd, const void *buffer, size_t count, int interface, int ether_type, const unsigned char mac[6]) {
    struct sockaddr_ll address;
    memset(&address, 0, sizeof address);
    address.sll_family = AF_PACKET;
    address.sll_ifindex = interface;
    address.sll_protocol = htons((unsigned short)ether_type);
    address.sll_halen = 6;
    memcpy(address.sll_addr, mac, 6);
    return cel_send_to(fd, buffer, count, &address, sizeof address);
}
/* Receives a packet, its true size and its sender. *checksum_missing: it has a transport checksum that the sender left to hardware
 * which it never met, as between virtual interfaces of one host. *outgoing: it is one that we sent. */
static inline long cel_packet_receive(
    int fd, void *buffer, size_t count, unsigned char mac[6], int *checksum_missing, int *outgoing) {
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
    } control;
    struct sockaddr_ll from;
    struct iovec vector = {buffer, count};
    struct msghdr message;
    memset(&message, 0, sizeof message);
    memset(&from, 0, sizeof from);
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    *checksum_missing = 0;
    long received = recvmsg(fd, &message, MSG_DONTWAIT | MSG_TRUNC);
    if (received < 0) return -errno;
    *outgoing = from.sll_pkttype == PACKET_OUTGOING;
    memcpy(mac, from.sll_addr, 6);
    for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
        struct tpacket_auxdata data;
        if (part->cmsg_level != SOL_PACKET || part->cmsg_type != PACKET_AUXDATA) continue;
        if (part->cmsg_len < CMSG_LEN(sizeof data)) continue;
        memcpy(&data, CMSG_DATA(part), sizeof data);
        if (data.tp_status & TP_STATUS_CSUMNOTREADY) *checksum_missing = 1;
    }
    return received;
}

#define CEL_POLL_MAX 128
/* Waits until one of the descriptors has one of its events, for at most `timeout` milliseconds (-1: for ever). Entries
 * are a descriptor, the events asked for (low half) and those that came (high half). */
static inline int cel_poll(int32_t *descriptors, uint32_t *events, int count, int timeout) {
    struct pollfd entries[CEL_POLL_MAX];
    if (count < 0 || count > CEL_POLL_MAX) return -EINVAL;
    for (int i = 0; i < count; i++) {
        entries[i].fd = descriptors[i];
        entries[i].events = (short)(events[i] & 0xffff);
        entries[i].revents = 0;
    }
    int ready = poll(entries, (nfds_t)count, timeout);
    if (ready < 0) return -errno;
    for (int i = 0; i < count; i++) events[i] = (events[i] & 0xffff) | (uint32_t)(uint16_t)entries[i].revents << 16;
    return ready;
}

#endif
