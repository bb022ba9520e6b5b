/* SPDX-FileCopyrightText: 2026 The Etherloom authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * getopt_long_only(3), which keeps its state in globals that Swift may not touch. */
#ifndef ETHERLOOM_CLINUX_GETOPT_H
#define ETHERLOOM_CLINUX_GETOPT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <getopt.h>
#include <string.h>

struct cel_long_option {
    const char *name;
    int takes_value;
    int letter;
};
#define CEL_LONG_OPTIONS_MAX 64

/* The next option's letter, '?' for one that is wrong, or -1 at the end. *value: its value or NULL; *index: after -1,
 * where the operands begin; after '?', behind the word that is wrong. *wrong: after '?', the option's letter, or 0 for a
 * long option that is not known. The first call says `restart`. */
static inline int cel_getopt_next(
    int count, char **vector, const char *letters, const struct cel_long_option *longs, int long_count, int single_dash,
    int restart, const char **value, int *index, int *wrong) {
    struct option options[CEL_LONG_OPTIONS_MAX + 1];
    memset(options, 0, sizeof options);
    for (int i = 0; i < long_count && i < CEL_LONG_OPTIONS_MAX; i++) {
        options[i].name = longs[i].name;
        options[i].has_arg = longs[i].takes_value ? required_argument : no_argument;
        options[i].val = longs[i].letter;
    }
    if (restart) optind = 0;
    /* The caller says what is wrong. */
    opterr = 0;
    int letter = single_dash ? getopt_long_only(count, vector, letters, options, NULL)
                             : getopt_long(count, vector, letters, options, NULL);
    *value = optarg;
    *index = optind;
    *wrong = optopt;
    return letter;
}

#endif
