/* SPDX-License-Identifier: MIT */
#include "consumer/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "consumer/batch.h"
#include "consumer/tail.h"

/*
 * stdout and --output. Consumers that share a file or a pipe take turns by a record lock on it, which belongs to
 * the process: so it works for those that inherited one description, too. The kernel drops it when they die.
 */

struct stream_sink {
    struct sink base;
    const char *name;
    int fd;
    int tail_fd;    /* reads what the file ends with; -1 where that does not matter */
    bool lockable;  /* a file or pipe that consumers may share */
    bool hangs_up;  /* tells when its reader has gone */
    bool owned;     /* a regular file of --output: what was written in part is taken back */
    bool ended;     /* we have written to it, and so ended what it ended with */
    off_t ended_at; /* of an owned file with delimiters: a size at which it ended with one; -1: not known */
    struct batch_writer *writer;
};

/* Returns 0, or -EINTR when an orderly end was asked for while waiting. */
static int lock_stream(const struct stream_sink *stream)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    while (stream->lockable && fcntl(stream->fd, F_SETLKW, &lock) < 0) {
        if (errno != EINTR)
            return 0; /* a file system without locks: nothing is lost but the turns */
        if (stop_requested)
            return -EINTR;
    }
    return 0;
}

static void unlock_stream(const struct stream_sink *stream)
{
    struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

    if (stream->lockable)
        (void)fcntl(stream->fd, F_SETLK, &lock);
}

/* Sees to it that the file ends with a delimiter. */
static int mend_owned(struct stream_sink *stream, off_t *size, const struct shmq_message *messages, size_t count)
{
    const struct framing *framing = &stream->base.options->framing;
    int result = 0;

    if (stream->tail_fd < 0)
        return 0;
    if (stream->ended_at >= 0)
        result = tail_cut(stream->fd, stream->tail_fd, size, stream->ended_at, framing);
    if (result == 0)
        result = tail_mend(stream->fd, stream->tail_fd, size, TAIL_CONSUMERS, framing, messages, count);
    if (result == 0)
        stream->ended_at = *size;
    return result;
}

/* Writes the batch; leaves the file as it was, and nothing done, if that fails. */
static int write_owned(struct stream_sink *stream, const struct shmq_message *messages, size_t count, size_t *done)
{
    struct stat status;
    int result;

    *done = 0;
    if (fstat(stream->fd, &status) < 0)
        return -errno;
    result = mend_owned(stream, &status.st_size, messages, count);
    if (result == 0)
        result = batch_write(stream->writer, messages, count, done);
    if (result < 0 && result != -EINTR && ftruncate(stream->fd, status.st_size) == 0)
        *done = 0;
    return result;
}

/* True if what is written now stands at the end of the file. */
static bool is_at_end(int fd, off_t size)
{
    return (fcntl(fd, F_GETFL) & O_APPEND) != 0 || lseek(fd, 0, SEEK_CUR) == size;
}

/*
 * Writes the batch to a stdout that is a regular file. What it ends with at first may be our caller's, and is left
 * alone unless it is known to be a message that was cut off.
 */
static int write_borrowed(struct stream_sink *stream, const struct shmq_message *messages, size_t count,
                          size_t *done)
{
    enum tail_owner owner = stream->ended ? TAIL_CONSUMERS : TAIL_ANYBODY;
    struct stat status;
    int result = 0;

    *done = 0;
    if (fstat(stream->fd, &status) == 0 && is_at_end(stream->fd, status.st_size))
        result = tail_mend(stream->fd, stream->tail_fd, &status.st_size, owner, &stream->base.options->framing,
                           messages, count);
    if (result == 0)
        result = batch_write(stream->writer, messages, count, done);
    stream->ended = result == 0;
    return result;
}

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

static enum sink_result stream_deliver(struct sink *sink, const struct shmq_message *messages, size_t count,
                                       size_t *done)
{
    struct stream_sink *stream = (struct stream_sink *)sink;
    int result;

    *done = 0;
    result = lock_stream(stream);
    if (result < 0)
        return SINK_STOPPED;
    if (stream->owned)
        result = write_owned(stream, messages, count, done);
    else if (stream->tail_fd >= 0)
        result = write_borrowed(stream, messages, count, done);
    else
        result = batch_write(stream->writer, messages, count, done);
    unlock_stream(stream);
    if (result == 0)
        return SINK_OK;
    /* What a pipe held when its reader went was read by nobody. */
    if (result == -EPIPE)
        *done = 0;
    return report(stream, result, *done < count ? &messages[*done] : messages);
}

static enum sink_result stream_check(struct sink *sink)
{
    struct stream_sink *stream = (struct stream_sink *)sink;
    struct pollfd state = {.fd = stream->fd};

    if (stream->hangs_up && poll(&state, 1, 0) == 1 && (state.revents & (POLLERR | POLLHUP)))
        return report(stream, -EPIPE, NULL);
    return SINK_OK;
}

static enum sink_result stream_close(struct sink *sink)
{
    struct stream_sink *stream = (struct stream_sink *)sink;
    enum sink_result result = SINK_OK;

    if (stream->tail_fd >= 0)
        close(stream->tail_fd);
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
    .check = stream_check,
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
    stream->lockable = S_ISREG(status.st_mode) || S_ISFIFO(status.st_mode);
    stream->hangs_up = S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode);
    stream->owned = file && S_ISREG(status.st_mode);
    if (S_ISREG(status.st_mode) && options->framing.kind == FRAMING_DELIMITER)
        stream->tail_fd = tail_open(file ? options->target : "/proc/self/fd/1", &status);
    stream->ended_at = stream->owned && stream->tail_fd >= 0
                           ? tail_ended(stream->tail_fd, status.st_size, &options->framing)
                           : -1;
    stream->writer = batch_writer_create(stream->fd, &options->framing);
    return stream->writer ? 0 : -ENOMEM;
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
    stream->tail_fd = -1;
    result = open_stream(stream);
    if (result == 0)
        return &stream->base;
    if (result != -EINTR)
        say_error("%s: cannot be opened for writing: %s", stream->name, strerror(-result));
    stream_close(&stream->base);
    return NULL;
}
