// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

// Interfaces, addresses and routes of the guest: from its plan when it starts, from ip(8)'s words while it runs.

#include "agent.h"
#include "netlink.h"

#include <errno.h>
#include <limits.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char message[300];

static const char *wrong(const char *what, const char *value, int error) {
    snprintf(message, sizeof message, "%s %s: %s", what, value, strerror(error < 0 ? -error : error));
    return message;
}

static void set_value(const char *path, const char *value) {
    FILE *file = fopen(path, "we");
    if (file == NULL) return;
    fputs(value, file);
    fclose(file);
}

// ---- links ----------------------------------------------------------------------------------------------------------

static int change_link(unsigned index, unsigned flags, unsigned mask, uint16_t type, const void *value, size_t count) {
    struct request request;
    struct ifinfomsg fixed = {.ifi_index = (int)index, .ifi_flags = flags, .ifi_change = mask};
    request_begin(&request, RTM_NEWLINK, 0, &fixed, sizeof fixed);
    if (value != NULL) request_add(&request, type, value, count);
    return request_send(&request);
}

static int set_up(unsigned index, bool is_up) { return change_link(index, is_up ? IFF_UP : 0, IFF_UP, 0, NULL, 0); }

static int rename_link(unsigned index, const char *name) {
    return change_link(index, 0, 0, IFLA_IFNAME, name, strlen(name) + 1);
}

static bool parse_mac(const char *text, uint8_t mac[6]) {
    unsigned parts[6];
    char rest;
    if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", parts, parts + 1, parts + 2, parts + 3, parts + 4, parts + 5, &rest) != 6) {
        return false;
    }
    for (int index = 0; index < 6; index++) mac[index] = (uint8_t)parts[index];
    return true;
}

struct search {
    const uint8_t *mac;
    const char *device;
    unsigned found;
};

// Is the interface one of this device? Its link in /sys has the device's name in it.
static bool is_of_device(const char *interface, const char *device) {
    char path[128], target[PATH_MAX];
    snprintf(path, sizeof path, "/sys/class/net/%.64s", interface);
    if (realpath(path, target) == NULL) return false;
    size_t length = strlen(device);
    if (length == 0) return false;
    for (const char *part = target; (part = strstr(part, device)) != NULL; part += length) {
        if (part > target && part[-1] == '/' && (part[length] == '/' || part[length] == 0)) return true;
    }
    return false;
}

static void match_link(const struct nlmsghdr *header, void *context) {
    struct search *search = context;
    if (header->nlmsg_type != RTM_NEWLINK) return;
    struct ifinfomsg *link = NLMSG_DATA(header);
    size_t left = IFLA_PAYLOAD(header);
    for (struct rtattr *item = IFLA_RTA(link); RTA_OK(item, left); item = RTA_NEXT(item, left)) {
        if (item->rta_type == IFLA_ADDRESS && search->mac != NULL && RTA_PAYLOAD(item) == 6) {
            if (memcmp(RTA_DATA(item), search->mac, 6) == 0) search->found = (unsigned)link->ifi_index;
        }
        if (item->rta_type == IFLA_IFNAME && search->device != NULL) {
            if (is_of_device(RTA_DATA(item), search->device)) search->found = (unsigned)link->ifi_index;
        }
    }
}

static unsigned find_link(const uint8_t *mac, const char *device) {
    struct request request;
    struct search search = {.mac = mac, .device = device};
    struct ifinfomsg fixed = {0};
    request_begin(&request, RTM_GETLINK, NLM_F_DUMP, &fixed, sizeof fixed);
    request_list(&request, match_link, &search);
    return search.found;
}

static unsigned find_wanted(const char *name, const char *device, const uint8_t *mac) {
    unsigned index = device == NULL ? 0 : find_link(NULL, device);
    if (index == 0 && mac != NULL) index = find_link(mac, NULL);
    if (index == 0 && device == NULL) index = if_nametoindex(name);
    return index;
}

// A hot-added one, or one whose driver is still on its way, may take a moment: the kernel says when there is another.
static unsigned wait_for_link(const char *name, const char *device, const char *mac_text) {
    uint8_t mac[6];
    bool has_mac = mac_text != NULL && parse_mac(mac_text, mac);
    unsigned index = find_wanted(name, device, has_mac ? mac : NULL);
    if (index != 0) return index;
    // Listened first, then looked: what comes in between is heard.
    int watch = link_watch();
    uint64_t deadline = now_milliseconds() + 1000, now;
    while ((index = find_wanted(name, device, has_mac ? mac : NULL)) == 0 && (now = now_milliseconds()) < deadline) {
        if (!link_wait(watch, (int)(deadline - now))) break;
    }
    if (watch >= 0) close(watch);
    return index;
}

