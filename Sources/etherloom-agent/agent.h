// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

// The agent: the one program of Etherloom that runs inside of virtual machines, as their first process or as a service.
// It speaks with the keeper over a raw byte channel; no network is needed. Documentation/Agent.md has the protocol.
//
// One thread, one poll loop (loop.c). Nothing here waits for a command or for the host: a command that is stuck stops only
// its own streams, because each has a window.

#ifndef ETHERLOOM_AGENT_H
#define ETHERLOOM_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// ---- bytes (bytes.c) ------------------------------------------------------------------------------------------------

// A growing queue of bytes: appended at the end, taken from the start.
struct bytes {
    uint8_t *data;
    size_t start, end, capacity;
};

size_t bytes_count(const struct bytes *bytes);
const uint8_t *bytes_first(const struct bytes *bytes);
void bytes_append(struct bytes *bytes, const void *data, size_t count);
void bytes_drop(struct bytes *bytes, size_t count);
void bytes_free(struct bytes *bytes);
// printf at the end of it.
void bytes_print(struct bytes *bytes, const char *format, ...) __attribute__((format(printf, 2, 3)));

// A list of words, as in a message: each ended by NUL. The words point into memory of the list's own.
struct words {
    char *memory;
    char **list;
    size_t count;
};

// False when the bytes are no list of words.
bool words_parse(struct words *words, const uint8_t *data, size_t count);
void words_free(struct words *words);
// What follows `key=` in the first word that begins so, else NULL.
const char *words_value(const struct words *words, const char *key);
// The same for one word.
const char *word_value(const char *word, const char *key);

// ---- frames (frame.c) -----------------------------------------------------------------------------------------------

enum {
    frame_header = 16,
    // The host is told of what was read when it is so much.
    taken_minimum = 512,
    frame_payload_maximum = 65536,
    // Of what a command writes, in one frame: others get their turn.
    frame_data_maximum = 16384,
    // What may be sent of a stream before the other side has granted more.
    stream_window = 65536,
    protocol_version = 2,
};

enum frame_type {
    frame_hello = 0x01,
    frame_run = 0x02,
    frame_data = 0x03,
    frame_close = 0x04,
    frame_credit = 0x05,
    frame_signal = 0x06,
    frame_resize = 0x07,
    frame_cancel = 0x08,
    frame_request = 0x09,

    frame_announce = 0x81,
    frame_welcome = 0x82,
    frame_output = 0x83,
    frame_ended = 0x84,
    frame_granted = 0x85,
    frame_started = 0x86,
    frame_exited = 0x87,
    frame_failed = 0x88,
    frame_result = 0x89,
    frame_event = 0x8a,
    frame_taken = 0x8b,
};

struct frame {
    uint8_t type, channel;
    uint32_t stream, count;
    const uint8_t *payload;
};

// 1: a frame is at the start of the queue (its payload stays valid until it is dropped), 0: more bytes are needed. What is
// no frame has been dropped.
int frame_next(struct bytes *input, struct frame *frame);
void frame_drop(struct bytes *input, const struct frame *frame);
void frame_append(struct bytes *output, uint8_t type, uint8_t channel, uint32_t stream, const void *data, size_t count);

uint16_t get16(const uint8_t *data);
uint32_t get32(const uint8_t *data);
uint64_t get64(const uint8_t *data);
void put16(uint8_t *data, uint16_t value);
void put32(uint8_t *data, uint32_t value);
void put64(uint8_t *data, uint64_t value);

// ---- the channel (channel.c) ----------------------------------------------------------------------------------------

// Opens it, raw; -1 with errno. `name` is a path, `virtio:PORT` or `fd:N`.
int channel_open(const char *name);

// ---- the plan (plan.c) ----------------------------------------------------------------------------------------------

// What the host wants the guest to be: the words of /etherloom/plan.
struct plan {
    struct words words;
    const char *channel, *root, *source, *other_source, *options, *hostname, *user, *console;
    bool read_only;
};

// False when there is none.
bool plan_read(struct plan *plan, const char *path);

// Problems on the way up, told to the host when it asks.
extern struct bytes problems;
void problem(const char *format, ...) __attribute__((format(printf, 1, 2)));

// ---- boot (boot.c) --------------------------------------------------------------------------------------------------

