// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

// A DHCP client (RFC 2131) for interfaces whose plan says `dhcp`: a guest's root need not have one.
//
//     selecting ── OFFER ──▶ requesting ── ACK ──▶ bound ── T1 ──▶ renewing ── ACK ──▶ bound
//         ▲                      │ NAK, no answer                     │ NAK, end of the lease
//         └──────────────────────┴────────────────────────────────────┘
//
// A lease is renewed by asking everybody (as in RFC 2131's state "rebinding"): the server is one hop away, and who else
// may answer is the lab's affair. Answers are taken only with our transaction number and hardware address.

#include "agent.h"
#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum state { selecting, requesting, bound, renewing };
enum { discover = 1, offer = 2, request = 3, acknowledge = 5, refuse = 6 };
enum { message_minimum = 300, options_start = 240, retry_maximum = 8000 };

struct client {
    struct client *next;
    char name[IF_NAMESIZE];
    unsigned index;
    uint8_t mac[6];
    int socket;
    enum state state;
    uint32_t transaction;
    int tries;
    uint64_t due, end;
    // In the order of the network.
    uint32_t server, address, router;
    struct address granted;
    bool has_granted;
    uint32_t seconds;
};

static struct client *clients;

// ---- out ------------------------------------------------------------------------------------------------------------

static uint16_t sum(const void *data, size_t count) {
    const uint8_t *bytes = data;
    uint32_t total = 0;
    for (size_t index = 0; index + 1 < count; index += 2) total += (uint32_t)(bytes[index] << 8 | bytes[index + 1]);
    while (total >> 16 != 0) total = (total & 0xffff) + (total >> 16);
    return htons((uint16_t)~total);
}

static size_t add_option(uint8_t *message, size_t place, uint8_t code, const void *value, size_t count) {
    message[place] = code;
    message[place + 1] = (uint8_t)count;
    memcpy(message + place + 2, value, count);
    return place + 2 + count;
}

static void send_message(struct client *client, uint8_t type) {
    uint8_t packet[sizeof(struct iphdr) + sizeof(struct udphdr) + 512] = {0};
    uint8_t *message = packet + sizeof(struct iphdr) + sizeof(struct udphdr);
    message[0] = 1;
    message[1] = 1;
    message[2] = 6;
    put32(message + 4, client->transaction);
    // Answers to everybody: without an address nothing else reaches us.
    put16(message + 10, 0x8000);
    if (client->state == renewing) memcpy(message + 12, &client->address, 4);
    memcpy(message + 28, client->mac, 6);
    put32(message + 236, 0x63825363);
    size_t place = add_option(message, options_start, 53, &type, 1);
    uint8_t identifier[7] = {1};
    memcpy(identifier + 1, client->mac, 6);
    place = add_option(message, place, 61, identifier, 7);
    static const uint8_t wanted[] = {1, 3, 6, 26, 51, 54};
    place = add_option(message, place, 55, wanted, sizeof wanted);
    if (type == request && client->state == requesting) {
        place = add_option(message, place, 50, &client->address, 4);
        place = add_option(message, place, 54, &client->server, 4);
    }
    char host[64] = "";
    if (gethostname(host, sizeof host - 1) == 0 && host[0] != 0) place = add_option(message, place, 12, host, strlen(host));
    message[place++] = 255;
    size_t count = place < message_minimum ? message_minimum : place;

    struct iphdr ip = {
        .ihl = 5, .version = 4, .ttl = 64, .protocol = IPPROTO_UDP, .daddr = INADDR_BROADCAST,
        .tot_len = htons((uint16_t)(sizeof ip + sizeof(struct udphdr) + count)),
    };
    if (client->state == renewing) ip.saddr = client->address;
    ip.check = sum(&ip, sizeof ip);
    // A UDP checksum of zero: none.
    struct udphdr udp = {
        .source = htons(68), .dest = htons(67), .len = htons((uint16_t)(sizeof udp + count)),
    };
    memcpy(packet, &ip, sizeof ip);
    memcpy(packet + sizeof ip, &udp, sizeof udp);
    struct sockaddr_ll to = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = (int)client->index, .sll_halen = 6,
    };
    memset(to.sll_addr, 0xff, 6);
    size_t whole = sizeof ip + sizeof udp + count;
    sendto(client->socket, packet, whole, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof to);
}

