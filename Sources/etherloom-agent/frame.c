// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

// The frames of the channel. See Documentation/Agent.md, "Frames".
//
// The channel may begin in the middle of something: what a kernel wrote to it before it was raw, an echo, the rest of a
// session. So a header says that it is one by two bytes and by a check over itself, and what is none is stepped over.

#include "agent.h"

#include <string.h>

static const uint8_t mark[2] = {0xee, 0x4c};

uint16_t get16(const uint8_t *data) { return (uint16_t)(data[0] << 8 | data[1]); }
uint32_t get32(const uint8_t *data) { return (uint32_t)get16(data) << 16 | get16(data + 2); }
uint64_t get64(const uint8_t *data) { return (uint64_t)get32(data) << 32 | get32(data + 4); }
void put16(uint8_t *data, uint16_t value) {
    data[0] = (uint8_t)(value >> 8);
    data[1] = (uint8_t)value;
}
void put32(uint8_t *data, uint32_t value) {
    put16(data, (uint16_t)(value >> 16));
    put16(data + 2, (uint16_t)value);
}
void put64(uint8_t *data, uint64_t value) {
    put32(data, (uint32_t)(value >> 32));
    put32(data + 4, (uint32_t)value);
}

// FNV-1a, 32 bits, over all of the header but itself.
static uint32_t check(const uint8_t *header) {
    uint32_t sum = 2166136261u;
    for (size_t index = 0; index < 12; index++) sum = (sum ^ header[index]) * 16777619u;
    return sum;
}

int frame_next(struct bytes *input, struct frame *frame) {
    for (;;) {
        size_t held = bytes_count(input);
        if (held == 0) return 0;
        const uint8_t *first = bytes_first(input);
        if (first[0] != mark[0]) {
            const uint8_t *found = memchr(first, mark[0], held);
            bytes_drop(input, found == NULL ? held : (size_t)(found - first));
            continue;
        }
        if (held >= 2 && first[1] != mark[1]) {
            bytes_drop(input, 1);
            continue;
        }
        if (held < frame_header) return 0;
        uint32_t count = get32(first + 8);
        if (count > frame_payload_maximum || get32(first + 12) != check(first)) {
            bytes_drop(input, 1);
            continue;
        }
        if (held < frame_header + count) return 0;
        frame->type = first[2];
        frame->channel = first[3];
        frame->stream = get32(first + 4);
        frame->count = count;
        frame->payload = first + frame_header;
        return 1;
    }
}

void frame_drop(struct bytes *input, const struct frame *frame) { bytes_drop(input, frame_header + frame->count); }

void frame_append(struct bytes *queue, uint8_t type, uint8_t channel, uint32_t stream, const void *data, size_t count) {
    if (count > frame_payload_maximum) count = frame_payload_maximum;
    uint8_t header[frame_header];
    memcpy(header, mark, sizeof mark);
    header[2] = type;
    header[3] = channel;
    put32(header + 4, stream);
    put32(header + 8, (uint32_t)count);
    put32(header + 12, check(header));
    bytes_append(queue, header, sizeof header);
    bytes_append(queue, data, count);
}