void boot_mount_kernel(void);
void boot_load_modules(const char *directory);
// Mounts the plan's root and makes it ours. False: none could be mounted; we stay where we are.
bool boot_switch_root(const struct plan *plan);
// Pseudo-terminals; false when they were there already.
bool boot_mount_terminals(void);
void boot_mount_rest(void);
void boot_identity(const struct plan *plan);
// A name server that was learned (four bytes): for a guest whose plan has none.
void boot_name_server(const uint8_t *address);
// The terminal that the kernel's console is: `/dev/tty0`.
const char *boot_console(void);
// Does not return.
void power(const char *how) __attribute__((noreturn));

// ---- network (network.c, netlink.c) ---------------------------------------------------------------------------------

// The interfaces and routes of a plan.
void network_configure(const struct words *words);
// One interface: its name, then the words of its plan. NULL or an error message.
const char *network_interface(const char *name, char **words, size_t count);
// Takes an interface down, and away from its driver where it is one of virtio's. NULL or an error message.
const char *network_remove(const char *name);
// ip(8)'s words. Lines to show are appended; false: `output` is an error message instead.
bool network_command(char **words, size_t count, struct bytes *output);

struct address;
int network_change_address(unsigned index, const struct address *address, bool adds);
// `router` has four bytes.
void network_default_route(unsigned index, const uint8_t *router);

// ---- DHCP (dhcp.c) --------------------------------------------------------------------------------------------------

struct pollfd;
// NULL or an error message.
const char *dhcp_start(const char *name, unsigned index);
void dhcp_stop(const char *name);
size_t dhcp_poll(struct pollfd *list, size_t capacity);
void dhcp_ready(const struct pollfd *list, size_t count);
// Milliseconds until something is to be sent, -1: nothing.
int dhcp_timeout(void);

// ---- commands (command.c, execute.c) --------------------------------------------------------------------------------

// How a program is to be started.
struct execution {
    char **words;
    const char *user, *directory;
    char **environment;
    size_t environment_count;
    // Opened by the child itself and made its terminal.
    const char *terminal;
};

// In a child: becomes the program. On failure a message is written to `report`.
void execute(const struct execution *execution, int report) __attribute__((noreturn));

// Why a program could not be started: as a shell's status (127: not found), and for people.
struct failure {
    uint8_t status;
    char text[512];
};

// Starts a program with these descriptors as 0, 1, 2. -1: see `failure`.
pid_t execute_start(
    const struct execution *execution, const int streams[3], bool with_terminal, struct failure *failure);

struct command;
extern struct bytes output;
void command_run(uint32_t id, const struct words *words);
void command_data(uint32_t id, const uint8_t *data, size_t count);
void command_close(uint32_t id);
void command_credit(uint32_t id, uint8_t channel, uint32_t count);
void command_signal(uint32_t id, int number);
void command_resize(uint32_t id, uint16_t columns, uint16_t rows);
void command_cancel(uint32_t id);
void command_cancel_all(void);
// True: it was a command of ours.
bool command_reaped(pid_t pid, int status);

// What commands wait for: fills the list, answers with how many.
size_t command_poll(struct pollfd *list, size_t capacity);
void command_ready(const struct pollfd *list, size_t count);
// Milliseconds until a command is to be looked at again, -1: none.
int command_timeout(void);

// ---- the host (session.c, request.c) --------------------------------------------------------------------------------

// A new life, which nobody has said hello to.
void session_begin(void);
// Tells the host that we are there.
void session_announce(void);
// Takes what the channel has. False: it is gone.
bool session_read(void);
// Nobody is at its other end any more.
void session_lost(void);
// Writes what is queued, as far as the channel takes it; for so long at most.
void session_flush(void);
void session_flush_for(int milliseconds);
// Does what is asked for, and queues the answer.
void request_take(uint32_t id, const struct words *words);
void request_resize_console(uint16_t columns, uint16_t rows);

// ---- the guest's own program (program.c) ----------------------------------------------------------------------------

void program_start(void);
void program_ended(int status);
// Starts it again when it is time.
void program_ready(void);
// Milliseconds until that is to be called, -1: not for now.
int program_timeout(void);

// ---- the loop (loop.c) ----------------------------------------------------------------------------------------------

struct agent {
    bool is_init;
    int channel;
    const char *channel_name;
    const struct plan *plan;
    // The guest's own program: the plan's command, or a shell on the console; 0: none.
    pid_t main;
    bool restarts_main;
};

extern struct agent agent;
void loop_run(void) __attribute__((noreturn));
uint64_t now_milliseconds(void);

#endif
