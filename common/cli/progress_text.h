/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_PROGRESS_TEXT_H
#define SHMQ_CLI_PROGRESS_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* What a status line tells. The programs have it in one form: "1.2 M in (345 k/s), 1.1 M out (300 k/s), 5.5 MB/s
 * [######----] 60 % full, 63 % done, 12 s left: why it stands still". */
struct progress_view {
    uint64_t in; /* messages */
    uint64_t out;
    double in_rate; /* a second */
    double out_rate;
    double byte_rate;  /* negative: not known */
    int fill_percent;  /* negative: not known */
    int done_percent;  /* negative: not known */
    int64_t left_ns;   /* negative: not known */
    const char *extra; /* "": nothing */
    const char *still; /* why nothing moves; "": something does, or nobody knows */
};

enum { PROGRESS_TEXT_BYTES = 1024 };

/*
 * Writes the line. What matters least is left out, and then cut, where it does not fit.
 *
 * @name     what stands before it, such as "producer: ", if there is room; "": nothing
 * @columns  the most that it may take, from 1; SIZE_MAX: any length
 *
 * Return: @text.
 */
char *progress_text(const struct progress_view *view, const char *name, size_t columns,
                    char text[static PROGRESS_TEXT_BYTES]);

#endif
