/* SPDX-License-Identifier: MIT */
#include "consumer/sinks/sink.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cli/say.h"
#include "consumer/batch.h"
#include "consumer/lane_file.h"
#include "consumer/pattern.h"

/*
 * --mirror: one file per lane. Each message is written at its offset in the lane's stream, framed as it was in its
 * source. A redelivered message writes the same bytes to the same place.
 */

#define FILES_OPEN_MAX 64
/* Maximum number of stream bytes for each 64-byte cell of the lane: the payload and a length before it. */
#define CELL_STREAM_MAX (64 + sizeof(uint32_t))

struct mirror {
    struct lane_file file;
    uint32_t lane;
    uint64_t position; /* of the last written batch in the lane */
    uint64_t offset;   /* and in the lane's stream */
    uint64_t last_use; /* value of deliveries at the last use; 0: not open */
};

struct mirror_sink {
    struct sink base;
    struct batch_writer *writer;
    uint64_t deliveries;
    struct mirror mirrors[FILES_OPEN_MAX];
};

static const struct framing source_framing = {.kind = FRAMING_SOURCE, .prefix = ""};

/* ------------------------------------------------------------------ errors */

static enum sink_result report(const char *path, const char *what, int error)
{
    switch (error) {
    case -EINTR:
        return SINK_STOPPED;
    case -ESPIPE:
        say_error("%s: cannot be a mirror: not a regular file (use --output for pipes and devices)", path);
        break;
    case -EBUSY:
        say_error(
            "%s: cannot be a mirror: consumers of another lane, another queue or a removed queue are writing to "
            "it (end them or choose another PATTERN)",
            path);
        break;
    case -EMFILE:
        say_error("%s: %s: %s (raise 'ulimit -n'; each lane needs one)", path, what, strerror(EMFILE));
        break;
    default:
        say_error("%s: %s: %s (messages not written stay in the queue)", path, what, strerror(-error));
        break;
    }
    return SINK_FAILED;
}

/* Written data is no longer where its reader expects it. */
static enum sink_result report_missing(const struct sink *sink, const char *path, int error)
{
    if (error != -ESTALE)
        return report(path, "cannot be examined", error);
    (void)shmq_report_loss(sink->handle);
    say_error("%s: was removed, replaced or cut short while in use: messages already acknowledged are not "
              "redelivered (restore the file, or start over with a new queue)",
              path);
    return SINK_FAILED;
}

static enum sink_result report_offset(const struct sink *sink, const char *path,
                                      const struct shmq_message *message)
{
    char id[SHMQ_ID_SIZE];

    shmq_message_id(sink->handle, message, id);
    say_error("%s: message %s, or a later one of its batch, has an offset that cannot be right: byte %llu", path,
              id, (unsigned long long)message->stream_offset);
    return SINK_DAMAGED;
}

static enum sink_result report_lanes(const struct sink *sink, uint32_t lane)
{
    say_error("--mirror: lane %u and other lanes cannot share %s: PATTERN has no %%l (the messages stay in the "
              "queue)",
              lane, sink->options->target);
    return SINK_FAILED;
}

/* ------------------------------------------------------------------ streams */

