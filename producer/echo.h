/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_PRODUCER_ECHO_H
#define SHMQ_PRODUCER_ECHO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

enum { ECHO_BYTES = 64 * 1024 };

/* --echo: what was put, on stdout. */
struct echo {
    const char *prefix; /* NULL: nothing is echoed */
    size_t prefix_length;
    bool at_once; /* somebody watches */
    size_t filled;
    char buffer[ECHO_BYTES];
};

void echo_init(struct echo *echo, const char *prefix, bool at_once);
/* Prints the prefix and each of @count messages as a line. Returns 0 or -errno of the write. */
int echo_messages(struct echo *echo, const struct iovec *messages, size_t count);
/* Writes what is still held back. Returns 0 or -errno. */
int echo_flush(struct echo *echo);

#endif
