/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_ECHO_H
#define SHMQ_PRODUCER_ECHO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

enum { ECHO_BYTES = 64 * 1024 };

/* --echo: prints the messages that were put to stdout. */
struct echo {
    const char *prefix; /* NULL: no echo */
    size_t prefix_length;
    bool at_once; /* flush after each call: stdout is a terminal or messages are paced */
    size_t filled;
    char buffer[ECHO_BYTES];
};

void echo_init(struct echo *echo, const char *prefix, bool at_once);
/* Prints each of @count messages as a line after the prefix. Returns 0 or -errno of the write. */
int echo_messages(struct echo *echo, const struct iovec *messages, size_t count);
/* Writes what is buffered. Returns 0 or -errno of the write. */
int echo_flush(struct echo *echo);

#endif
