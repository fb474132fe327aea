/* SPDX-License-Identifier: MIT */
#include "consumer/sinks/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "consumer/append_file.h"
#include "consumer/batch.h"
#include "consumer/record_lock.h"

/*
 * stdout and --output. Consumers that share a file or a pipe take turns; append_file.c has what is particular to
 * files.
 *
 * In a pipe, writes of up to PIPE_BUF bytes are atomic. So, where others have the pipe, too, messages that are no
 * longer are written in pieces of so many bytes at the most, under a lock of a byte of the writer's own, which
 * keeps out only those that write a longer message and lock all turns. Who is stopped in such a write holds up
 * nobody else who writes short messages. Larger pieces cost less: who is alone writes those.
 *
 * Locks of a pipe:
 *   a turn      a byte for each process, or all
 *   a presence  a byte for each process that has the pipe to write to, as long as it has it
 */

#define PRESENCE_START ((off_t)1 << 62)

static const struct record_range all_turns = {0, PRESENCE_START};
static const struct record_range all_presences = {PRESENCE_START, 0};

struct stream_sink {
    struct sink base;
    const char *name;
    int fd;
    bool is_file; /* a regular one */
    bool is_pipe;
    bool hangs_up; /* tells when its reader has gone */
    struct append_file file;
    struct batch_writer *writer;
};

static enum sink_result report(const struct stream_sink *stream, int error, const struct shmq_message *message)
{
    char id[SHMQ_ID_SIZE];

    switch (error) {
    case -EINTR:
        return SINK_STOPPED;
    case -EPIPE:
        say_error("%s: its reader has ended (what was not written stays in the queue)", stream->name);
        return SINK_FAILED;
    case -EMSGSIZE:
        shmq_message_id(stream->base.handle, message, id);
        say_error("%s: message %s of %zu bytes does not fit into --length-prefixed (it stays in the queue)",
                  stream->name, id, message->length);
        return SINK_FAILED;
    default:
        say_error("%s: cannot be written: %s (what was not written stays in the queue)", stream->name,
                  strerror(-error));
        return SINK_FAILED;
    }
}

static enum sink_result result_of(const struct stream_sink *stream, enum append_result result,
                                  const struct shmq_message *next)
{
    switch (result) {
    case APPEND_STOPPED:
        return SINK_STOPPED;
    case APPEND_FAILED:
        return SINK_FAILED;
    case APPEND_TOO_LONG:
        return report(stream, -EMSGSIZE, next);
    case APPEND_DAMAGED:
        return SINK_DAMAGED;
    case APPEND_OK:
        break;
    }
    return SINK_OK;
}

static bool are_short(const struct stream_sink *stream, const struct shmq_message *messages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (framing_size(&stream->base.options->framing, &messages[i]) > PIPE_BUF)
            return false;
    }
    return true;
}

static int write_pipe(const struct stream_sink *stream, const struct shmq_message *messages, size_t count,
                      size_t *done)
{
    const bool pieces = record_lock_is_held(stream->fd, all_presences) && are_short(stream, messages, count);
    const struct record_range range = pieces ? (struct record_range){getpid(), 1} : all_turns;
    const int locked = record_lock_take(stream->fd, range);
    int result;

    *done = 0;
    if (locked == -EINTR)
        return locked;
    batch_writer_limit(stream->writer, pieces ? PIPE_BUF : 0);
    result = batch_write(stream->writer, messages, count, done);
    if (locked == 0)
        record_lock_drop(stream->fd, range);
    return result;
}

static enum sink_result stream_deliver(struct sink *sink, const struct shmq_message *messages, size_t count,
                                       size_t *done)
{
    struct stream_sink *stream = (struct stream_sink *)sink;
    int result;

    if (stream->is_file) {
        stream->file.handle = sink->handle;
        return result_of(stream, append_file_write(&stream->file, messages, count, done), messages + *done);
    }
    if (stream->is_pipe)
        result = write_pipe(stream, messages, count, done);
    else
        result = batch_write(stream->writer, messages, count, done);
    if (result == 0)
        return SINK_OK;
    /* What a pipe held when its reader went was read by nobody. */
    if (result == -EPIPE)
        *done = 0;
    return report(stream, result, *done < count ? &messages[*done] : messages);
}

