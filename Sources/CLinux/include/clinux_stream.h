/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Messages on byte streams, each behind its length: sockets, or pipes where a program's standard streams are. */
#ifndef ETHERLOOM_CLINUX_STREAM_H
#define ETHERLOOM_CLINUX_STREAM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "clinux_io.h"
#include "clinux_socket.h"

#define CEL_STREAM_BATCH 64
/* Up to this size a message is copied behind its length: cheaper than a vector of its own. */
#define CEL_STREAM_SMALL 320

/* A pipe's file description may be shared with programs that do not expect O_NONBLOCK, and a pipe cannot be asked per
 * call everywhere (RWF_NOWAIT, Linux 6.5 for pipes): then the flag is set before each call. */
static inline long cel_stream_writev(int fd, int is_socket, struct iovec *vectors, int count) {
    if (is_socket) {
        struct msghdr message;
        memset(&message, 0, sizeof message);
        message.msg_iov = vectors;
        message.msg_iovlen = (size_t)count;
        return cel_result(sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
    }
    int failure = cel_keep_nonblocking(fd);
    return failure < 0 ? failure : cel_result(writev(fd, vectors, count));
}

/* Sends `count` messages of a slab, each behind its length: `prefix` bytes (2 or 4), big-endian. How many bytes went,
 * lengths included, or -errno. */
static inline long cel_stream_send(
    int fd, int is_socket, const void *slab, const struct cel_part *parts, int count, int prefix) {
    struct iovec vectors[2 * CEL_STREAM_BATCH];
    unsigned char copies[CEL_STREAM_BATCH * (CEL_STREAM_SMALL + 4)];
    size_t used = 0;
    int vector = -1, open = 0;
    if (count > CEL_STREAM_BATCH) count = CEL_STREAM_BATCH;
    for (int i = 0; i < count; i++) {
        const unsigned char *bytes = (const unsigned char *)slab + parts[i].offset;
        size_t length = parts[i].length;
        if (!open) { /* Copies in a row are one vector. */
            vector++;
            vectors[vector].iov_base = copies + used;
            vectors[vector].iov_len = 0;
            open = 1;
        }
        if (prefix == 4) {
            copies[used++] = (unsigned char)(length >> 24);
            copies[used++] = (unsigned char)(length >> 16);
        }
        copies[used++] = (unsigned char)(length >> 8);
        copies[used++] = (unsigned char)length;
        vectors[vector].iov_len += (size_t)prefix;
        if (length <= CEL_STREAM_SMALL) {
            memcpy(copies + used, bytes, length);
            used += length;
            vectors[vector].iov_len += length;
        } else {
            vector++;
            vectors[vector].iov_base = (void *)bytes;
            vectors[vector].iov_len = length;
            open = 0;
        }
    }
    return cel_stream_writev(fd, is_socket, vectors, vector + 1);
}

static inline long cel_stream_write(int fd, int is_socket, const void *bytes, size_t count) {
    struct iovec vector = {(void *)bytes, count};
    return cel_stream_writev(fd, is_socket, &vector, 1);
}

static inline long cel_stream_read(int fd, int is_socket, void *bytes, size_t count) {
    if (is_socket) return cel_receive(fd, bytes, count, 0);
    int failure = cel_keep_nonblocking(fd);
    return failure < 0 ? failure : cel_read(fd, bytes, count);
}

#endif
