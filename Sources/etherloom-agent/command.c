// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

// Commands of the host: their streams, windows, ends.
//
// Output is read from a command only as far as its window and the channel's queue allow, so what a command writes waits in
// its own pipe, and the command with it. Input is taken into a queue of at most one window and granted again as the command
// reads it. A command has ended when its process has: what it left in the pipes by then is still sent, background
// processes that hold them are not waited for.

#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { command_maximum = 256, queue_maximum = 262144 };

struct command {
    struct command *next;
    uint32_t id;
    pid_t pid;
    bool has_terminal, has_exited, is_cancelled, wants_close;
    int status;
    // 0 is written to, 1 and 2 are read from; -1: closed. With a terminal 0 and 1 are the same.
    int descriptors[3];
    uint32_t window[3];
    struct bytes input;
    uint64_t kill_at;
};

static struct command *commands;

static struct command *find(uint32_t id) {
    struct command *command = commands;
    while (command != NULL && (command->id != id || command->is_cancelled)) command = command->next;
    return command;
}

static void close_stream(struct command *command, int stream) {
    int descriptor = command->descriptors[stream];
    if (descriptor < 0) return;
    command->descriptors[stream] = -1;
    // A terminal is closed with its last direction.
    for (int other = 0; other < 3; other++) {
        if (command->descriptors[other] == descriptor) return;
    }
    close(descriptor);
}

static void drop_command(struct command *command) {
    struct command **link = &commands;
    while (*link != command) link = &(*link)->next;
    *link = command->next;
    for (int stream = 0; stream < 3; stream++) close_stream(command, stream);
    bytes_free(&command->input);
    free(command);
}

static void tell_failed(uint32_t id, uint8_t status, const char *message) {
    uint8_t text[600];
    size_t count = strnlen(message, sizeof text - 1);
    text[0] = status;
    memcpy(text + 1, message, count);
    frame_append(&output, frame_failed, 0, id, text, count + 1);
}

