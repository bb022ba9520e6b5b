/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * UDP sockets that carry frames: batches of datagrams with addresses, segmentation (UDP_SEGMENT) and coalescing (UDP_GRO)
 * by the kernel, and the count of what a full socket buffer lost (SO_RXQ_OVFL); see udp(7), socket(7), ip(7), ipv6(7). */
#ifndef ETHERLOOM_CLINUX_UDP_H
#define ETHERLOOM_CLINUX_UDP_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "clinux_socket.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef UDP_NO_CHECK6_RX
#define UDP_NO_CHECK6_RX 102
#endif

/* An address and port of either family, in host order: IPv4 in the low half of `low`. */
struct cel_peer {
    uint64_t high, low;
    uint32_t scope;
    uint16_t port;
    uint16_t family;
};
union cel_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};
static inline uint64_t cel_load_be64(const uint8_t *bytes) {
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return __builtin_bswap64(value);
}
static inline void cel_store_be64(uint8_t *bytes, uint64_t value) {
    value = __builtin_bswap64(value);
    memcpy(bytes, &value, sizeof value);
}
static inline socklen_t cel_pack_address(union cel_address *out, const struct cel_peer *peer) {
    if (peer->family == AF_INET) {
        memset(&out->v4, 0, sizeof out->v4);
        out->v4.sin_family = AF_INET;
        out->v4.sin_addr.s_addr = htonl((uint32_t)peer->low);
        out->v4.sin_port = htons(peer->port);
        return sizeof out->v4;
    }
    memset(&out->v6, 0, sizeof out->v6);
    out->v6.sin6_family = AF_INET6;
    cel_store_be64(out->v6.sin6_addr.s6_addr, peer->high);
    cel_store_be64(out->v6.sin6_addr.s6_addr + 8, peer->low);
    out->v6.sin6_scope_id = peer->scope;
    out->v6.sin6_port = htons(peer->port);
    return sizeof out->v6;
}
static inline void cel_unpack_address(struct cel_peer *peer, const union cel_address *in) {
    memset(peer, 0, sizeof *peer);
    peer->family = in->any.sa_family;
    if (in->any.sa_family == AF_INET) {
        peer->low = ntohl(in->v4.sin_addr.s_addr);
        peer->port = ntohs(in->v4.sin_port);
    } else if (in->any.sa_family == AF_INET6) {
        peer->high = cel_load_be64(in->v6.sin6_addr.s6_addr);
        peer->low = cel_load_be64(in->v6.sin6_addr.s6_addr + 8);
        peer->scope = in->v6.sin6_scope_id;
        peer->port = ntohs(in->v6.sin6_port);
    }
}

/* One datagram of a batch: a part of a slab and whom it is from or for. `length`: in, the room or the size to send; out, the
 * true size of what arrived. `segment`: out, what arrived is several datagrams of this size, the last one perhaps smaller
 * (UDP_GRO); 0 for one datagram. */
struct cel_datagram {
    uint64_t offset;
    uint64_t length;
    struct cel_peer peer;
    uint64_t segment;
};

/* Receives up to `count` datagrams: how many, or -errno. *overflow becomes the socket's count of datagrams lost to a full
 * buffer where the kernel told it. */
