/* SPDX-License-Identifier: MIT */
#include "consumer/captured_output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_ROOM ((size_t)4096)
#define CHUNK_BYTES ((size_t)256 * 1024)

void captured_output_init(struct captured_output *output)
{
    *output = (struct captured_output){.fd = -1};
}

void captured_output_reset(struct captured_output *output)
{
    if (output->fd >= 0)
        close(output->fd);
    output->fd = -1;
    output->in_file = 0;
    output->used = 0;
}

void captured_output_free(struct captured_output *output)
{
    captured_output_reset(output);
    free(output->memory);
    captured_output_init(output);
}

const char *captured_output_folder(void)
{
    const char *folder = getenv("TMPDIR");

    return folder && *folder ? folder : "/tmp";
}

/* Where the file system has no files without a name: one that loses its name at once. */
static int open_unlinked(const char *folder)
{
    char *path;
    int fd;

    if (asprintf(&path, "%s/shmq-output-XXXXXX", folder) < 0)
        return -ENOMEM;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        fd = -errno;
    else
        unlink(path);
    free(path);
    return fd;
}

static int open_temporary(void)
{
    const char *folder = captured_output_folder();
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);

    if (fd >= 0)
        return fd;
    return errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL || errno == ENOENT ? open_unlinked(folder)
                                                                                        : -errno;
}

/* Moves what is in memory to the temporary file. */
static int spill(struct captured_output *output)
{
    const unsigned char *from = output->memory;

    if (output->fd < 0) {
        int fd = open_temporary();

        if (fd < 0)
            return fd;
        output->fd = fd;
    }
    while (output->used > 0) {
        ssize_t bytes = pwrite(output->fd, from, output->used, (off_t)output->in_file);

        if (bytes < 0 && errno == EINTR)
            continue;
        if (bytes <= 0)
            return bytes < 0 ? -errno : -ENOSPC;
        from += bytes;
        output->in_file += (uint64_t)bytes;
        output->used -= (size_t)bytes;
    }
    return 0;
}

/* Makes sure that at least one more byte fits into memory. */
static int make_room(struct captured_output *output)
{
    size_t room = output->room == 0 ? FIRST_ROOM : output->room * 2;
    unsigned char *memory;

    if (output->used < output->room)
        return 0;
    if (output->room == CAPTURED_MEMORY_BYTES)
        return spill(output);
    memory = realloc(output->memory, room);
    if (!memory)
        return -ENOMEM;
    output->memory = memory;
    output->room = room;
    return 0;
}

int captured_output_add(struct captured_output *output, const void *data, size_t length)
{
    const unsigned char *from = data;

    while (length > 0) {
        int result = make_room(output);
        size_t step = output->room - output->used;

        if (result < 0)
            return result;
        step = length < step ? length : step;
        memcpy(output->memory + output->used, from, step);
        output->used += step;
        from += step;
        length -= step;
    }
    return 0;
}

int captured_output_read(struct captured_output *output, int pipe, size_t most, bool *ended)
{
    *ended = false;
    while (most > 0) {
        int result = make_room(output);
        size_t step = output->room - output->used;
        ssize_t bytes;

        if (result < 0)
            return result;
        bytes = read(pipe, output->memory + output->used, most < step ? most : step);
        if (bytes > 0) {
            output->used += (size_t)bytes;
            most -= (size_t)bytes;
        } else if (bytes == 0) {
            *ended = true;
            return 0;
        } else if (errno == EAGAIN) {
            return 0;
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

static int visit_file(const struct captured_output *output, captured_output_visitor *visit, void *context)
{
    unsigned char *chunk = malloc(CHUNK_BYTES);
    uint64_t at = 0;
    int result = chunk ? 0 : -ENOMEM;

    while (result == 0 && at < output->in_file) {
        const uint64_t left = output->in_file - at;
        const ssize_t bytes = pread(output->fd, chunk, left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES, (off_t)at);

        if (bytes > 0) {
            at += (uint64_t)bytes;
            result = visit(context, chunk, (size_t)bytes);
        } else if (bytes == 0 || errno != EINTR) {
            result = bytes == 0 ? -EIO : -errno;
        }
    }
    free(chunk);
    return result;
}

int captured_output_visit(struct captured_output *output, captured_output_visitor *visit, void *context)
{
    int result = output->in_file > 0 ? visit_file(output, visit, context) : 0;

    return result == 0 && output->used > 0 ? visit(context, output->memory, output->used) : result;
}
