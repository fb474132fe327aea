/* SPDX-License-Identifier: MIT */
#include "producer/echo.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

void echo_init(struct echo *echo, const char *prefix, bool at_once)
{
    echo->prefix = prefix;
    echo->prefix_length = prefix != NULL ? strlen(prefix) : 0;
    echo->at_once = at_once || isatty(STDOUT_FILENO) != 0;
    echo->filled = 0;
}

static int write_all(const char *data, size_t length)
{
    while (length > 0) {
        ssize_t written = write(STDOUT_FILENO, data, length);
        if (written >= 0) {
            data += written;
            length -= (size_t)written;
        } else if (errno == EAGAIN) {
            struct pollfd writable = {.fd = STDOUT_FILENO, .events = POLLOUT};
            poll(&writable, 1, -1);
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

int echo_flush(struct echo *echo)
{
    size_t filled = echo->filled;
    echo->filled = 0;
    return write_all(echo->buffer, filled);
}

static int add(struct echo *echo, const void *data, size_t length)
{
    if (length == 0)
        return 0;
    if (length > ECHO_BYTES - echo->filled) {
        int error = echo_flush(echo);
        if (error != 0)
            return error;
    }
    if (length > ECHO_BYTES)
        return write_all(data, length);
    memcpy(echo->buffer + echo->filled, data, length);
    echo->filled += length;
    return 0;
}

int echo_messages(struct echo *echo, const struct iovec *messages, size_t count)
{
    if (echo->prefix == NULL)
        return 0;
    for (size_t i = 0; i < count; i++) {
        int error = add(echo, echo->prefix, echo->prefix_length);
        if (error == 0)
            error = add(echo, messages[i].iov_base, messages[i].iov_len);
        if (error == 0)
            error = add(echo, "\n", 1);
        if (error != 0)
            return error;
    }
    return echo->at_once ? echo_flush(echo) : 0;
}
