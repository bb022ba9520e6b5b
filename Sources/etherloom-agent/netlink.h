// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

// rtnetlink, as far as a guest's interfaces need it.

#ifndef ETHERLOOM_AGENT_NETLINK_H
#define ETHERLOOM_AGENT_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nlmsghdr;

// A request in the making: header, fixed part, attributes.
struct request {
    uint8_t data[1024];
    size_t count;
};

void request_begin(struct request *request, uint16_t type, uint16_t flags, const void *fixed, size_t count);
void request_add(struct request *request, uint16_t type, const void *value, size_t count);
// 0 or a negative errno.
int request_send(struct request *request);
// A dump: each answer is shown to `each`.
int request_list(struct request *request, void (*each)(const struct nlmsghdr *message, void *context), void *context);

// A descriptor on which the kernel tells of links, or a negative errno.
int link_watch(void);
// Waits until it has told of some, for so long at most. False: it has not, or cannot.
bool link_wait(int watch, int milliseconds);

// An address of either family, with a prefix length.
struct address {
    int family;
    size_t count;
    uint8_t bytes[16];
    uint8_t prefix;
    bool has_prefix;
};

// `10.0.0.1/24`, `fd00::1`; without a prefix the whole length.
bool address_parse(struct address *address, const char *text);
void address_print(const struct address *address, bool with_prefix, char *text, size_t size);

#endif
