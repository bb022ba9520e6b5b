// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

// The conversation with the host: frames in and out, sessions, lives. See Documentation/Agent.md.

#include "agent.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

struct bytes output;
static struct bytes input;
// Of the frame that is being written: what of it is still queued. Whatever is behind it may be given up, it may not.
static size_t frame_left;
// Tells this run of the agent from those before, and the session of the host that it is in; 0: in none.
static uint64_t life, session;

// Not 0. Early in a boot the kernel may have nothing random yet: then it is the time, which goes on over a reset.
static uint64_t make_life(void) {
    uint64_t number = 0;
    if (getrandom(&number, sizeof number, GRND_NONBLOCK) != sizeof number) {
        struct timespec time;
        clock_gettime(CLOCK_REALTIME, &time);
        number = (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
    }
    return number == 0 ? 1 : number;
}

void session_begin(void) { life = make_life(); }

static void append_word(struct bytes *words, const char *key, const char *value) {
    bytes_print(words, "%s=%s", key, value);
    bytes_append(words, "", 1);
}

static void tell_welcome(void) {
    struct bytes words = {0};
    uint8_t number[10];
    put16(number, protocol_version);
    put64(number + 2, session);
    bytes_append(&words, number, sizeof number);
    struct utsname name;
    uname(&name);
    append_word(&words, "kernel", name.release);
    append_word(&words, "machine", name.machine);
    append_word(&words, "role", agent.is_init ? "init" : "service");
    bytes_append(&words, bytes_first(&problems), bytes_count(&problems));
    frame_append(&output, frame_welcome, 0, 0, bytes_first(&words), bytes_count(&words));
    bytes_free(&words);
}

// So much has been written: where in which frame is the rest?
static void note_written(size_t count) {
    const uint8_t *place = bytes_first(&output);
    while (count > 0) {
        if (frame_left == 0) frame_left = frame_header + get32(place + 8);
        size_t step = count < frame_left ? count : frame_left;
        place += step;
        count -= step;
        frame_left -= step;
    }
}

void session_flush(void) {
    while (bytes_count(&output) > 0) {
        size_t wanted = bytes_count(&output);
        ssize_t count = write(agent.channel, bytes_first(&output), wanted > 65536 ? 65536 : wanted);
        if (count <= 0) return;
        note_written((size_t)count);
        bytes_drop(&output, (size_t)count);
    }
}

// Gives up what is queued, but not half of a frame: the other side would take what comes next for the rest of it.
static void drop_output(void) { output.end = output.start + frame_left; }

// What is queued goes out first, as far as somebody reads it.
void session_flush_for(int milliseconds) {
    uint64_t deadline = now_milliseconds() + (uint64_t)milliseconds;
    session_flush();
    while (bytes_count(&output) > 0 && now_milliseconds() < deadline) {
        struct pollfd one = {.fd = agent.channel, .events = POLLOUT};
        if (poll(&one, 1, 50) < 0 && errno != EINTR) return;
        session_flush();
    }
}

// Bytes that were read, and the host has not been told of.
static uint32_t taken;

void session_announce(void) {
    uint8_t words[10];
    put16(words, protocol_version);
    put64(words + 2, life);
    taken = 0;
    frame_append(&output, frame_announce, 0, 0, words, sizeof words);
}

static void take_hello(const struct frame *frame) {
    if (frame->count < 10) return;
    // One that was meant for the agent before a reset, or that is sent before the host knows of us. A host of the protocol's
    // first version knows no lives.
    if (frame->count >= 18 && get64(frame->payload + 10) != life) return session_announce();
    if (session != get64(frame->payload + 2)) {
        // Whoever spoke before is gone.
        command_cancel_all();
        drop_output();
        session = get64(frame->payload + 2);
    }
    tell_welcome();
}

static void take(const struct frame *frame) {
    struct words words;
    // What was said to the agent before us is none of our business.
    if (session == 0 && frame->type != frame_hello) return;
    switch (frame->type) {
    case frame_hello: take_hello(frame); break;
    case frame_run:
        if (!words_parse(&words, frame->payload, frame->count)) return;
        command_run(frame->stream, &words);
        words_free(&words);
        break;
    case frame_data: command_data(frame->stream, frame->payload, frame->count); break;
    case frame_close: command_close(frame->stream); break;
    case frame_credit:
        if (frame->count == 4) command_credit(frame->stream, frame->channel, get32(frame->payload));
        break;
    case frame_signal:
        if (frame->count == 4) command_signal(frame->stream, (int)get32(frame->payload));
        break;
    case frame_resize:
        if (frame->count != 4) return;
        if (frame->stream == 0) request_resize_console(get16(frame->payload), get16(frame->payload + 2));
        else command_resize(frame->stream, get16(frame->payload), get16(frame->payload + 2));
        break;
    case frame_cancel: command_cancel(frame->stream); break;
    case frame_request:
        if (!words_parse(&words, frame->payload, frame->count)) return;
        request_take(frame->stream, &words);
        words_free(&words);
        break;
    default: break;
    }
}

static void tell_taken(void) {
    if (taken < taken_minimum) return;
    uint8_t number[4];
    put32(number, taken);
    frame_append(&output, frame_taken, 0, 0, number, sizeof number);
    taken = 0;
}

// False: the channel is gone.
bool session_read(void) {
    static uint8_t data[16384];
    for (int round = 0; round < 8; round++) {
        ssize_t count = read(agent.channel, data, sizeof data);
        if (count < 0) return errno == EAGAIN || errno == EINTR;
        if (count == 0) return false;
        bytes_append(&input, data, (size_t)count);
        taken += (uint32_t)count;
        tell_taken();
        struct frame frame;
        while (frame_next(&input, &frame)) {
            take(&frame);
            frame_drop(&input, &frame);
        }
    }
    return true;
}

void session_lost(void) {
    session = 0;
    frame_left = 0;
    command_cancel_all();
    drop_output();
    bytes_drop(&input, bytes_count(&input));
}