static inline int cel_udp_receive_batch(
    int fd, void *slab, struct cel_datagram *parts, int count, uint32_t *overflow) {
    struct mmsghdr messages[CEL_MESSAGE_BATCH];
    struct iovec vectors[CEL_MESSAGE_BATCH];
    union cel_address addresses[CEL_MESSAGE_BATCH];
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(uint32_t)) + CMSG_SPACE(sizeof(int))];
    } control[CEL_MESSAGE_BATCH];
    if (count > CEL_MESSAGE_BATCH) count = CEL_MESSAGE_BATCH;
    for (int i = 0; i < count; i++) {
        struct msghdr *header = &messages[i].msg_hdr;
        vectors[i].iov_base = (char *)slab + parts[i].offset;
        vectors[i].iov_len = parts[i].length;
        header->msg_name = &addresses[i];
        header->msg_namelen = sizeof addresses[i];
        header->msg_iov = &vectors[i];
        header->msg_iovlen = 1;
        header->msg_control = &control[i];
        header->msg_controllen = sizeof control[i];
        header->msg_flags = 0;
    }
    int received = recvmmsg(fd, messages, (unsigned)count, MSG_DONTWAIT | MSG_TRUNC, NULL);
    if (received < 0) return -errno;
    for (int i = 0; i < received; i++) {
        struct msghdr *header = &messages[i].msg_hdr;
        parts[i].length = messages[i].msg_len;
        parts[i].segment = 0;
        cel_unpack_address(&parts[i].peer, &addresses[i]);
        for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part; part = CMSG_NXTHDR(header, part)) {
            if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SO_RXQ_OVFL) {
                memcpy(overflow, CMSG_DATA(part), sizeof *overflow);
            } else if (part->cmsg_level == SOL_UDP && part->cmsg_type == UDP_GRO) {
                int size;
                memcpy(&size, CMSG_DATA(part), sizeof size);
                if (size > 0) parts[i].segment = (uint64_t)size;
            }
        }
    }
    return received;
}

/* Most datagrams that the kernel makes of one message (UDP_MAX_SEGMENTS), and most bytes of one. */
#define CEL_UDP_SEGMENTS 64
#define CEL_UDP_BYTES 65000

/* Sends up to `count` datagrams, each behind `prefix_length` bytes: datagram i's are at prefixes + i * prefix_stride. Neighbours
 * of one size (the last one may be smaller) to one peer are given to the kernel as one message to be segmented, as long as
 * that size with its prefix is at most `segment_limit`. Returns how many went, or -errno when the first message did not;
 * *attempted is then how many datagrams that message was made of. */
static inline int cel_udp_send_batch(
    int fd, const void *slab, const struct cel_datagram *parts, int count, const void *prefixes, size_t prefix_length,
    size_t prefix_stride, size_t segment_limit, int *attempted) {
    struct mmsghdr messages[CEL_MESSAGE_BATCH];
    struct iovec vectors[2 * CEL_MESSAGE_BATCH];
    union cel_address addresses[CEL_MESSAGE_BATCH];
    int sizes[CEL_MESSAGE_BATCH];
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(uint16_t))];
    } control[CEL_MESSAGE_BATCH];
    int used = 0, vector = 0, next = 0;
    if (count > CEL_MESSAGE_BATCH) count = CEL_MESSAGE_BATCH;
    while (next < count) {
        struct msghdr *header = &messages[used].msg_hdr;
        const struct cel_datagram *first = &parts[next];
        size_t size = first->length + prefix_length, total = 0;
        int begin = next, segments = 0;
        memset(header, 0, sizeof *header);
        header->msg_iov = &vectors[vector];
        header->msg_name = &addresses[used];
        header->msg_namelen = cel_pack_address(&addresses[used], &first->peer);
        do {
            if (prefix_length > 0) {
                vectors[vector].iov_base = (char *)prefixes + (size_t)next * prefix_stride;
                vectors[vector].iov_len = prefix_length;
                vector++;
            }
            vectors[vector].iov_base = (char *)slab + parts[next].offset;
            vectors[vector].iov_len = parts[next].length;
            vector++;
            total += parts[next].length + prefix_length;
            segments++;
            next++;
        } while (next < count && size <= segment_limit && segments < CEL_UDP_SEGMENTS &&
                 parts[next - 1].length == first->length && parts[next].length <= first->length &&
                 total + parts[next].length + prefix_length <= CEL_UDP_BYTES &&
                 memcmp(&parts[next].peer, &first->peer, sizeof first->peer) == 0);
        header->msg_iovlen = (size_t)(&vectors[vector] - header->msg_iov);
        if (segments > 1) {
            uint16_t segment = (uint16_t)size;
            header->msg_control = &control[used];
            header->msg_controllen = sizeof control[used];
            struct cmsghdr *part = CMSG_FIRSTHDR(header);
            part->cmsg_level = SOL_UDP;
            part->cmsg_type = UDP_SEGMENT;
            part->cmsg_len = CMSG_LEN(sizeof segment);
            memcpy(CMSG_DATA(part), &segment, sizeof segment);
        }
        sizes[used++] = next - begin;
    }
    *attempted = used > 0 ? sizes[0] : 0;
    int sent = sendmmsg(fd, messages, (unsigned)used, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) return -errno;
    int datagrams = 0;
    for (int i = 0; i < sent; i++) datagrams += sizes[i];
    return datagrams;
}

