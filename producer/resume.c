/* SPDX-License-Identifier: MIT */
#include "producer/resume.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/open_error.h"
#include "common/cli/say.h"
#include "common/cli/units.h"

_Static_assert(sizeof(struct source_marks) <= SHMQ_NOTE_MAX, "the marks are stored as the note of the source");

/* A place in the source. */
struct place {
    size_t input;    /* index of the file that holds the byte before it */
    uint64_t offset; /* in that file */
    uint64_t end;    /* end of that file's range, going by its size */
};

/* False if the inputs end before @offset. */
static bool find_place(const struct inputs *inputs, uint64_t offset, struct place *place)
{
    for (size_t i = 0; i < inputs->count; i++) {
        const struct range *range = &inputs->ranges[i];
        const uint64_t bytes = inputs_range_bytes(inputs, i);
        if (offset <= range->base || offset - range->base > bytes)
            continue;
        *place = (struct place){i, range->begin + (offset - range->base), range->begin + bytes};
        return true;
    }
    return false;
}

/* Reads the @size bytes before the place. False if there are fewer. */
static bool read_before(const struct inputs *inputs, const struct place *place, void *buffer, size_t size)
{
    const int fd = open(inputs->paths[place->input], O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return false;
    ssize_t got;
    do {
        got = pread(fd, buffer, size, (off_t)(place->offset - size));
    } while (got < 0 && errno == EINTR);
    close(fd);
    return got >= 0 && (size_t)got == size;
}

static enum flow fail_short(const struct inputs *inputs, struct publisher *publisher,
                            const struct options *options, uint64_t offset)
{
    return inputs_fail_changed(inputs, publisher, options, inputs->count,
                               "it has become shorter, %" PRIu64 " byte%s instead of at least %" PRIu64,
                               inputs->bytes, units_plural(inputs->bytes), offset);
}

static enum flow check_mark(const struct inputs *inputs, struct publisher *publisher,
                            const struct options *options, const struct source_mark *mark)
{
    unsigned char bytes[MARK_BYTES];
    struct place place;
    if (mark->offset == 0)
        return FLOW_CONTINUE;
    if (!find_place(inputs, mark->offset, &place))
        return fail_short(inputs, publisher, options, mark->offset);
    const bool fits = mark->bytes <= MARK_BYTES && mark->bytes <= place.offset &&
                      read_before(inputs, &place, bytes, (size_t)mark->bytes) &&
                      source_mark_sum(bytes, (size_t)mark->bytes) == mark->sum;
    if (!fits)
        return inputs_fail_changed(inputs, publisher, options, place.input,
                                   "its bytes before byte %" PRIu64 " have changed", place.offset);
    return FLOW_CONTINUE;
}

/* Whether a message begins where an earlier run stopped, as far as the framing shows. */
static bool begins_message(const struct inputs *inputs, const struct options *options, const struct place *place)
{
    unsigned char byte;
    if (place->offset == place->end)
        return true;
    if (options->framing == FRAMING_BLOCK)
        return (place->offset - inputs->ranges[place->input].begin) % options->block_bytes == 0;
    if (options->framing == FRAMING_DELIMITER)
        return read_before(inputs, place, &byte, 1) && byte == options->delimiter;
    return options->framing == FRAMING_LENGTH32;
}

/* Checks that a message begins at @done and marks that place, where this run begins. */
static enum flow mark_begin(const struct inputs *inputs, struct publisher *publisher,
                            const struct options *options, uint64_t done)
{
    unsigned char bytes[MARK_BYTES];
    struct place place;
    publisher->marks = (struct source_marks){0};
    if (done == 0)
        return FLOW_CONTINUE;
    if (!find_place(inputs, done, &place))
        return fail_short(inputs, publisher, options, done);
    if (!begins_message(inputs, options, &place))
        return inputs_fail_changed(inputs, publisher, options, place.input,
                                   "no message begins at byte %" PRIu64
                                   ", where an earlier run stopped (did the file end there, within a message?)",
                                   place.offset);
    const size_t size = place.offset < MARK_BYTES ? (size_t)place.offset : MARK_BYTES;
    if (!read_before(inputs, &place, bytes, size))
        return fail_short(inputs, publisher, options, done);
    publisher->marks.end = source_mark_make(done, bytes + size, size);
    return FLOW_CONTINUE;
}

static void skip_done(struct inputs *inputs, struct publisher *publisher, const struct options *options,
                      uint64_t done)
{
    say_detail("continuing after %" PRIu64 " of %" PRIu64 " byte%s", done, inputs->bytes,
               units_plural(inputs->bytes));
    /* With --count, the skipped messages have to be counted, so the publisher reads and skips them. */
    if (options->count != 0) {
        publisher->skip = done;
        return;
    }
    for (size_t i = 0; i < inputs->count && done > 0; i++) {
        struct range *range = &inputs->ranges[i];
        const uint64_t bytes = inputs_range_bytes(inputs, i);
        const uint64_t here = done < bytes ? done : bytes;
        range->begin += here;
        range->base += here;
        done -= here;
        /* This input is completed, unless it is the last one, which may have grown. */
        if (here == bytes && (i + 1 < inputs->count || options->framing == FRAMING_WHOLE))
            inputs->first = i + 1;
    }
}

static enum flow fail_queue(struct publisher *publisher, int error)
{
    publisher->may_pass = error_may_pass(error);
    return publisher_fail(publisher, (int)exit_status_of(error), "queue '%s': --resume: %s", publisher->name,
                          open_error_text(publisher->name, error));
}

/* If no note was set, nothing was put. */
static enum flow read_marks(struct publisher *publisher, struct source_marks *marks)
{
    unsigned char note[SHMQ_NOTE_MAX];
    size_t length;
    const int error = shmq_source_note(publisher->queue, note, &length);
    *marks = (struct source_marks){0};
    if (error != 0 || (length != 0 && length != sizeof(*marks)))
        return fail_queue(publisher, error != 0 ? error : -EBADMSG);
    memcpy(marks, note, length);
    return FLOW_CONTINUE;
}

enum flow resume_inputs(struct inputs *inputs, struct publisher *publisher, const struct options *options)
{
    uint64_t done = 0;
    struct source_marks marks;
    const int error = shmq_resume_offset(publisher->queue, &done);
    if (error != 0)
        return fail_queue(publisher, error);
    enum flow flow = read_marks(publisher, &marks);
    if (flow == FLOW_CONTINUE)
        flow = check_mark(inputs, publisher, options, &marks.begin);
    if (flow == FLOW_CONTINUE)
        flow = check_mark(inputs, publisher, options, &marks.end);
    if (flow == FLOW_CONTINUE)
        flow = mark_begin(inputs, publisher, options, done);
    if (flow == FLOW_CONTINUE)
        skip_done(inputs, publisher, options, done);
    return flow;
}