// ---- states ---------------------------------------------------------------------------------------------------------

static void again_in(struct client *client, int milliseconds) {
    client->due = now_milliseconds() + (uint64_t)milliseconds;
}

static void back_off(struct client *client) {
    int time = 500 << (client->tries < 5 ? client->tries : 5);
    client->tries++;
    again_in(client, time < retry_maximum ? time : retry_maximum);
}

static void begin(struct client *client) {
    if (client->has_granted) network_change_address(client->index, &client->granted, false);
    client->has_granted = false;
    client->state = selecting;
    client->tries = 0;
    getrandom(&client->transaction, sizeof client->transaction, GRND_NONBLOCK);
    client->due = 0;
}

static void advance(struct client *client) {
    switch (client->state) {
    case selecting:
        send_message(client, discover);
        back_off(client);
        break;
    case requesting:
        if (client->tries >= 4) return begin(client);
        send_message(client, request);
        back_off(client);
        break;
    case bound:
        client->state = renewing;
        client->tries = 0;
        __attribute__((fallthrough));
    case renewing:
        if (now_milliseconds() >= client->end) return begin(client);
        send_message(client, request);
        back_off(client);
        break;
    }
}

static const uint8_t *find_option(const uint8_t *message, size_t count, uint8_t code, size_t wanted) {
    size_t place = options_start;
    while (place < count && message[place] != 255) {
        if (message[place] == 0) {
            place++;
            continue;
        }
        if (place + 2 > count || place + 2 + message[place + 1] > count) return NULL;
        if (message[place] == code) return message[place + 1] >= wanted ? message + place + 2 : NULL;
        place += 2 + (size_t)message[place + 1];
    }
    return NULL;
}

static void take_lease(struct client *client, const uint8_t *message, size_t count) {
    const uint8_t *mask = find_option(message, count, 1, 4);
    const uint8_t *time = find_option(message, count, 51, 4);
    const uint8_t *router = find_option(message, count, 3, 4);
    const uint8_t *server = find_option(message, count, 6, 4);
    struct address granted = {.family = AF_INET, .count = 4, .prefix = 24, .has_prefix = true};
    memcpy(granted.bytes, message + 16, 4);
    if (mask != NULL) granted.prefix = (uint8_t)__builtin_popcount(get32(mask));
    bool is_same = client->has_granted && memcmp(&granted, &client->granted, sizeof granted) == 0;
    if (!is_same) {
        if (client->has_granted) network_change_address(client->index, &client->granted, false);
        int result = network_change_address(client->index, &granted, true);
        if (result < 0 && result != -EEXIST) problem("dhcp: %s: %s", client->name, strerror(-result));
        if (router != NULL) network_default_route(client->index, router);
        if (server != NULL) boot_name_server(server);
    }
    client->granted = granted;
    client->has_granted = true;
    memcpy(&client->address, granted.bytes, 4);
    // At least a minute, at most what fits.
    client->seconds = time == NULL ? 3600 : get32(time);
    if (client->seconds < 60) client->seconds = 60;
    if (client->seconds > 1u << 30) client->seconds = 1u << 30;
    client->state = bound;
    client->tries = 0;
    client->due = now_milliseconds() + (uint64_t)client->seconds * 500;
    client->end = now_milliseconds() + (uint64_t)client->seconds * 1000;
}