static inline int cel_udp_bind(int fd, const struct cel_peer *at) {
    union cel_address address;
    socklen_t size = cel_pack_address(&address, at);
    return (int)cel_result(bind(fd, &address.any, size));
}
static inline int cel_udp_connect(int fd, const struct cel_peer *to) {
    union cel_address address;
    socklen_t size = cel_pack_address(&address, to);
    return (int)cel_result(connect(fd, &address.any, size));
}
static inline int cel_udp_local(int fd, struct cel_peer *out) {
    union cel_address address;
    uint32_t size = sizeof address;
    int result = cel_getsockname(fd, &address, &size);
    if (result >= 0) cel_unpack_address(out, &address);
    return result;
}
static inline long cel_udp_send_to(int fd, const void *buffer, size_t count, const struct cel_peer *to) {
    union cel_address address;
    socklen_t size = cel_pack_address(&address, to);
    return cel_send_to(fd, buffer, count, &address, size);
}
/* Joins a group at an interface (0: the kernel's choice). */
static inline int cel_udp_join(int fd, const struct cel_peer *group, int interface) {
    if (group->family == AF_INET) {
        struct ip_mreqn request;
        memset(&request, 0, sizeof request);
        request.imr_multiaddr.s_addr = htonl((uint32_t)group->low);
        request.imr_ifindex = interface;
        return (int)cel_result(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request));
    }
    union cel_address address;
    struct ipv6_mreq request;
    cel_pack_address(&address, group);
    memset(&request, 0, sizeof request);
    request.ipv6mr_multiaddr = address.v6.sin6_addr;
    request.ipv6mr_interface = (unsigned)interface;
    return (int)cel_result(setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &request, sizeof request));
}
/* How what is sent to a group leaves: interface (0: the kernel's choice), hops, whether this host hears it too. */
static inline int cel_udp_set_multicast(int fd, int family, int interface, int hops, int loop) {
    int result;
    if (family == AF_INET) {
        struct ip_mreqn request;
        memset(&request, 0, sizeof request);
        request.imr_ifindex = interface;
        if (interface > 0 && setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof request) < 0) return -errno;
        if ((result = cel_set_option(fd, IPPROTO_IP, IP_MULTICAST_TTL, hops)) < 0) return result;
        return cel_set_option(fd, IPPROTO_IP, IP_MULTICAST_LOOP, loop);
    }
    if (interface > 0 && (result = cel_set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, interface)) < 0) return result;
    if ((result = cel_set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, hops)) < 0) return result;
    return cel_set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, loop);
}
/* Lets the kernel fragment what is larger than the path takes, and say nothing about fragments on the way (DF off). */
static inline int cel_udp_allow_fragments(int fd, int family) {
    return family == AF_INET ? cel_set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
                             : cel_set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT);
}
/* The first address of a name: 0, or an EAI_* number. */
static inline int cel_look_up(const char *name, int family, struct cel_peer *out) {
    struct addrinfo hints, *found = NULL;
    union cel_address address;
    memset(&hints, 0, sizeof hints);
    hints.ai_family = family;
    hints.ai_socktype = SOCK_DGRAM;
    int result = getaddrinfo(name, NULL, &hints, &found);
    if (result != 0) return result;
    memset(&address, 0, sizeof address);
    memcpy(&address, found->ai_addr, found->ai_addrlen < sizeof address ? found->ai_addrlen : sizeof address);
    cel_unpack_address(out, &address);
    freeaddrinfo(found);
    return 0;
}
static inline int cel_interface_index(const char *name) {
    unsigned index = if_nametoindex(name);
    return index == 0 ? -errno : (int)index;
}

#endif
