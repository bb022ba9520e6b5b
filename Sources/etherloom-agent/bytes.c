// SPDX-FileCopyrightText: 2026 The Etherloom authors
// SPDX-License-Identifier: Apache-2.0

// Queues of bytes, and lists of words.

#include "agent.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

size_t bytes_count(const struct bytes *bytes) { return bytes->end - bytes->start; }

const uint8_t *bytes_first(const struct bytes *bytes) { return bytes->data + bytes->start; }

void bytes_append(struct bytes *bytes, const void *data, size_t count) {
    if (count == 0) return;
    if (bytes->end + count > bytes->capacity) {
        size_t held = bytes_count(bytes);
        if (held > 0 && bytes->start > 0) memmove(bytes->data, bytes->data + bytes->start, held);
        bytes->start = 0;
        bytes->end = held;
        if (held + count > bytes->capacity) {
            size_t capacity = (held + count) * 2;
            uint8_t *memory = realloc(bytes->data, capacity);
            // Windows bound what is queued: without these bytes there is nothing left to do.
            if (memory == NULL) _exit(112);
            bytes->data = memory;
            bytes->capacity = capacity;
        }
    }
    memcpy(bytes->data + bytes->end, data, count);
    bytes->end += count;
}

void bytes_drop(struct bytes *bytes, size_t count) {
    bytes->start += count;
    if (bytes->start >= bytes->end) bytes->start = bytes->end = 0;
}

void bytes_free(struct bytes *bytes) {
    free(bytes->data);
    memset(bytes, 0, sizeof *bytes);
}

void bytes_print(struct bytes *bytes, const char *format, ...) {
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    int count = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (count < 0) return;
    bytes_append(bytes, line, (size_t)count < sizeof line ? (size_t)count : sizeof line - 1);
}

bool words_parse(struct words *words, const uint8_t *data, size_t count) {
    memset(words, 0, sizeof *words);
    if (count == 0 || data[count - 1] != 0) return false;
    size_t number = 0;
    for (size_t index = 0; index < count; index++) number += data[index] == 0;
    words->memory = malloc(count);
    // With one more for the NULL that exec wants.
    words->list = calloc(number + 1, sizeof *words->list);
    if (words->memory == NULL || words->list == NULL) {
        words_free(words);
        return false;
    }
    memcpy(words->memory, data, count);
    for (char *word = words->memory; word < words->memory + count; word += strlen(word) + 1) {
        words->list[words->count++] = word;
    }
    return true;
}

void words_free(struct words *words) {
    free(words->memory);
    free(words->list);
    memset(words, 0, sizeof *words);
}

const char *word_value(const char *word, const char *key) {
    size_t length = strlen(key);
    return strncmp(word, key, length) == 0 && word[length] == '=' ? word + length + 1 : NULL;
}

const char *words_value(const struct words *words, const char *key) {
    for (size_t index = 0; index < words->count; index++) {
        const char *value = word_value(words->list[index], key);
        if (value != NULL) return value;
    }
    return NULL;
}