static const char *name_link(unsigned index, const char *name) {
    char present[IF_NAMESIZE] = "";
    if_indextoname(index, present);
    if (strcmp(present, name) == 0) return NULL;
    unsigned other = if_nametoindex(name);
    if (other != 0) {
        // Who has the name gets another; its own turn comes.
        char aside[IF_NAMESIZE];
        snprintf(aside, sizeof aside, "el%u", other);
        set_up(other, false);
        rename_link(other, aside);
    }
    set_up(index, false);
    int error = rename_link(index, name);
    return error < 0 ? wrong("cannot name an interface", name, error) : NULL;
}

// ---- addresses and routes -------------------------------------------------------------------------------------------

int network_change_address(unsigned index, const struct address *address, bool adds) {
    struct request request;
    struct ifaddrmsg fixed = {
        .ifa_family = (uint8_t)address->family,
        .ifa_prefixlen = address->prefix,
        .ifa_index = index,
        // A lab's addresses are decided: nobody is asked whether they are free.
        .ifa_flags = address->family == AF_INET6 ? IFA_F_NODAD : 0,
    };
    request_begin(&request, adds ? RTM_NEWADDR : RTM_DELADDR, adds ? NLM_F_CREATE | NLM_F_EXCL : 0, &fixed, sizeof fixed);
    request_add(&request, IFA_LOCAL, address->bytes, address->count);
    request_add(&request, IFA_ADDRESS, address->bytes, address->count);
    if (adds && address->family == AF_INET && address->prefix < 31) {
        uint32_t broadcast;
        memcpy(&broadcast, address->bytes, 4);
        broadcast |= __builtin_bswap32(0xffffffffu >> address->prefix);
        request_add(&request, IFA_BROADCAST, &broadcast, 4);
    }
    return request_send(&request);
}

static int change_route(const struct address *to, const struct address *via, unsigned index, uint32_t metric, uint16_t type) {
    struct request request;
    int family = to != NULL ? to->family : via != NULL ? via->family : AF_INET;
    bool adds = type == RTM_NEWROUTE;
    struct rtmsg fixed = {
        .rtm_family = (uint8_t)family,
        .rtm_dst_len = to == NULL ? 0 : to->prefix,
        .rtm_table = RT_TABLE_MAIN,
        .rtm_protocol = adds ? RTPROT_STATIC : RTPROT_UNSPEC,
        .rtm_scope = !adds ? RT_SCOPE_NOWHERE : via == NULL ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
        .rtm_type = adds ? RTN_UNICAST : 0,
    };
    request_begin(&request, type, adds ? NLM_F_CREATE | NLM_F_REPLACE : 0, &fixed, sizeof fixed);
    if (to != NULL) request_add(&request, RTA_DST, to->bytes, to->count);
    if (via != NULL) request_add(&request, RTA_GATEWAY, via->bytes, via->count);
    if (index != 0) request_add(&request, RTA_OIF, &index, 4);
    if (metric != 0) request_add(&request, RTA_PRIORITY, &metric, 4);
    return request_send(&request);
}

void network_default_route(unsigned index, const uint8_t *router) {
    struct address via = {.family = AF_INET, .count = 4, .prefix = 32};
    memcpy(via.bytes, router, 4);
    int result = change_route(NULL, &via, index, 0, RTM_NEWROUTE);
    if (result < 0) problem("%s", wrong("cannot add the default route by", "DHCP's router", result));
}

// ---- the plan -------------------------------------------------------------------------------------------------------

static const char *value_of(char **words, size_t count, const char *key) {
    for (size_t index = 0; index < count; index++) {
        const char *value = word_value(words[index], key);
        if (value != NULL) return value;
    }
    return NULL;
}

