/* SPDX-License-Identifier: MIT */
#include "producer/input.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cli/say.h"
#include "common/cli/stop.h"

enum { PIPE_BYTES = 1024 * 1024 };

const char *input_label(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

static enum flow fail(struct input *input, struct publisher *publisher, const char *what, int error)
{
    publisher->may_pass = error_may_pass(error);
    return publisher_fail(publisher, EXIT_FAILED, "%s: %s: %s", input->label, what, strerrordesc_np(error));
}

static int open_path(const char *path)
{
    if (strcmp(path, "-") == 0)
        return STDIN_FILENO;
    /* Without O_NONBLOCK, opening a FIFO blocks until it has a writer, and a signal just before that is missed. */
    int fd;
    do {
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

static enum flow go_to(struct input *input, struct publisher *publisher, uint64_t begin)
{
    off_t at =
        input->fd == STDIN_FILENO ? lseek(input->fd, 0, SEEK_CUR) : lseek(input->fd, (off_t)begin, SEEK_SET);
    if (at < 0)
        return fail(input, publisher, "cannot be positioned", errno);
    input->begin = input->offset = (uint64_t)at;
    posix_fadvise(input->fd, at, 0, POSIX_FADV_SEQUENTIAL);
    return FLOW_CONTINUE;
}

enum flow input_open(struct input *input, struct publisher *publisher, const char *path, struct range range)
{
    *input = (struct input){
        .path = path, .label = input_label(path), .end = range.end, .least = range.least, .base = range.base};
    input->fd = open_path(path);
    if (input->fd < 0)
        return fail(input, publisher, "cannot be opened", errno);
    struct stat st;
    if (fstat(input->fd, &st) != 0)
        return fail(input, publisher, "cannot be examined", errno);
    input->regular = S_ISREG(st.st_mode);
    publisher->rereadable = input->regular;
    if (input->regular) {
        input->size = (uint64_t)st.st_size;
        return go_to(input, publisher, range.begin);
    }
    /* Allows larger reads. It fails harmlessly if the user's quota of pipe memory is used up. */
    if (S_ISFIFO(st.st_mode))
        fcntl(input->fd, F_SETPIPE_SZ, PIPE_BYTES);
    return FLOW_CONTINUE;
}

static enum flow await_readable(struct input *input, struct publisher *publisher)
{
    for (;;) {
        publisher_tick(publisher);
        if (stop_requested != 0)
            return FLOW_END;
        int ready = stop_wait_fd(input->fd, POLLIN, publisher_next_tick_ns(publisher));
        if (ready > 0)
            return FLOW_CONTINUE;
        if (ready < 0 && ready != -EINTR)
            return fail(input, publisher, "cannot be waited for", -ready);
    }
}

/* A truncated file is an error: a resumed run, or the producer of another part, relies on its former size. */
static enum flow check_end(const struct input *input, struct publisher *publisher)
{
    if (!input->regular || input->offset >= input->least)
        return FLOW_CONTINUE;
    return publisher_fail(publisher, EXIT_FAILED,
                          "%s: has become shorter while it was read: it ends at byte %" PRIu64
                          " instead of %" PRIu64 " (what was read is in the queue)",
                          input->label, input->offset, input->least);
}

enum flow input_read(struct input *input, struct publisher *publisher, void *buffer, size_t size, size_t *got)
{
    *got = 0;
    if (size > input->end - input->offset)
        size = (size_t)(input->end - input->offset);
    if (size == 0)
        return FLOW_CONTINUE;
    int error = echo_flush(&publisher->echo);
    if (error != 0)
        return publisher_fail(publisher, EXIT_FAILED, "standard output: cannot be written: %s",
                              strerrordesc_np(-error));
    for (;;) {
        enum flow flow = input->regular ? FLOW_CONTINUE : await_readable(input, publisher);
        if (flow != FLOW_CONTINUE)
            return flow;
        if (stop_requested != 0)
            return FLOW_END;
        ssize_t result = read(input->fd, buffer, size);
        if (result >= 0) {
            input->offset += (uint64_t)result;
            *got = (size_t)result;
            return result == 0 ? check_end(input, publisher) : FLOW_CONTINUE;
        }
        if (errno != EINTR && errno != EAGAIN)
            return fail(input, publisher, "cannot be read", errno);
    }
}

enum flow input_close(struct input *input, struct publisher *publisher, uint64_t unused, enum flow flow)
{
    const bool lost = !input->regular && input->fd >= 0 && unused < input->offset;
    if (input->fd != STDIN_FILENO) {
        if (input->fd >= 0)
            close(input->fd);
    } else if (input->regular) {
        lseek(input->fd, (off_t)unused, SEEK_SET);
    }
    input->fd = -1;
    if (!lost)
        return flow;
    /* With --count, reading ahead is normal, as with head(1). */
    const uint64_t bytes = input->offset - unused;
    if (stop_requested != 0 && publisher->status == EXIT_DONE)
        return publisher_fail(publisher, EXIT_FAILED,
                              "%s: %" PRIu64
                              " byte%s read but could not be put before the signal (the queue was full; start "
                              "consumers first)",
                              input->label, bytes, bytes == 1 ? " was" : "s were");
    say_detail("%s: %" PRIu64 " byte%s read ahead but not put", input->label, bytes,
               bytes == 1 ? " was" : "s were");
    return flow;
}

enum flow input_set_mark(const struct input *input, struct publisher *publisher, uint64_t offset, const void *end,
                         uint64_t size)
{
    return publisher_set_mark(publisher, input->base + (offset - input->begin), end, size);
}

uint64_t input_left(const struct input *input)
{
    uint64_t end = input->size < input->end ? input->size : input->end;
    return end > input->offset ? end - input->offset : 0;
}

bool input_count_before(const struct input *input, uint64_t offset, unsigned char delimiter, uint64_t *count)
{
    unsigned char buffer[64 * 1024];
    uint64_t found = 0;
    if (!input->regular)
        return false;
    for (uint64_t at = 0; at < offset;) {
        if (stop_requested != 0)
            return false;
        size_t size = offset - at < sizeof(buffer) ? (size_t)(offset - at) : sizeof(buffer);
        ssize_t got = pread(input->fd, buffer, size, (off_t)at);
        if (got <= 0)
            return false;
        const unsigned char *next = buffer;
        const unsigned char *end = buffer + got;
        while ((next = memchr(next, delimiter, (size_t)(end - next))) != NULL) {
            next++;
            found++;
        }
        at += (uint64_t)got;
    }
    *count = found;
    return true;
}
