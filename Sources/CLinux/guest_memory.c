/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * The table of guarded regions and the handler of SIGBUS; see clinux_guest.h.
 *
 * The one table of the process: a signal handler can find nothing else. A slot is written by the thread that maps and unmaps,
 * while nobody touches the region, and only read by the handler. */
#include "CLinux.h"

#include <pthread.h>
#include <stdatomic.h>

/* Eight regions for each of 2048 ports; a page of the table takes memory only when it is used. */
#define GUARDS 16384

struct guard {
    _Atomic uintptr_t base; /* 0: free */
    _Atomic uintptr_t end;
    _Atomic int is_broken;
};

static struct guard guards[GUARDS];
static _Atomic int guard_limit; /* slots beyond were never used */
static pthread_mutex_t guards_lock = PTHREAD_MUTEX_INITIALIZER;
static int handler_result = 1; /* 1: not installed yet */
static struct sigaction previous;

static void pass_on(int number, siginfo_t *info, void *context) {
    if (previous.sa_flags & SA_SIGINFO) {
        if (previous.sa_sigaction) previous.sa_sigaction(number, info, context);
    } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
        previous.sa_handler(number);
    } else {
        /* The instruction runs into it again, or the signal is sent again, and the process ends as it would have. */
        signal(number, SIG_DFL);
        if (info->si_code <= 0) raise(number);
    }
}

static void on_bus_error(int number, siginfo_t *info, void *context) {
    int saved = errno;
    uintptr_t address = (uintptr_t)info->si_addr;
    if (info->si_code > 0) {
        int limit = atomic_load(&guard_limit);
        for (int i = 0; i < limit; i++) {
            uintptr_t base = atomic_load(&guards[i].base);
            uintptr_t end = atomic_load(&guards[i].end);
            /* A slot that is being given to another region meanwhile is not the one looked for. */
            if (base == 0 || address < base || address >= end || atomic_load(&guards[i].base) != base) continue;
            void *memory = mmap(
                (void *)base, end - base, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
            if (memory == MAP_FAILED) break;
            atomic_store(&guards[i].is_broken, 1);
            errno = saved;
            return;
        }
    }
    pass_on(number, info, context);
    errno = saved;
}

static int install(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGBUS, &action, &previous) < 0) return -errno;
    return 0;
}

int cel_guard_add(void *base, size_t size) {
    int result = -ENOSPC;
    pthread_mutex_lock(&guards_lock);
    if (handler_result > 0) handler_result = install();
    if (handler_result < 0) result = handler_result;
    for (int i = 0; handler_result == 0 && i < GUARDS; i++) {
        if (atomic_load(&guards[i].base) != 0) continue;
        atomic_store(&guards[i].is_broken, 0);
        atomic_store(&guards[i].end, (uintptr_t)base + size);
        atomic_store(&guards[i].base, (uintptr_t)base);
        if (i >= atomic_load(&guard_limit)) atomic_store(&guard_limit, i + 1);
        result = i;
        break;
    }
    pthread_mutex_unlock(&guards_lock);
    return result;
}

void cel_guard_remove(int guard) {
    if (guard < 0 || guard >= GUARDS) return;
    pthread_mutex_lock(&guards_lock);
    atomic_store(&guards[guard].base, 0);
    pthread_mutex_unlock(&guards_lock);
}

int cel_guard_is_broken(int guard) {
    return guard >= 0 && guard < GUARDS && atomic_load_explicit(&guards[guard].is_broken, memory_order_relaxed);
}