const char *network_interface(const char *name, char **words, size_t count) {
    const char *mac_text = value_of(words, count, "mac");
    if (strlen(name) >= IF_NAMESIZE) return wrong("interface", name, ENAMETOOLONG);
    unsigned index = wait_for_link(name, value_of(words, count, "device"), mac_text);
    if (index == 0) return wrong("there is no interface for", name, ENODEV);
    const char *error = name_link(index, name);
    if (error != NULL) return error;
    uint8_t mac[6];
    if (mac_text != NULL && parse_mac(mac_text, mac) && find_link(mac, NULL) != index) {
        set_up(index, false);
        int result = change_link(index, 0, 0, IFLA_ADDRESS, mac, 6);
        if (result < 0) problem("%s", wrong("cannot set the hardware address of", name, result));
    }
    const char *mtu_text = value_of(words, count, "mtu");
    if (mtu_text != NULL) {
        uint32_t mtu = (uint32_t)strtoul(mtu_text, NULL, 10);
        int result = change_link(index, 0, 0, IFLA_MTU, &mtu, 4);
        if (result < 0) return wrong("cannot set the MTU of", name, result);
    }
    int result = set_up(index, true);
    if (result < 0) return wrong("cannot bring up", name, result);
    for (size_t word = 0; word < count; word++) {
        const char *text = word_value(words[word], "address");
        struct address address;
        if (text == NULL) continue;
        if (!address_parse(&address, text)) return wrong("address", text, EINVAL);
        result = network_change_address(index, &address, true);
        if (result < 0 && result != -EEXIST) return wrong("cannot add the address", text, result);
    }
    for (size_t word = 0; word < count; word++) {
        const char *text = word_value(words[word], "via");
        struct address via;
        if (text == NULL) continue;
        if (!address_parse(&via, text)) return wrong("router", text, EINVAL);
        result = change_route(NULL, &via, index, 0, RTM_NEWROUTE);
        if (result < 0) return wrong("cannot add the default route by", text, result);
    }
    for (size_t word = 0; word < count; word++) {
        if (strcmp(words[word], "dhcp") == 0) return dhcp_start(name, index);
    }
    return NULL;
}

const char *network_remove(const char *name) {
    unsigned index = if_nametoindex(name);
    if (index == 0) return wrong("there is no interface", name, ENODEV);
    dhcp_stop(name);
    set_up(index, false);
    char path[160], target[PATH_MAX];
    snprintf(path, sizeof path, "/sys/class/net/%.64s/device", name);
    if (realpath(path, target) == NULL) return NULL;
    // Its driver lets go of the device: that is what there is of unplugging one that the bus cannot.
    const char *device = strrchr(target, '/');
    if (device == NULL || strncmp(device, "/virtio", 7) != 0) return NULL;
    snprintf(path, sizeof path, "/sys/class/net/%.64s/device/driver/unbind", name);
    set_value(path, device + 1);
    return if_nametoindex(name) == 0 ? NULL : wrong("cannot remove", name, EBUSY);
}

static const char *network_route(const char *text) {
    char to_text[80];
    struct address to, via;
    const char *space = strchr(text, ' ');
    if (space == NULL || (size_t)(space - text) >= sizeof to_text) return wrong("route", text, EINVAL);
    snprintf(to_text, (size_t)(space - text) + 1, "%s", text);
    bool is_default = strcmp(to_text, "default") == 0;
    if (!address_parse(&via, space + 1) || (!is_default && !address_parse(&to, to_text))) {
        return wrong("route", text, EINVAL);
    }
    int result = change_route(is_default ? NULL : &to, &via, 0, 0, RTM_NEWROUTE);
    return result < 0 ? wrong("cannot add the route", text, result) : NULL;
}

