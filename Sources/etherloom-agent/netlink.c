// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

// rtnetlink (7): requests and their answers.

#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void request_begin(struct request *request, uint16_t type, uint16_t flags, const void *fixed, size_t count) {
    memset(request, 0, sizeof *request);
    struct nlmsghdr header = {
        .nlmsg_type = type,
        .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
        .nlmsg_seq = 1,
    };
    memcpy(request->data, &header, sizeof header);
    memcpy(request->data + sizeof header, fixed, count);
    request->count = NLMSG_ALIGN(sizeof header + count);
}

void request_add(struct request *request, uint16_t type, const void *value, size_t count) {
    struct rtattr attribute = {.rta_type = type, .rta_len = (uint16_t)RTA_LENGTH(count)};
    if (request->count + RTA_SPACE(count) > sizeof request->data) return;
    memcpy(request->data + request->count, &attribute, sizeof attribute);
    memcpy(request->data + request->count + RTA_LENGTH(0), value, count);
    request->count += RTA_SPACE(count);
}

static int exchange(struct request *request, void (*each)(const struct nlmsghdr *, void *), void *context) {
    static union {
        struct nlmsghdr header;
        uint8_t bytes[32768];
    } answer;
    int socket_descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (socket_descriptor < 0) return -errno;
    uint32_t count = (uint32_t)request->count;
    memcpy(request->data, &count, sizeof count);
    int result = send(socket_descriptor, request->data, request->count, 0) < 0 ? -errno : 1;
    while (result > 0) {
        ssize_t received = recv(socket_descriptor, answer.bytes, sizeof answer.bytes, 0);
        if (received < 0 && errno == EINTR) continue;
        if (received <= 0) result = received < 0 ? -errno : -EIO;
        size_t left = received < 0 ? 0 : (size_t)received;
        for (struct nlmsghdr *message = &answer.header; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
            if (message->nlmsg_type == NLMSG_DONE) {
                result = 0;
            } else if (message->nlmsg_type == NLMSG_ERROR) {
                result = ((struct nlmsgerr *)NLMSG_DATA(message))->error;
                if (result > 0) result = -EIO;
            } else if (each != NULL) {
                each(message, context);
            }
        }
    }
    close(socket_descriptor);
    return result;
}

int request_send(struct request *request) {
    uint16_t flags;
    memcpy(&flags, request->data + offsetof(struct nlmsghdr, nlmsg_flags), sizeof flags);
    flags |= NLM_F_ACK;
    memcpy(request->data + offsetof(struct nlmsghdr, nlmsg_flags), &flags, sizeof flags);
    return exchange(request, NULL, NULL);
}

int request_list(struct request *request, void (*each)(const struct nlmsghdr *, void *), void *context) {
    return exchange(request, each, context);
}

int link_watch(void) {
    int watch = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (watch < 0) return -errno;
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
    if (bind(watch, (struct sockaddr *)&address, sizeof address) == 0) return watch;
    int error = -errno;
    close(watch);
    return error;
}

bool link_wait(int watch, int milliseconds) {
    struct pollfd wanted = {.fd = watch, .events = POLLIN};
    if (watch < 0 || poll(&wanted, 1, milliseconds) <= 0) return false;
    // What they are is looked up: lost ones (ENOBUFS) are news, too.
    uint8_t bytes[4096];
    while (recv(watch, bytes, sizeof bytes, 0) >= 0 || errno == ENOBUFS || errno == EINTR) {}
    return true;
}

bool address_parse(struct address *address, const char *text) {
    char plain[64];
    memset(address, 0, sizeof *address);
    const char *slash = strchr(text, '/');
    size_t length = slash == NULL ? strlen(text) : (size_t)(slash - text);
    if (length >= sizeof plain) return false;
    memcpy(plain, text, length);
    plain[length] = 0;
    address->family = strchr(plain, ':') == NULL ? AF_INET : AF_INET6;
    address->count = address->family == AF_INET ? 4 : 16;
    if (inet_pton(address->family, plain, address->bytes) != 1) return false;
    address->prefix = (uint8_t)(address->count * 8);
    if (slash == NULL) return true;
    char *end;
    unsigned long prefix = strtoul(slash + 1, &end, 10);
    if (*end != 0 || end == slash + 1 || prefix > address->count * 8) return false;
    address->prefix = (uint8_t)prefix;
    address->has_prefix = true;
    return true;
}

void address_print(const struct address *address, bool with_prefix, char *text, size_t size) {
    char plain[INET6_ADDRSTRLEN] = "";
    inet_ntop(address->family, address->bytes, plain, sizeof plain);
    if (with_prefix) snprintf(text, size, "%s/%u", plain, address->prefix);
    else snprintf(text, size, "%s", plain);
}
