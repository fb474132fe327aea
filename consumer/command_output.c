/* SPDX-License-Identifier: MIT */
#include "consumer/command_output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Read at a time from one stream, so that the other one and the command's end are looked at in between. */
#define READ_BYTES ((size_t)1024 * 1024)

#define CHUNK_BYTES ((size_t)64 * 1024)

int command_output_init(struct command_output *output, const struct consumer_options *options)
{
    *output = (struct command_output){.by_lines = options->output_mode == OUTPUT_BY_LINES,
                                      .all_kept = options->results != NULL};
    for (int i = 0; i < COMMAND_STREAMS; i++) {
        struct command_stream *stream = &output->streams[i];

        output_turn_init(&stream->turn, i == 0 ? STDOUT_FILENO : STDERR_FILENO);
        stream->turn.grace_ns = options->common.shmq.grace_ns;
        stream->pipe[0] = stream->pipe[1] = -1;
        captured_output_init(&stream->kept);
        captured_output_init(&stream->all);
    }
    output->chunk = malloc(CHUNK_BYTES);
    if (options->tagged)
        output->lines = malloc(sizeof(*output->lines));
    return !output->chunk || (options->tagged && !output->lines) ? -ENOMEM : 0;
}

static void close_end(int *end)
{
    if (*end >= 0)
        close(*end);
    *end = -1;
}

void command_output_free(struct command_output *output)
{
    for (int i = 0; i < COMMAND_STREAMS; i++) {
        close_end(&output->streams[i].pipe[0]);
        close_end(&output->streams[i].pipe[1]);
        captured_output_free(&output->streams[i].kept);
        captured_output_free(&output->streams[i].all);
    }
    free(output->lines);
    free(output->chunk);
    output->lines = NULL;
    output->chunk = NULL;
}

static void fail(struct command_output *output, const char *where, int error)
{
    if (output->is_broken)
        return;
    output->error = error;
    output->failed = where;
    output->is_broken = error != -EINTR;
}

/* ------------------------------------------------------------------ a command begins */

void command_output_begin(struct command_output *output, struct shmq *handle, const struct shmq_message *message,
                          const char *id)
{
    output->error = 0;
    output->is_broken = false;
    if (output->lines)
        line_tag_of_message(&output->tag, message->data, message->length, id);
    for (int i = 0; i < COMMAND_STREAMS; i++) {
        struct command_stream *stream = &output->streams[i];

        stream->turn.handle = handle;
        stream->bytes = 0;
        captured_output_reset(&stream->kept);
        captured_output_reset(&stream->all);
    }
}

int command_output_open(struct command_output *output)
{
    for (int i = 0; i < COMMAND_STREAMS; i++) {
        struct command_stream *stream = &output->streams[i];

        if (pipe2(stream->pipe, O_CLOEXEC) < 0) {
            int error = -errno;

            stream->pipe[0] = stream->pipe[1] = -1;
            command_output_started(output);
            command_output_close(output);
            return error;
        }
        (void)fcntl(stream->pipe[0], F_SETFL, O_NONBLOCK);
    }
    return 0;
}

void command_output_started(struct command_output *output)
{
    for (int i = 0; i < COMMAND_STREAMS; i++)
        close_end(&output->streams[i].pipe[1]);
}

void command_output_poll(const struct command_output *output, struct pollfd *events)
{
    for (int i = 0; i < COMMAND_STREAMS; i++)
        events[i] = (struct pollfd){.fd = output->streams[i].pipe[0], .events = POLLIN};
}

/* ------------------------------------------------------------------ writing */

/* A captured_output_visitor and a line_tag_writer. */
static int write_to_turn(void *context, const void *data, size_t length)
{
    return output_turn_write(context, data, length);
}

/* A captured_output_visitor. */
static int add_to_lines(void *context, const void *data, size_t length)
{
    return tagged_lines_add(context, data, length);
}

/* Puts what is kept of a stream through the tags. @writer: NULL: only counts the bytes. */
static int tag_kept(struct command_output *output, struct command_stream *stream, line_tag_writer *writer,
                    struct output_turn *turn)
{
    int error;

    tagged_lines_init(output->lines, &output->tag, writer, turn);
    error = captured_output_visit(&stream->kept, add_to_lines, output->lines);
    return error == 0 ? tagged_lines_end(output->lines) : error;
}

/* Bytes that a stream's block will have. */
static int measure(struct command_output *output, struct command_stream *stream, uint64_t *bytes)
{
    int error = 0;

    *bytes = captured_output_bytes(&stream->kept);
    if (output->lines && *bytes > 0) {
        error = tag_kept(output, stream, NULL, NULL);
        *bytes = output->lines->bytes;
    }
    return error;
}

static int write_block(struct command_output *output, struct command_stream *stream, struct output_turn *turn)
{
    if (output->lines)
        return tag_kept(output, stream, write_to_turn, turn);
    return captured_output_visit(&stream->kept, write_to_turn, turn);
}