void network_configure(const struct words *words) {
    unsigned loopback = if_nametoindex("lo");
    if (loopback != 0) set_up(loopback, true);
    // A guest may have addresses on links that are unplugged at first.
    set_value("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
    size_t index = 0;
    while (index < words->count) {
        const char *name = word_value(words->list[index++], "interface");
        if (name == NULL) continue;
        size_t end = index;
        while (end < words->count && word_value(words->list[end], "interface") == NULL) end++;
        const char *error = network_interface(name, words->list + index, end - index);
        if (error != NULL) problem("%s", error);
        index = end;
    }
    for (index = 0; index < words->count; index++) {
        const char *route = word_value(words->list[index], "route");
        const char *error = route == NULL ? NULL : network_route(route);
        if (error != NULL) problem("%s", error);
    }
}

// ---- ip(8)'s words --------------------------------------------------------------------------------------------------

struct listing {
    struct bytes *output;
    unsigned only;
    int family;
};

static void list_link(const struct nlmsghdr *header, void *context) {
    struct listing *listing = context;
    if (header->nlmsg_type != RTM_NEWLINK) return;
    struct ifinfomsg *link = NLMSG_DATA(header);
    if (listing->only != 0 && listing->only != (unsigned)link->ifi_index) return;
    const char *name = "";
    uint32_t mtu = 0;
    uint8_t mac[6] = {0}, carrier = 0;
    size_t left = IFLA_PAYLOAD(header);
    for (struct rtattr *item = IFLA_RTA(link); RTA_OK(item, left); item = RTA_NEXT(item, left)) {
        if (item->rta_type == IFLA_IFNAME) name = RTA_DATA(item);
        if (item->rta_type == IFLA_MTU) memcpy(&mtu, RTA_DATA(item), 4);
        if (item->rta_type == IFLA_CARRIER) carrier = *(uint8_t *)RTA_DATA(item);
        if (item->rta_type == IFLA_ADDRESS && RTA_PAYLOAD(item) == 6) memcpy(mac, RTA_DATA(item), 6);
    }
    bytes_print(listing->output, "%s mtu %u %s carrier %s address %02x:%02x:%02x:%02x:%02x:%02x\n", name, mtu,
        (link->ifi_flags & IFF_UP) == 0 ? "down" : "up", carrier ? "up" : "down", mac[0], mac[1], mac[2], mac[3], mac[4],
        mac[5]);
}

static void list_address(const struct nlmsghdr *header, void *context) {
    struct listing *listing = context;
    if (header->nlmsg_type != RTM_NEWADDR) return;
    struct ifaddrmsg *fixed = NLMSG_DATA(header);
    if (listing->only != 0 && listing->only != fixed->ifa_index) return;
    struct address address = {.family = fixed->ifa_family, .prefix = fixed->ifa_prefixlen};
    address.count = address.family == AF_INET ? 4 : 16;
    size_t left = IFA_PAYLOAD(header);
    bool is_local = false;
    for (struct rtattr *item = IFA_RTA(fixed); RTA_OK(item, left); item = RTA_NEXT(item, left)) {
        if (RTA_PAYLOAD(item) != address.count) continue;
        if (item->rta_type != IFA_LOCAL && (item->rta_type != IFA_ADDRESS || is_local)) continue;
        is_local = item->rta_type == IFA_LOCAL;
        memcpy(address.bytes, RTA_DATA(item), address.count);
    }
    char name[IF_NAMESIZE] = "?", text[80];
    if_indextoname(fixed->ifa_index, name);
    address_print(&address, true, text, sizeof text);
    bytes_print(listing->output, "%s %s %s scope %s%s\n", name, address.family == AF_INET ? "inet" : "inet6", text,
        fixed->ifa_scope == RT_SCOPE_UNIVERSE ? "global" : "link", fixed->ifa_flags & IFA_F_TENTATIVE ? " tentative" : "");
}

static void list_route(const struct nlmsghdr *header, void *context) {
    struct listing *listing = context;
    if (header->nlmsg_type != RTM_NEWROUTE) return;
    struct rtmsg *fixed = NLMSG_DATA(header);
    if (fixed->rtm_table != RT_TABLE_MAIN || fixed->rtm_type != RTN_UNICAST) return;
    if (listing->family != 0 && listing->family != fixed->rtm_family) return;
    struct address to = {.family = fixed->rtm_family, .prefix = fixed->rtm_dst_len};
    struct address via = {.family = fixed->rtm_family};
    to.count = via.count = to.family == AF_INET ? 4 : 16;
    bool has_via = false;
    uint32_t index = 0;
    size_t left = RTM_PAYLOAD(header);
    for (struct rtattr *item = RTM_RTA(fixed); RTA_OK(item, left); item = RTA_NEXT(item, left)) {
        size_t count = RTA_PAYLOAD(item);
        if (item->rta_type == RTA_DST && count == to.count) memcpy(to.bytes, RTA_DATA(item), count);
        if (item->rta_type == RTA_GATEWAY && count == to.count) {
            memcpy(via.bytes, RTA_DATA(item), count);
            has_via = true;
        }
        if (item->rta_type == RTA_OIF) memcpy(&index, RTA_DATA(item), 4);
    }
    if (listing->only != 0 && listing->only != index) return;
    char text[80] = "default", name[IF_NAMESIZE] = "?";
    if (to.prefix > 0) address_print(&to, true, text, sizeof text);
    bytes_print(listing->output, "%s", text);
    if (has_via) {
        address_print(&via, false, text, sizeof text);
        bytes_print(listing->output, " via %s", text);
    }
    if_indextoname(index, name);
    bytes_print(listing->output, " dev %s\n", name);
}

static bool show(uint16_t type, void (*each)(const struct nlmsghdr *, void *), struct listing *listing) {
    struct request request;
    struct rtmsg fixed = {.rtm_family = AF_UNSPEC};
    struct ifinfomsg link = {.ifi_family = AF_UNSPEC};
    if (type == RTM_GETLINK) request_begin(&request, type, NLM_F_DUMP, &link, sizeof link);
    else request_begin(&request, type, NLM_F_DUMP, &fixed, sizeof fixed);
    int result = request_list(&request, each, listing);
    if (result == 0) return true;
    bytes_drop(listing->output, bytes_count(listing->output));
    bytes_print(listing->output, "cannot list: %s", strerror(-result));
    return false;
}

// The words of one command, taken apart: `add 10.0.0.1/24 dev eth0 via … metric …`.
struct arguments {
    const char *verb, *first, *device, *via, *metric;
};

static bool take_apart(char **words, size_t count, struct arguments *arguments, struct bytes *output) {
    memset(arguments, 0, sizeof *arguments);
    for (size_t index = 0; index < count; index++) {
        const char **place = NULL;
        if (index == 0) {
            arguments->verb = words[0];
            continue;
        }
        if (strcmp(words[index], "dev") == 0) place = &arguments->device;
        if (strcmp(words[index], "via") == 0) place = &arguments->via;
        if (strcmp(words[index], "metric") == 0) place = &arguments->metric;
        if (place == NULL && arguments->first == NULL) {
            arguments->first = words[index];
        } else if (place != NULL && index + 1 < count) {
            *place = words[++index];
        } else {
            bytes_print(output, "%s: not understood here; as in ip(8): addr add A/N dev IF, route add DEST via A", words[index]);
            return false;
        }
    }
    if (arguments->verb == NULL) arguments->verb = "show";
    return true;
}

static bool finish(int result, const char *what, const char *value, struct bytes *output) {
    if (result >= 0) return true;
    bytes_print(output, "%s", wrong(what, value, result));
    return false;
}

static int each_flushed(unsigned index) {
    // Deleting changes what is listed: one list, then each of it.
    struct bytes list = {0};
    struct listing listing = {.output = &list, .only = index};
    if (!show(RTM_GETADDR, list_address, &listing)) return -EIO;
    bytes_append(&list, "", 1);
    int result = 0;
    char *rest = (char *)list.data + list.start, *line;
    while ((line = strsep(&rest, "\n")) != NULL) {
        // The third word.
        char *space = strchr(line, ' ');
        space = space == NULL ? NULL : strchr(space + 1, ' ');
        char *end = space == NULL ? NULL : strchr(space + 1, ' ');
        struct address address;
        if (end == NULL) continue;
        *end = 0;
        if (!address_parse(&address, space + 1)) continue;
        int one = network_change_address(index, &address, false);
        if (one < 0 && one != -EADDRNOTAVAIL) result = one;
    }
    bytes_free(&list);
    return result;
}

static bool address_command(const struct arguments *arguments, struct bytes *output) {
    unsigned index = arguments->device == NULL ? 0 : if_nametoindex(arguments->device);
    if (arguments->device != NULL && index == 0) return finish(-ENODEV, "interface", arguments->device, output);
    if (strcmp(arguments->verb, "show") == 0 || strcmp(arguments->verb, "list") == 0) {
        struct listing listing = {.output = output, .only = index};
        return show(RTM_GETADDR, list_address, &listing);
    }
    if (index == 0) {
        bytes_print(output, "addr %s: which interface? add `dev NAME`", arguments->verb);
        return false;
    }
    if (strcmp(arguments->verb, "flush") == 0) {
        return finish(each_flushed(index), "cannot flush", arguments->device, output);
    }
    bool adds = strcmp(arguments->verb, "add") == 0;
    if (!adds && strcmp(arguments->verb, "del") != 0 && strcmp(arguments->verb, "delete") != 0) {
        bytes_print(output, "addr %s: no such command; add, del, flush, show", arguments->verb);
        return false;
    }
    struct address address;
    if (arguments->first == NULL || !address_parse(&address, arguments->first)) {
        return finish(-EINVAL, "address", arguments->first == NULL ? "" : arguments->first, output);
    }
    return finish(network_change_address(index, &address, adds), adds ? "cannot add" : "cannot delete", arguments->first, output);
}

static bool route_command(const struct arguments *arguments, struct bytes *output) {
    unsigned index = arguments->device == NULL ? 0 : if_nametoindex(arguments->device);
    if (arguments->device != NULL && index == 0) return finish(-ENODEV, "interface", arguments->device, output);
    if (strcmp(arguments->verb, "show") == 0 || strcmp(arguments->verb, "list") == 0) {
        struct listing listing = {.output = output, .only = index};
        return show(RTM_GETROUTE, list_route, &listing);
    }
    bool adds = strcmp(arguments->verb, "add") == 0 || strcmp(arguments->verb, "replace") == 0;
    if (!adds && strcmp(arguments->verb, "del") != 0 && strcmp(arguments->verb, "delete") != 0) {
        bytes_print(output, "route %s: no such command; add, replace, del, show", arguments->verb);
        return false;
    }
    struct address to, via;
    const char *text = arguments->first == NULL ? "" : arguments->first;
    bool is_default = strcmp(text, "default") == 0;
    if (!is_default && !address_parse(&to, text)) return finish(-EINVAL, "destination", text, output);
    if (arguments->via != NULL && !address_parse(&via, arguments->via)) {
        return finish(-EINVAL, "router", arguments->via, output);
    }
    uint32_t metric = arguments->metric == NULL ? 0 : (uint32_t)strtoul(arguments->metric, NULL, 10);
    int result = change_route(is_default ? NULL : &to, arguments->via == NULL ? NULL : &via, index, metric,
        adds ? RTM_NEWROUTE : RTM_DELROUTE);
    return finish(result, adds ? "cannot add the route" : "cannot delete the route", text, output);
}

static bool link_command(char **words, size_t count, struct bytes *output) {
    if (count == 0 || strcmp(words[0], "show") == 0 || strcmp(words[0], "list") == 0) {
        struct listing listing = {.output = output};
        const char *name = count > 1 ? words[count - 1] : NULL;
        if (name != NULL && (listing.only = if_nametoindex(name)) == 0) return finish(-ENODEV, "interface", name, output);
        return show(RTM_GETLINK, list_link, &listing);
    }
    size_t place = count > 1 && strcmp(words[1], "dev") == 0 ? 2 : 1;
    if (strcmp(words[0], "set") != 0 || count <= place + 1) {
        bytes_print(output, "link: as in ip(8): link set NAME up|down|mtu N|address MAC|name NEW, link show");
        return false;
    }
    const char *name = words[place];
    unsigned index = if_nametoindex(name);
    if (index == 0) return finish(-ENODEV, "interface", name, output);
    for (size_t word = place + 1; word < count; word++) {
        const char *key = words[word];
        const char *value = word + 1 < count ? words[word + 1] : NULL;
        int result;
        uint8_t mac[6];
        if (strcmp(key, "up") == 0 || strcmp(key, "down") == 0) {
            result = set_up(index, key[0] == 'u');
            value = key;
        } else if (value != NULL && strcmp(key, "mtu") == 0) {
            uint32_t mtu = (uint32_t)strtoul(value, NULL, 10);
            result = change_link(index, 0, 0, IFLA_MTU, &mtu, 4);
            word++;
        } else if (value != NULL && strcmp(key, "address") == 0 && parse_mac(value, mac)) {
            result = change_link(index, 0, 0, IFLA_ADDRESS, mac, 6);
            word++;
        } else if (value != NULL && strcmp(key, "name") == 0 && strlen(value) < IF_NAMESIZE) {
            result = rename_link(index, value);
            word++;
        } else {
            return finish(-EINVAL, "link set", key, output);
        }
        if (result < 0) return finish(result, key, value, output);
    }
    return true;
}

bool network_command(char **words, size_t count, struct bytes *output) {
    struct arguments arguments;
    static char *shown[] = {"addr"};
    if (count == 0) {
        words = shown;
        count = 1;
    }
    const char *object = words[0];
    size_t length = strlen(object);
    if (length > 0 && strncmp("address", object, length) == 0) {
        return take_apart(words + 1, count - 1, &arguments, output) && address_command(&arguments, output);
    }
    if (length > 0 && strncmp("route", object, length) == 0) {
        return take_apart(words + 1, count - 1, &arguments, output) && route_command(&arguments, output);
    }
    if (length > 0 && strncmp("link", object, length) == 0) return link_command(words + 1, count - 1, output);
    bytes_print(output, "%s: not a word of ip(8) that is known here: addr, route, link", object);
    return false;
}