/* A number that is different for each stream, in this queue and others. */
static uint64_t stream_number(const struct sink *sink, uint32_t lane)
{
    const struct shmq_message first = {.lane = lane};
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    char id[SHMQ_ID_SIZE];

    shmq_message_id(sink->handle, &first, id);
    for (const char *at = id; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(0x100000001b3);
    return hash;
}

/*
 * Counts the lanes that ever received a message; @lane receives the last of them, or else the first that was used.
 * Two consumers of different lanes each call this after they have leased a message, so at least one of them sees
 * both lanes.
 */
static int count_streams(const struct sink *sink, uint32_t *count, uint32_t *lane)
{
    struct shmq_lane_stat stat = SHMQ_LANE_STAT_INIT;
    bool any = false;
    int error;

    *count = 0;
    *lane = 0;
    for (uint32_t i = 0; (error = shmq_stat_lane(sink->handle, i, &stat)) == 0; i++) {
        if (stat.put_messages > 0 || (stat.used && !any))
            *lane = i;
        any = any || stat.used;
        *count += stat.put_messages > 0;
    }
    if (error != -EINVAL) /* there are no more lanes */
        return error;
    return any ? 0 : -ENOENT;
}

/* ------------------------------------------------------------------ files */

static enum sink_result close_mirror(struct mirror *mirror)
{
    char path[PATH_MAX];
    int error;

    if (mirror->last_use == 0)
        return SINK_OK;
    snprintf(path, sizeof(path), "%s", mirror->file.path);
    error = lane_file_close(&mirror->file);
    mirror->last_use = 0;
    if (error == 0)
        return SINK_OK;
    /* Some file systems report a full disk only at close. */
    say_error("%s: cannot be closed: %s (the last messages may be missing in it)", path, strerror(-error));
    return SINK_FAILED;
}

static enum sink_result open_mirror(struct mirror_sink *sink, struct mirror *mirror, uint32_t lane)
{
    char path[PATH_MAX];
    int error = pattern_expand(sink->base.options->target, lane, path, sizeof(path));

    if (error < 0)
        return report(sink->base.options->target, "cannot be opened", error);
    error = lane_file_open(&mirror->file, path, stream_number(&sink->base, lane));
    if (error < 0)
        return report(path, "cannot be opened", error);
    mirror->lane = lane;
    mirror->position = 0;
    mirror->offset = 0;
    mirror->last_use = ++sink->deliveries;
    return SINK_OK;
}

/* Returns the mirror of @lane, or else an entry for it: a free one or the least recently used one. */
static struct mirror *find_mirror(struct mirror_sink *sink, uint32_t lane)
{
    struct mirror *place = sink->mirrors;

    for (struct mirror *mirror = sink->mirrors; mirror < sink->mirrors + FILES_OPEN_MAX; mirror++) {
        if (mirror->last_use != 0 && mirror->lane == lane)
            return mirror;
        if (mirror->last_use < place->last_use)
            place = mirror;
    }
    return place;
}

/* Without %l, only one lane may have messages. */
static enum sink_result check_single_lane(const struct sink *sink, uint32_t lane)
{
    uint32_t count;
    uint32_t only;

    if (pattern_has_lane(sink->options->target))
        return SINK_OK;
    if (count_streams(sink, &count, &only) < 0)
        return SINK_DAMAGED;
    return count > 1 ? report_lanes(sink, lane) : SINK_OK;
}

/* Finds the mirror of @lane and opens it if necessary. */
static enum sink_result take_mirror(struct mirror_sink *sink, uint32_t lane, struct mirror **found)
{
    struct mirror *mirror = find_mirror(sink, lane);
    enum sink_result result = SINK_OK;

    *found = mirror;
    if (mirror->last_use != 0 && mirror->lane == lane) {
        mirror->last_use = ++sink->deliveries;
        return SINK_OK;
    }
    result = check_single_lane(&sink->base, lane);
    if (result == SINK_OK)
        result = close_mirror(mirror);
    return result == SINK_OK ? open_mirror(sink, mirror, lane) : result;
}

/* ------------------------------------------------------------------ delivering */

/* Whether stream offset @offset is possible at lane position @position, given those of the last written batch. */
static bool is_plausible(const struct mirror *mirror, uint64_t position, uint64_t offset)
{
    bool later = position >= mirror->position;
    uint64_t cells = later ? position - mirror->position : mirror->position - position;
    uint64_t bytes = later ? offset - mirror->offset : mirror->offset - offset; /* huge in the wrong direction */

    return bytes <= cells * CELL_STREAM_MAX && offset <= INT64_MAX;
}

/*
 * Whether the messages are contiguous in the stream, at an offset that agrees with their position in the lane: a
 * damaged offset must neither create a huge file nor overwrite what others wrote.
 */
static bool offsets_are_sane(const struct mirror *mirror, const struct shmq_message *messages, size_t count)
{
    uint64_t offset = messages[0].stream_offset;

    if (!is_plausible(mirror, messages[0].position, offset))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (messages[i].stream_offset != offset)
            return false;
        offset += framing_size(&source_framing, &messages[i]);
    }
    return offset <= INT64_MAX;
}

static uint64_t end_of(const struct shmq_message *messages, size_t count)
{
    if (count == 0)
        return 0;
    return messages[count - 1].stream_offset + framing_size(&source_framing, &messages[count - 1]);
}

static int write_mirror(struct mirror_sink *sink, const struct mirror *mirror, const struct shmq_message *messages,
                        size_t count, size_t *done)
{
    int error = lane_file_begin_turn(&mirror->file, TURN_WRITE);

    if (error < 0)
        return error;
    error = batch_write_at(sink->writer, mirror->file.fd, messages[0].stream_offset, messages, count, done);
    lane_file_end_turn(&mirror->file);
    return error;
}

static enum sink_result mirror_deliver(struct sink *base, const struct shmq_message *messages, size_t count,
                                       size_t *done)
{
    struct mirror_sink *sink = (struct mirror_sink *)base;
    struct mirror *mirror;
    enum sink_result result = take_mirror(sink, messages[0].lane, &mirror);
    int error;
    int missing;

    *done = 0;
    if (result != SINK_OK)
        return result;
    if (!offsets_are_sane(mirror, messages, count))
        return report_offset(base, mirror->file.path, messages);
    mirror->position = messages[0].position;
    mirror->offset = messages[0].stream_offset;
    missing = lane_file_verify(&mirror->file, 0);
    error = missing == 0 ? write_mirror(sink, mirror, messages, count, done) : 0;
    if (missing == 0)
        missing = lane_file_verify(&mirror->file, end_of(messages, *done));
    if (missing < 0) {
        *done = 0;
        return report_missing(base, mirror->file.path, missing);
    }
    return error < 0 ? report(mirror->file.path, "cannot be written", error) : SINK_OK;
}

/* ------------------------------------------------------------------ completing */