/* Writes what is kept of @count streams, which are one file, in one turn. */
static void write_streams(struct command_output *output, struct command_stream *streams, int count)
{
    struct output_turn *turn = &streams[0].turn;
    uint64_t total = 0;
    int error = 0;

    for (int i = 0; i < count && error == 0; i++) {
        uint64_t bytes = 0;

        error = measure(output, &streams[i], &bytes);
        total += bytes;
    }
    if (error == 0 && total == 0)
        return;
    if (error == 0)
        error = output_turn_take(turn, total);
    if (error == 0) {
        for (int i = 0; i < count && error == 0; i++)
            error = write_block(output, &streams[i], turn);
        output_turn_end(turn, error == 0);
    }
    if (error < 0)
        fail(output, turn->name, error);
}

/* A last line without a newline would go on with the next command's first one. */
static void end_last_line(struct command_output *output)
{
    for (int i = 0; i < COMMAND_STREAMS; i++) {
        struct captured_output *kept = &output->streams[i].kept;
        int error = captured_output_bytes(kept) > 0 && !captured_output_ends_line(kept)
                        ? captured_output_add(kept, "\n", 1)
                        : 0;

        if (error < 0)
            fail(output, captured_output_folder(), error);
    }
}

int command_output_write(struct command_output *output)
{
    struct command_stream *streams = output->streams;

    if (output->error == -EINTR) /* only some lines could not be written when they came */
        output->error = 0;
    if (output->by_lines && output->error == 0)
        end_last_line(output);
    if (output->error == 0 && output_turn_is_same(&streams[0].turn, &streams[1].turn)) {
        write_streams(output, streams, COMMAND_STREAMS);
    } else {
        for (int i = 0; i < COMMAND_STREAMS && output->error == 0; i++)
            write_streams(output, &streams[i], 1);
    }
    return output->error;
}

/* ------------------------------------------------------------------ reading */

/* Keeps what was read by lines, and writes it up to the last newline. */
static void take_lines(struct command_output *output, struct command_stream *stream, size_t length)
{
    const char *newline = memrchr(output->chunk, '\n', length);
    const size_t whole = newline ? (size_t)(newline - output->chunk) + 1 : 0;
    int error = captured_output_add(&stream->kept, output->chunk, whole);

    if (error == 0 && whole > 0 && output->error == 0) {
        write_streams(output, stream, 1);
        if (output->error == 0)
            captured_output_reset(&stream->kept);
    }
    if (error == 0)
        error = captured_output_add(&stream->kept, output->chunk + whole, length - whole);
    if (error == 0 && output->all_kept)
        error = captured_output_add(&stream->all, output->chunk, length);
    if (error < 0)
        fail(output, captured_output_folder(), error);
}

static ssize_t read_chunk(struct command_output *output, const struct command_stream *stream, size_t most)
{
    ssize_t bytes;

    do {
        bytes = read(stream->pipe[0], output->chunk, most < CHUNK_BYTES ? most : CHUNK_BYTES);
    } while (bytes < 0 && errno == EINTR);
    return bytes < 0 ? -errno : bytes;
}

/* What comes after an error is dropped, so that the command does not wait for us until it is ended. */
static void read_by_chunk(struct command_output *output, struct command_stream *stream, size_t most)
{
    while (most > 0) {
        const ssize_t bytes = read_chunk(output, stream, most);

        if (bytes == 0)
            close_end(&stream->pipe[0]);
        if (bytes <= 0)
            return;
        stream->bytes += (uint64_t)bytes;
        most -= (size_t)bytes;
        if (!output->is_broken)
            take_lines(output, stream, (size_t)bytes);
    }
}

static void read_whole(struct command_output *output, struct command_stream *stream, size_t most)
{
    bool ended;
    int error = captured_output_read(&stream->kept, stream->pipe[0], most, &ended);

    stream->bytes = captured_output_bytes(&stream->kept);
    if (ended)
        close_end(&stream->pipe[0]);
    if (error < 0)
        fail(output, captured_output_folder(), error);
}

static void read_stream(struct command_output *output, struct command_stream *stream, size_t most)
{
    if (output->by_lines || output->is_broken)
        read_by_chunk(output, stream, most);
    else
        read_whole(output, stream, most);
}

void command_output_read(struct command_output *output, const struct pollfd *events)
{
    for (int i = 0; i < COMMAND_STREAMS; i++) {
        if (events[i].fd >= 0 && events[i].revents != 0)
            read_stream(output, &output->streams[i], READ_BYTES);
    }
}

void command_output_close(struct command_output *output)
{
    for (int i = 0; i < COMMAND_STREAMS; i++) {
        struct command_stream *stream = &output->streams[i];
        int there = 0;

        if (stream->pipe[0] < 0)
            continue;
        if (ioctl(stream->pipe[0], FIONREAD, &there) == 0 && there > 0)
            read_stream(output, stream, (size_t)there);
        close_end(&stream->pipe[0]);
    }
}

struct captured_output *command_output_all(struct command_output *output, int stream)
{
    return output->by_lines ? &output->streams[stream].all : &output->streams[stream].kept;
}