static void stream_acknowledged(struct sink *sink)
{
    struct stream_sink *stream = (struct stream_sink *)sink;

    if (stream->is_file)
        append_file_end_turn(&stream->file);
}

static enum sink_result stream_verify(struct sink *sink)
{
    struct stream_sink *stream = (struct stream_sink *)sink;

    if (!stream->is_file)
        return SINK_OK;
    stream->file.handle = sink->handle;
    return append_file_verify(&stream->file) == APPEND_OK ? SINK_OK : SINK_FAILED;
}

static enum sink_result stream_check(struct sink *sink)
{
    struct stream_sink *stream = (struct stream_sink *)sink;
    struct pollfd state = {.fd = stream->fd};

    if (stream->hangs_up && poll(&state, 1, 0) == 1 && (state.revents & (POLLERR | POLLHUP)))
        return report(stream, -EPIPE, NULL);
    return stream_verify(sink);
}

static enum sink_result stream_close(struct sink *sink)
{
    struct stream_sink *stream = (struct stream_sink *)sink;
    enum sink_result result = SINK_OK;

    if (stream->is_file)
        append_file_close(&stream->file);
    /* Some file systems tell only now that there is no room. */
    if (stream->fd >= 0 && close(stream->fd) < 0 && errno != EINTR) {
        say_error("%s: cannot be completed: %s (the last messages may be missing in it)", stream->name,
                  strerror(errno));
        result = SINK_FAILED;
    }
    batch_writer_destroy(stream->writer);
    free(stream);
    return result;
}

static const struct sink_operations stream_operations = {
    .deliver = stream_deliver,
    .acknowledged = stream_acknowledged,
    .check = stream_check,
    .verify = stream_verify,
    .close = stream_close,
};

static int open_file(struct stream_sink *stream, const char *path)
{
    do {
        stream->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
    } while (stream->fd < 0 && errno == EINTR && !stop_requested);
    return stream->fd < 0 ? -errno : 0;
}

/* A stdout that was closed is not reported by the system until the queue has its number. */
static int use_stdout(struct stream_sink *stream)
{
    int flags = fcntl(STDOUT_FILENO, F_GETFL);

    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
        return -EBADF;
    stream->fd = STDOUT_FILENO;
    return 0;
}

static int open_stream(struct stream_sink *stream)
{
    const struct consumer_options *options = stream->base.options;
    bool file = options->sink == SINK_OUTPUT;
    struct stat status;
    int result = file ? open_file(stream, options->target) : use_stdout(stream);

    if (result < 0)
        return result;
    if (fstat(stream->fd, &status) < 0)
        return -errno;
    stream->is_file = S_ISREG(status.st_mode);
    stream->is_pipe = S_ISFIFO(status.st_mode);
    stream->hangs_up = S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode);
    if (stream->is_pipe)
        record_lock_try(stream->fd, (struct record_range){PRESENCE_START + getpid(), 1});
    stream->writer = batch_writer_create(stream->fd, &options->framing);
    if (!stream->writer)
        return -ENOMEM;
    if (stream->is_file)
        append_file_init(&stream->file, stream->fd, file ? options->target : NULL, &status, stream->writer);
    return 0;
}

struct sink *sink_stream_open(const struct consumer_options *options, struct tally *tally)
{
    struct stream_sink *stream = calloc(1, sizeof(*stream));
    int result;

    if (!stream) {
        say_error("memory: %s", strerror(ENOMEM));
        return NULL;
    }
    stream->base = (struct sink){.operations = &stream_operations, .options = options, .tally = tally};
    stream->name = options->sink == SINK_OUTPUT ? options->target : "stdout";
    stream->fd = -1;
    result = open_stream(stream);
    if (result == 0)
        return &stream->base;
    if (result != -EINTR)
        say_error("%s: cannot be opened for writing: %s", stream->name, strerror(-result));
    stream_close(&stream->base);
    return NULL;
}