/* Truncates the file to the length of the stream. If others are still writing, the last of them will do it. */
static int cut_mirror(const struct mirror_sink *sink, const struct mirror *mirror)
{
    struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
    struct stat status;
    int error = lane_file_begin_turn(&mirror->file, TURN_CUT);

    if (error < 0)
        return error == -EAGAIN ? 0 : error;
    error = shmq_stat_lane(sink->base.handle, mirror->lane, &lane);
    if (error == 0 && fstat(mirror->file.fd, &status) < 0)
        error = -errno;
    if (error == 0 && (uint64_t)status.st_size > lane.put_bytes &&
        ftruncate(mirror->file.fd, (off_t)lane.put_bytes) < 0)
        error = -errno;
    lane_file_end_turn(&mirror->file);
    return error;
}

/* Whether the file has to be created, because the lane's stream is empty, or is longer than the stream. */
static bool needs_completion(const struct mirror_sink *sink, const struct shmq_lane_stat *lane)
{
    char path[PATH_MAX];
    struct stat status;

    if (!lane->used || pattern_expand(sink->base.options->target, lane->lane, path, sizeof(path)) < 0)
        return false;
    if (stat(path, &status) < 0)
        return lane->put_bytes == 0;
    return (uint64_t)status.st_size > lane->put_bytes;
}

static enum sink_result complete_lane(struct mirror_sink *sink, const struct shmq_lane_stat *lane)
{
    struct mirror *mirror;
    enum sink_result result;
    int error;

    if (!needs_completion(sink, lane))
        return SINK_OK;
    result = take_mirror(sink, lane->lane, &mirror);
    if (result != SINK_OK)
        return result;
    error = cut_mirror(sink, mirror);
    return error < 0 ? report(mirror->file.path, "cannot be cut to the length of the stream", error) : SINK_OK;
}

static enum sink_result mirror_complete(struct sink *base)
{
    struct mirror_sink *sink = (struct mirror_sink *)base;
    enum sink_result result = SINK_OK;
    struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
    uint32_t count;
    uint32_t only;

    if (!pattern_has_lane(base->options->target)) {
        /* More than one lane: the consumer that noticed has reported it. */
        if (count_streams(base, &count, &only) < 0 || count > 1 || shmq_stat_lane(base->handle, only, &lane) < 0)
            return SINK_OK;
        return complete_lane(sink, &lane);
    }
    for (uint32_t i = 0; result == SINK_OK && shmq_stat_lane(base->handle, i, &lane) == 0; i++)
        result = complete_lane(sink, &lane);
    return result;
}

static enum sink_result mirror_verify(struct sink *base)
{
    struct mirror_sink *sink = (struct mirror_sink *)base;
    enum sink_result result = SINK_OK;

    for (struct mirror *mirror = sink->mirrors; mirror < sink->mirrors + FILES_OPEN_MAX; mirror++) {
        int missing = mirror->last_use != 0 ? lane_file_verify(&mirror->file, 0) : 0;

        if (missing < 0)
            result = report_missing(base, mirror->file.path, missing);
    }
    return result;
}

static enum sink_result mirror_close(struct sink *base)
{
    struct mirror_sink *sink = (struct mirror_sink *)base;
    enum sink_result result = SINK_OK;

    for (size_t i = 0; i < FILES_OPEN_MAX; i++) {
        if (close_mirror(&sink->mirrors[i]) != SINK_OK)
            result = SINK_FAILED;
    }
    batch_writer_destroy(sink->writer);
    free(sink);
    return result;
}

static const struct sink_operations mirror_operations = {
    .deliver = mirror_deliver,
    .check = mirror_verify,
    .complete = mirror_complete,
    .verify = mirror_verify,
    .close = mirror_close,
};

/* ------------------------------------------------------------------ opening */

static bool has_directories_for_lanes(const char *pattern)
{
    const char *slash = strrchr(pattern, '/');
    char *directory = slash ? strndup(pattern, (size_t)(slash - pattern)) : NULL;
    bool has = directory && pattern_has_lane(directory);

    free(directory);
    return has;
}

/* Reports a bad file name before the consumer waits for the queue. */
static int check_path(const char *pattern, char *path, size_t size)
{
    int error = pattern_expand(pattern, 0, path, size);

    if (error < 0 || has_directories_for_lanes(pattern)) /* lane 0 may be unused and have no directory */
        return error;
    return lane_file_check(path);
}

struct sink *sink_mirror_open(const struct consumer_options *options, struct totals *totals)
{
    struct mirror_sink *sink = calloc(1, sizeof(*sink));
    char path[PATH_MAX];
    int error = check_path(options->target, path, sizeof(path));

    if (error < 0) {
        report(error == -ENAMETOOLONG ? options->target : path, "cannot be opened", error);
        free(sink);
        return NULL;
    }
    if (sink) {
        sink->base = (struct sink){.operations = &mirror_operations, .options = options, .totals = totals};
        sink->writer = batch_writer_create(-1, &source_framing);
        if (sink->writer)
            return &sink->base;
    }
    free(sink);
    say_error("memory: %s", strerror(ENOMEM));
    return NULL;
}