// Ours and the command's ends; with a terminal all of the command's are its one.
static bool make_streams(struct command *command, int theirs[3], unsigned columns, unsigned rows) {
    if (command->has_terminal) {
        int terminal = open("/dev/ptmx", O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        // A root's own init may not have seen to it.
        if (terminal < 0 && boot_mount_terminals()) {
            terminal = open("/dev/ptmx", O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        }
        int unlocked = 0;
        struct winsize size = {.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};
        int other = -1;
        if (terminal >= 0 && ioctl(terminal, TIOCSPTLCK, &unlocked) == 0) {
            ioctl(terminal, TIOCSWINSZ, &size);
            other = ioctl(terminal, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        }
        if (other < 0) {
            if (terminal >= 0) close(terminal);
            return false;
        }
        command->descriptors[0] = command->descriptors[1] = terminal;
        theirs[0] = theirs[1] = theirs[2] = other;
        return true;
    }
    for (int stream = 0; stream < 3; stream++) {
        int pair[2];
        if (pipe2(pair, O_CLOEXEC) < 0) {
            for (int made = 0; made < stream; made++) close(theirs[made]);
            return false;
        }
        int ours = stream == 0 ? pair[1] : pair[0];
        fcntl(ours, F_SETFL, O_NONBLOCK);
        command->descriptors[stream] = ours;
        theirs[stream] = stream == 0 ? pair[0] : pair[1];
    }
    return true;
}

void command_run(uint32_t id, const struct words *words) {
    if (find(id) != NULL) return tell_failed(id, 2, "a command with this number runs already");
    size_t count = 0;
    for (struct command *other = commands; other != NULL; other = other->next) count++;
    if (count >= command_maximum) return tell_failed(id, 1, "too many commands run in the guest (256)");

    struct execution execution = {0};
    size_t index = 0;
    unsigned columns = 0, rows = 0;
    bool has_terminal = false;
    char *environment[words->count + 1];
    for (; index < words->count && strcmp(words->list[index], "--") != 0; index++) {
        char *word = words->list[index];
        const char *value;
        if ((value = word_value(word, "user")) != NULL) execution.user = value;
        if ((value = word_value(word, "directory")) != NULL) execution.directory = value;
        if ((value = word_value(word, "environment")) != NULL) {
            environment[execution.environment_count++] = word + (value - word);
        }
        if ((value = word_value(word, "tty")) != NULL) has_terminal = sscanf(value, "%ux%u", &columns, &rows) == 2;
    }
    if (index + 1 >= words->count) return tell_failed(id, 2, "no command is given");
    execution.words = words->list + index + 1;
    execution.environment = environment;

    struct command *command = calloc(1, sizeof *command);
    if (command == NULL) return tell_failed(id, 1, "no memory");
    command->id = id;
    command->has_terminal = has_terminal;
    for (int stream = 0; stream < 3; stream++) {
        command->descriptors[stream] = -1;
        command->window[stream] = stream_window;
    }
    command->next = commands;
    commands = command;
    int theirs[3];
    if (!make_streams(command, theirs, columns, rows)) {
        char line[128];
        snprintf(line, sizeof line, "cannot make %s: %s", has_terminal ? "a terminal" : "pipes", strerror(errno));
        drop_command(command);
        return tell_failed(id, 126, line);
    }
    struct failure failure;
    command->pid = execute_start(&execution, theirs, has_terminal, &failure);
    close(theirs[0]);
    if (!has_terminal) {
        close(theirs[1]);
        close(theirs[2]);
    }
    if (command->pid < 0) {
        drop_command(command);
        return tell_failed(id, failure.status, failure.text);
    }
    uint8_t number[4];
    put32(number, (uint32_t)command->pid);
    frame_append(&output, frame_started, 0, id, number, 4);
}

static void grant(struct command *command, size_t count) {
    uint8_t number[4];
    put32(number, (uint32_t)count);
    frame_append(&output, frame_granted, 0, command->id, number, 4);
}

static void write_input(struct command *command) {
    while (bytes_count(&command->input) > 0 && command->descriptors[0] >= 0) {
        size_t wanted = bytes_count(&command->input);
        ssize_t count = write(command->descriptors[0], bytes_first(&command->input), wanted);
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (count < 0) {
            // Nobody reads it any more.
            bytes_drop(&command->input, wanted);
            close_stream(command, 0);
            frame_append(&output, frame_ended, 0, command->id, NULL, 0);
            return;
        }
        bytes_drop(&command->input, (size_t)count);
        grant(command, (size_t)count);
    }
    if (bytes_count(&command->input) > 0 || !command->wants_close) return;
    // What a terminal's user would type; when it is full, that waits as input does.
    if (command->has_terminal && command->descriptors[0] >= 0) {
        if (write(command->descriptors[0], "\004", 1) < 0 && (errno == EAGAIN || errno == EINTR)) return;
    }
    command->wants_close = false;
    if (!command->has_terminal) close_stream(command, 0);
}

void command_data(uint32_t id, const uint8_t *data, size_t count) {
    struct command *command = find(id);
    if (command == NULL || command->descriptors[0] < 0) return;
    // A host that does not keep to the window loses what is too much.
    size_t held = bytes_count(&command->input);
    if (held + count > stream_window) count = held >= stream_window ? 0 : stream_window - held;
    bytes_append(&command->input, data, count);
    write_input(command);
}

void command_close(uint32_t id) {
    struct command *command = find(id);
    if (command == NULL) return;
    command->wants_close = true;
    write_input(command);
}

void command_credit(uint32_t id, uint8_t channel, uint32_t count) {
    struct command *command = find(id);
    if (command == NULL || (channel != 1 && channel != 2)) return;
    uint32_t room = UINT32_MAX - command->window[channel];
    command->window[channel] += count < room ? count : room;
}

// All of the command's own group: what a terminal's keys would do.
void command_signal(uint32_t id, int number) {
    struct command *command = find(id);
    if (command != NULL && !command->has_exited) kill(-command->pid, number);
}

void command_resize(uint32_t id, uint16_t columns, uint16_t rows) {
    struct winsize size = {.ws_col = columns, .ws_row = rows};
    struct command *command = find(id);
    if (command != NULL && command->has_terminal) ioctl(command->descriptors[1], TIOCSWINSZ, &size);
}

static void cancel(struct command *command) {
    if (command->is_cancelled) return;
    command->is_cancelled = true;
    for (int stream = 0; stream < 3; stream++) close_stream(command, stream);
    if (command->has_exited) return;
    kill(-command->pid, SIGHUP);
    kill(-command->pid, SIGTERM);
    kill(-command->pid, SIGCONT);
    command->kill_at = now_milliseconds() + 2000;
}

void command_cancel(uint32_t id) {
    struct command *command = find(id);
    if (command != NULL) cancel(command);
}

void command_cancel_all(void) {
    for (struct command *command = commands; command != NULL; command = command->next) cancel(command);
}

bool command_reaped(pid_t pid, int status) {
    for (struct command *command = commands; command != NULL; command = command->next) {
        if (command->pid != pid || command->has_exited) continue;
        command->has_exited = true;
        command->status = status;
        return true;
    }
    return false;
}

// What the channel's queue and the stream's window leave room for.
static size_t readable_count(const struct command *command, int stream) {
    if (bytes_count(&output) >= queue_maximum) return 0;
    size_t count = command->window[stream];
    return count < frame_data_maximum ? count : frame_data_maximum;
}

// False when there is nothing to read now.
static bool read_output(struct command *command, int stream) {
    static uint8_t data[frame_data_maximum];
    size_t room = readable_count(command, stream);
    if (room == 0) return false;
    ssize_t count = read(command->descriptors[stream], data, room);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        // It has ended, and so has what it wrote: whoever else holds the pipe is not waited for.
        if (command->has_exited && errno == EAGAIN) count = 0;
        else return false;
    }
    if (count <= 0) {
        if (stream == 1 && command->has_terminal) close_stream(command, 0);
        close_stream(command, stream);
        frame_append(&output, frame_ended, (uint8_t)stream, command->id, NULL, 0);
        return false;
    }
    command->window[stream] -= (uint32_t)count;
    frame_append(&output, frame_output, (uint8_t)stream, command->id, data, (size_t)count);
    return true;
}

static void finish(struct command *command) {
    if (!command->is_cancelled) {
        uint8_t number[4];
        put32(number, (uint32_t)command->status);
        frame_append(&output, frame_exited, 0, command->id, number, 4);
    }
    drop_command(command);
}

size_t command_poll(struct pollfd *list, size_t capacity) {
    size_t count = 0;
    for (struct command *command = commands; command != NULL; command = command->next) {
        for (int stream = 0; stream < 3 && count < capacity; stream++) {
            int descriptor = command->descriptors[stream];
            if (descriptor < 0) continue;
            bool has_input = bytes_count(&command->input) > 0 || command->wants_close;
            bool wants = stream == 0 ? has_input : readable_count(command, stream) > 0;
            if (!wants) continue;
            list[count++] = (struct pollfd){.fd = descriptor, .events = stream == 0 ? POLLOUT : POLLIN};
        }
    }
    return count;
}

void command_ready(const struct pollfd *list, size_t count) {
    uint64_t now = now_milliseconds();
    struct command *next;
    for (struct command *command = commands; command != NULL; command = next) {
        next = command->next;
        for (size_t index = 0; index < count; index++) {
            if (list[index].revents == 0) continue;
            for (int stream = 0; stream < 3; stream++) {
                if (command->descriptors[stream] != list[index].fd || list[index].fd < 0) continue;
                bool is_input = list[index].events == POLLOUT;
                if (stream == 0 && is_input) write_input(command);
                if (stream != 0 && !is_input) read_output(command, stream);
            }
        }
        if (command->kill_at != 0 && now >= command->kill_at && !command->has_exited) {
            kill(-command->pid, SIGKILL);
            command->kill_at = now + 2000;
        }
        if (!command->has_exited) continue;
        for (int stream = 1; stream < 3; stream++) {
            while (command->descriptors[stream] >= 0 && read_output(command, stream)) continue;
        }
        if (command->descriptors[1] < 0 && command->descriptors[2] < 0) finish(command);
    }
}

int command_timeout(void) {
    uint64_t now = now_milliseconds();
    int timeout = -1;
    for (struct command *command = commands; command != NULL; command = command->next) {
        if (command->has_exited || command->kill_at == 0) continue;
        int left = command->kill_at <= now ? 0 : (int)(command->kill_at - now);
        if (timeout < 0 || left < timeout) timeout = left;
    }
    return timeout;
}