static void take_message(struct client *client, const uint8_t *message, size_t count) {
    if (count < options_start || message[0] != 2 || get32(message + 4) != client->transaction) return;
    if (memcmp(message + 28, client->mac, 6) != 0 || get32(message + 236) != 0x63825363) return;
    const uint8_t *type = find_option(message, count, 53, 1);
    const uint8_t *server = find_option(message, count, 54, 4);
    if (type == NULL) return;
    if (*type == offer && client->state == selecting && server != NULL) {
        memcpy(&client->address, message + 16, 4);
        memcpy(&client->server, server, 4);
        client->state = requesting;
        client->tries = 0;
        advance(client);
    } else if (*type == acknowledge && (client->state == requesting || client->state == renewing)) {
        take_lease(client, message, count);
    } else if (*type == refuse && (client->state == requesting || client->state == renewing)) {
        begin(client);
        again_in(client, 1000);
    }
}

static bool receive(struct client *client) {
    uint8_t packet[2048];
    ssize_t received = recv(client->socket, packet, sizeof packet, MSG_DONTWAIT);
    if (received < 0) return false;
    size_t count = (size_t)received;
    if (count < sizeof(struct iphdr)) return true;
    size_t header = (size_t)(packet[0] & 15) * 4;
    if (packet[0] >> 4 != 4 || packet[9] != IPPROTO_UDP || header < sizeof(struct iphdr)) return true;
    if (count < header + sizeof(struct udphdr) || get16(packet + header + 2) != 68) return true;
    size_t start = header + sizeof(struct udphdr);
    take_message(client, packet + start, count - start);
    return true;
}

// ---- whoever uses it ------------------------------------------------------------------------------------------------

void dhcp_stop(const char *name) {
    for (struct client **link = &clients; *link != NULL; link = &(*link)->next) {
        struct client *client = *link;
        if (strcmp(client->name, name) != 0) continue;
        *link = client->next;
        close(client->socket);
        free(client);
        return;
    }
}

const char *dhcp_start(const char *name, unsigned index) {
    dhcp_stop(name);
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL) return "no memory";
    snprintf(client->name, sizeof client->name, "%s", name);
    client->index = index;
    client->socket = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_IP));
    struct sockaddr_ll here = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = (int)index};
    struct ifreq link = {0};
    snprintf(link.ifr_name, sizeof link.ifr_name, "%s", name);
    if (client->socket < 0 || bind(client->socket, (struct sockaddr *)&here, sizeof here) < 0 ||
        ioctl(client->socket, SIOCGIFHWADDR, &link) < 0) {
        if (client->socket >= 0) close(client->socket);
        free(client);
        return "dhcp: the guest's kernel has no packet sockets";
    }
    memcpy(client->mac, link.ifr_hwaddr.sa_data, 6);
    client->next = clients;
    clients = client;
    begin(client);
    return NULL;
}

size_t dhcp_poll(struct pollfd *list, size_t capacity) {
    size_t count = 0;
    for (struct client *client = clients; client != NULL && count < capacity; client = client->next) {
        list[count++] = (struct pollfd){.fd = client->socket, .events = POLLIN};
    }
    return count;
}

void dhcp_ready(const struct pollfd *list, size_t count) {
    uint64_t now = now_milliseconds();
    for (struct client *client = clients; client != NULL; client = client->next) {
        for (size_t index = 0; index < count; index++) {
            if (list[index].fd != client->socket || list[index].revents == 0) continue;
            for (int round = 0; round < 32 && receive(client); round++) continue;
        }
        if (now >= client->due) advance(client);
    }
}

int dhcp_timeout(void) {
    uint64_t now = now_milliseconds();
    int timeout = -1;
    for (struct client *client = clients; client != NULL; client = client->next) {
        uint64_t left = client->due <= now ? 0 : client->due - now;
        int bounded = left > 3600000 ? 3600000 : (int)left;
        if (timeout < 0 || bounded < timeout) timeout = bounded;
    }
    return timeout;
}
