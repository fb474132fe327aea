/* SPDX-License-Identifier: MIT */
#include "producer/publisher.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/cli/attached.h"
#include "common/cli/open_error.h"
#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "common/cli/units.h"
#include "producer/framer.h"
#include "producer/lane_wait.h"

/* Longest single wait for room; between waits the status line and signals are handled. */
#define SLICE_NS INT64_C(200000000)
/* How long after a signal data that was read from a pipe may still wait for room. */
#define LINGER_NS INT64_C(1000000000)
#define LINGER_PAUSE_NS 2000000L
/* What a header block takes of the largest message: see struct shmq_outgoing. */
#define HEADER_PREFIX_BYTES 16
#define CELL_BYTES 64
/* Messages with headers that are put together. */
enum { OUTGOING_BATCH = 64 };

/* How many messages there will be at most. Return: 0: not known. */
static uint64_t count_of(const struct options *options)
{
    if (options->source == SOURCE_WORDS && (options->count == 0 || options->word_count < options->count))
        return options->word_count;
    return options->count;
}

void publisher_init(struct publisher *publisher, const struct options *options, uint64_t seed)
{
    *publisher = (struct publisher){
        .name = options->common.queue,
        .left = options->count != 0 ? options->count : UINT64_MAX,
        .on_full = options->on_full,
        .timeout_ns = options->timeout_ns,
        .frame = SHMQ_FRAME_NONE,
        .delimiter = options->delimiter,
        .headers = options->headers,
        .headers_length = options->headers_length,
        .source_headers = options->source_headers,
        .reads_inputs = options->source == SOURCE_INPUTS || options->source == SOURCE_FOLLOW,
        .rereadable = options->source == SOURCE_RANDOM || options->source == SOURCE_WORDS ||
                      (options->source == SOURCE_FOLLOW && options->resume),
    };
    pace_init(&publisher->pace, options, seed);
    echo_init(&publisher->echo, options->echo, pace_is_set(&publisher->pace));
    wait_notice_init(&publisher->notice);
    progress_init(&publisher->progress, "produced", options->progress, options->progress_interval_ns);
    publisher->progress.produces = true;
    publisher->progress.total_messages = count_of(options);
    publisher->progress.counts.waits_for = "a free lane";
}

enum flow publisher_fail(struct publisher *publisher, int status, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    say_error("%s", length < 0 ? "out of memory" : text);
    free(text);
    publisher->status = status;
    return FLOW_FAILED;
}

enum flow publisher_fail_memory(struct publisher *publisher)
{
    publisher->may_pass = true;
    return publisher_fail(publisher, EXIT_FAILED, "out of memory");
}

static enum flow fail_queue(struct publisher *publisher, const char *what, int error)
{
    publisher->may_pass = error_may_pass(error);
    return publisher_fail(publisher, (int)exit_status_of(error), "queue '%s': %s: %s", publisher->name, what,
                          open_error_text(publisher->name, error));
}

/* What a header block of @length bytes takes of the largest message, beside a payload. */
static uint64_t header_room(uint64_t length)
{
    return length == 0 ? 0 : (length + HEADER_PREFIX_BYTES + CELL_BYTES - 1) / CELL_BYTES * CELL_BYTES;
}

/* What headers leave of the largest message. Return: false: not even that. */
static bool take_header_room(struct publisher *publisher)
{
    const uint64_t length = (uint64_t)publisher->headers_length + publisher->own_headers_length;
    const uint64_t room = header_room(length);
    if (publisher->largest_message < room || length > SHMQ_HEADERS_MAX)
        return false;
    publisher->max_message = publisher->largest_message - room;
    return true;
}

enum flow publisher_set_own_headers(struct publisher *publisher, size_t length)
{
    char limit[UNITS_SIZE];
    publisher->own_headers_length = length;
    if (take_header_room(publisher))
        return FLOW_CONTINUE;
    return publisher_fail(
        publisher, EXIT_FAILED,
        "--source-headers: with --header, longer than the queue's largest message of %s, or than "
        "%d bytes (see --max-message)",
        units_memory(limit, publisher->largest_message), SHMQ_HEADERS_MAX);
}

bool publisher_fits(const struct publisher *publisher, size_t length, size_t headers_length)
{
    const uint64_t largest = publisher->largest_message;
    const uint64_t headers = (uint64_t)publisher->headers_length + headers_length;
    const uint64_t room = header_room(headers);
    const uint64_t least = length == 0 && room > 0 && room < 2 * CELL_BYTES ? 2 * CELL_BYTES : room;
    return headers <= SHMQ_HEADERS_MAX && least <= largest && length <= largest - room;
}

void publisher_count_too_long(struct publisher *publisher)
{
    if (publisher->queue != NULL)
        (void)shmq_count(publisher->queue, SHMQ_COUNT_TOO_LONG, 1);
}

static enum flow fail_open(struct publisher *publisher, const struct common_options *options, int error)
{
    options_explain(options, error);
    const char *difference = error == -EEXIST ? open_error_difference(options) : NULL;
    if (difference != NULL)
        return publisher_fail(publisher, EXIT_QUEUE, "queue '%s': %s", publisher->name, difference);
    return fail_queue(publisher, "cannot be opened", error);
}

/* A living producer has the same source. */
static enum flow fail_busy(struct publisher *publisher, const struct source_identity *identity)
{
    publisher->may_pass = true;
    return publisher_fail(
        publisher, EXIT_FAILED, "queue '%s': %s (stop that one first, or wait until it ends)", publisher->name,
        identity->busy != NULL ? identity->busy : "another producer puts the same inputs into it");
}

static void tick(void *publisher)
{
    publisher_tick(publisher);
}

/* Returns as shmq_open; reports -EUSERS itself. */
static int open_lane(struct publisher *publisher, struct shmq_options *how)
{
    const struct lane_wait wait = {.queue = publisher->name,
                                   .on_full = publisher->on_full,
                                   .timeout_ns = publisher->timeout_ns,
                                   .tick = tick,
                                   .context = publisher};
    char text[LANE_WAIT_TEXT_BYTES];
    const int error = lane_wait_open(&publisher->queue, &wait, how);
    if (error == -EUSERS)
        publisher_fail(publisher, EXIT_TIMEOUT, "queue '%s': %s", publisher->name, lane_wait_text(&wait, text));
    return error;
}

/* Each resumable part gets a source id of its own. */
static void set_source_options(struct shmq_options *how, const struct source_identity *identity)
{
    how->source_group = identity->group;
    how->source_part = identity->part;
    how->source_size = identity->size;
    how->source_check = identity->check;
    how->source_id = identity->resumable ? identity->group ^ identity->part * UINT64_C(0x9e3779b97f4a7c15) : 0;
    if (identity->resumable && how->source_id == 0)
        how->source_id = 1;
}

/* A supervisor has said already that its producer died. */
static void say_predecessor(const struct publisher *publisher, const struct common_options *options,
                            const struct shmq_info *info)
{
    if (info->predecessor != 0 && !options->supervised)
        say_status(
            "queue '%s': takes the lane of a producer (pid %d) that %s before the end of its stream; what it "
            "has not put will not be missed any more",
            publisher->name, (int)info->predecessor, info->predecessor_died ? "died" : "gave up");
}

enum flow publisher_open(struct publisher *publisher, const struct options *options,
                         const struct source_identity *identity)
{
    struct shmq_options how = options->common.shmq;
    how.create = true;
    set_source_options(&how, identity);
    publisher->resumable = identity->resumable;
    how.stop = stop_flag();
    int error = open_lane(publisher, &how);
    if (error == -EINTR)
        return FLOW_END;
    if (error == -EUSERS)
        return FLOW_FAILED;
    if (error == -EBUSY && identity->resumable)
        return fail_busy(publisher, identity);
    if (error != 0)
        return fail_open(publisher, &options->common, error);
    stop_attach(publisher->queue);
    progress_attach(&publisher->progress, publisher->queue, publisher->name, true);
    publisher->progress.counts.waits_for = options->source == SOURCE_NATS ? "the broker" : "input";
    options_say_rounding(&options->common);
    struct shmq_info info = SHMQ_INFO_INIT;
    error = shmq_info(publisher->queue, &info);
    if (error != 0)
        return fail_queue(publisher, "cannot be read", error);
    say_predecessor(publisher, &options->common, &info);
    publisher->largest_message = info.max_message_bytes;
    char capacity[UNITS_SIZE];
    char longest[UNITS_SIZE];
    say_detail("attached to queue '%s': %" PRIu32 " lane%s of %s, messages up to %s", publisher->name, info.lanes,
               units_plural(info.lanes), units_memory(capacity, info.capacity_bytes),
               units_memory(longest, info.max_message_bytes));
    if (!take_header_room(publisher))
        return publisher_fail(publisher, EXIT_FAILED,
                              "--header: longer than the queue's largest message of %s (see --max-message)",
                              longest);
    return FLOW_CONTINUE;
}

enum flow publisher_set_mark(struct publisher *publisher, uint64_t offset, const void *end, uint64_t size)
{
    if (!publisher->resumable)
        return FLOW_CONTINUE;
    publisher->marks.begin = publisher->marks.end;
    publisher->marks.end = source_mark_make(offset, end, size);
    int error = shmq_set_source_note(publisher->queue, &publisher->marks, sizeof(publisher->marks));
    return error != 0 ? fail_queue(publisher, "cannot store the position of the source", error) : FLOW_CONTINUE;
}

/* The status line or the totals are about to be shown. */
static void describe_companion(struct publisher *publisher)
{
    if (publisher->companion != NULL)
        publisher->companion->describe(publisher->companion->context, publisher->progress.counts.extra);
}

void publisher_tick(struct publisher *publisher)
{
    if (publisher->companion != NULL)
        publisher->companion->tick(publisher->companion->context);
    if (publisher->companion != NULL && publisher->progress.shown)
        describe_companion(publisher);
    progress_tick(&publisher->progress);
    if (stop_statistics_wanted()) {
        describe_companion(publisher);
        publisher_report(publisher);
    }
}

int64_t publisher_next_tick_ns(const struct publisher *publisher)
{
    const int64_t slice = publisher->companion != NULL ? stop_now_ns() + SLICE_NS : -1;
    const int64_t shown = publisher->progress.shown ? publisher->progress.next_ns : -1;
    return shown < 0 || (slice >= 0 && slice < shown) ? slice : shown;
}

/* Neither the source nor the queue is waited for. */
static void tick_in_turn(struct publisher *publisher)
{
    struct progress_counts *counts = &publisher->progress.counts;
    const char *otherwise = counts->waits_for;
    counts->waits_for = publisher->pace.delayed ? "its turn (--delay)" : "its turn (--rate)";
    publisher_tick(publisher);
    counts->waits_for = otherwise;
}

/* Waits until messages may be sent; returns how many of @wanted, or 0 when a stop was requested. */
static size_t await_turn(struct publisher *publisher, size_t wanted)
{
    if (wanted > publisher->left)
        wanted = (size_t)publisher->left;
    if (!pace_is_set(&publisher->pace))
        return stop_requested != 0 && publisher->rereadable ? 0 : wanted;
    for (;;) {
        if (stop_requested != 0)
            return 0;
        int64_t due;
        size_t allowed = pace_allow(&publisher->pace, wanted, stop_now_ns(), &due);
        if (allowed > 0)
            return allowed;
        int64_t tick = publisher_next_tick_ns(publisher);
        stop_sleep_until(tick >= 0 && tick < due ? tick : due);
        tick_in_turn(publisher);
    }
}

static enum flow account(struct publisher *publisher, const struct iovec *messages, size_t count)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += messages[i].iov_len;
    publisher->progress.counts.bytes += bytes;
    publisher->progress.counts.messages += count;
    publisher->progress.counts.source_bytes += bytes + count * framer_overhead(publisher->frame);
    publisher->progress.counts.blocked = false;
    publisher->left -= count;
    if (pace_is_set(&publisher->pace))
        pace_sent(&publisher->pace, count, stop_now_ns());
    publisher_tick(publisher);
    int error = echo_messages(&publisher->echo, messages, count);
    if (error != 0)
        return publisher_fail(publisher, EXIT_FAILED, "standard output: cannot be written: %s",
                              strerrordesc_np(-error));
    return FLOW_CONTINUE;
}

/* A stop was requested while the queue is full: data that cannot be read again may wait a moment longer. */
static enum flow linger(struct publisher *publisher)
{
    int64_t now = stop_now_ns();
    if (publisher->rereadable || pace_is_set(&publisher->pace))
        return FLOW_END;
    if (publisher->stopped_ns == 0)
        publisher->stopped_ns = now;
    if (now - publisher->stopped_ns >= LINGER_NS)
        return FLOW_END;
    const struct timespec pause = {0, LINGER_PAUSE_NS};
    nanosleep(&pause, NULL);
    return FLOW_CONTINUE;
}

static bool is_paused(const struct publisher *publisher)
{
    struct shmq_info info = SHMQ_INFO_INIT;
    return shmq_info(publisher->queue, &info) == 0 && info.paused;
}

/* Why nobody makes room. */
static const char *why_full(const struct publisher *publisher)
{
    return is_paused(publisher) ? "it is paused" : "consumers are slow or absent";
}

static void say_full(const struct publisher *publisher)
{
    char who[ATTACHED_BYTES];
    if (is_paused(publisher))
        say_status("waiting for room: the lane is full and the queue is paused (see '%smonitor resume %s')",
                   say_prefix(), publisher->name);
    else
        say_status("waiting for room: the lane is full and %s", attached_consumers(publisher->queue, who));
}

/*
 * Decides what to do about a put that found no room. FLOW_CONTINUE: try again, or with --on-full drop, drop it.
 *
 * @since_ns  when the queue was first found full
 */
static enum flow await_room(struct publisher *publisher, int error, int64_t since_ns)
{
    if (error != -EAGAIN && error != -ETIMEDOUT && error != -EINTR)
        return fail_queue(publisher, "cannot put", error);
    if (publisher->on_full == ON_FULL_DROP)
        return FLOW_CONTINUE;
    if (publisher->on_full == ON_FULL_FAIL)
        return publisher_fail(publisher, EXIT_TIMEOUT, "queue '%s': full: %s (use --on-full block to wait)",
                              publisher->name, why_full(publisher));
    publisher->progress.counts.blocked = true;
    publisher_tick(publisher);
    if (stop_requested != 0)
        return linger(publisher);
    if (publisher->while_full != NULL)
        publisher->while_full(publisher->while_full_context);
    if (wait_notice_is_due(&publisher->notice, since_ns))
        say_full(publisher);
    if (publisher->timeout_ns >= 0 && stop_now_ns() - since_ns >= publisher->timeout_ns) {
        char text[UNITS_SIZE];
        return publisher_fail(publisher, EXIT_TIMEOUT, "queue '%s': no room for %s: %s (see --timeout)",
                              publisher->name, units_duration(text, publisher->timeout_ns), why_full(publisher));
    }
    return FLOW_CONTINUE;
}

static int64_t slice_ns(const struct publisher *publisher)
{
    const struct progress *progress = &publisher->progress;
    return progress->shown && progress->interval_ns < SLICE_NS ? progress->interval_ns : SLICE_NS;
}

/* How long one attempt to put may wait. */
static int64_t try_ns(const struct publisher *publisher, int64_t since_ns)
{
    if (publisher->on_full != ON_FULL_BLOCK)
        return 0;
    if (publisher->timeout_ns < 0)
        return slice_ns(publisher);
    /* Does not read the clock before the first attempt. */
    int64_t left = since_ns == 0 ? publisher->timeout_ns : since_ns + publisher->timeout_ns - stop_now_ns();
    return left < 0 ? 0 : left < slice_ns(publisher) ? left : slice_ns(publisher);
}

static enum flow use_frame(struct publisher *publisher, enum shmq_frame frame)
{
    if (frame == publisher->frame)
        return FLOW_CONTINUE;
    int error = shmq_set_frame(publisher->queue, frame, publisher->delimiter);
    if (error != 0)
        return fail_queue(publisher, "cannot set the framing", error);
    publisher->frame = frame;
    return FLOW_CONTINUE;
}

/* Messages to put: payloads alone, or each with more to it. */
struct portion {
    const struct iovec *messages;
    const struct shmq_outgoing *outgoing; /* the same messages with headers and cursors; NULL: payloads alone */
};

/* Return: as shmq_put_many. */
static int put_some(const struct publisher *publisher, const struct portion *portion, size_t first, size_t count,
                    size_t *done, int64_t wait_ns)
{
    if (portion->outgoing == NULL)
        return shmq_put_many(publisher->queue, portion->messages + first, count, done, wait_ns);
    return shmq_put_outgoing(publisher->queue, portion->outgoing + first, count, done, wait_ns);
}

/* A message is not put; it is a part of the source and counts for --count all the same. */
static void leave_out(struct publisher *publisher, const struct iovec *message)
{
    publisher->progress.counts.source_bytes += message->iov_len + framer_overhead(publisher->frame);
    publisher->left--;
}

/* Puts messages that are due. */
static enum flow put_all(struct publisher *publisher, const struct portion *portion, size_t first, size_t count,
                         size_t *taken)
{
    int64_t since = 0;
    const size_t end = first + count;
    while (first < end) {
        size_t done = 0;
        int64_t wait = try_ns(publisher, since);
        int64_t before = wait > 0 && since == 0 && publisher->timeout_ns > 0 ? stop_now_ns() : 0;
        int error = put_some(publisher, portion, first, end - first, &done, wait);
        if (done > 0)
            wait_notice_end(&publisher->notice);
        enum flow flow = done > 0 ? account(publisher, portion->messages + first, done) : FLOW_CONTINUE;
        first += done;
        *taken += done;
        if (flow != FLOW_CONTINUE)
            return flow;
        if (error == 0)
            break;
        if (done > 0)
            since = stop_now_ns();
        else if (since == 0)
            since = before != 0 ? before : stop_now_ns();
        flow = await_room(publisher, error, since);
        if (flow != FLOW_CONTINUE)
            return flow;
        if (publisher->on_full == ON_FULL_DROP) {
            first++;
            *taken += 1;
            leave_out(publisher, &portion->messages[first - 1]);
            publisher->dropped++;
            (void)shmq_count(publisher->queue, SHMQ_COUNT_DROPPED, 1);
            /* A dropped message counts for --rate and --delay. */
            if (pace_is_set(&publisher->pace))
                pace_sent(&publisher->pace, 1, stop_now_ns());
            publisher_tick(publisher);
        }
    }
    return FLOW_CONTINUE;
}

/* Skips messages that an earlier run has put; used with --count, which has to count them. */
static enum flow skip_done(struct publisher *publisher, const struct iovec *messages, size_t count,
                           enum shmq_frame frame, size_t *taken)
{
    while (*taken < count && publisher->skip > 0 && publisher->left > 0) {
        size_t bytes = messages[*taken].iov_len + framer_overhead(frame);
        if (bytes > publisher->skip)
            return publisher_fail(
                publisher, EXIT_FAILED,
                "--resume: the input has changed since the earlier run (start it without --resume)");
        publisher->skip -= bytes;
        leave_out(publisher, &messages[*taken]);
        publisher->progress.total_messages--; /* with --count, which is why it is skipped here */
        *taken += 1;
    }
    return publisher->left > 0 ? FLOW_CONTINUE : FLOW_END;
}

/* Puts messages when they are due, after the first @taken. */
static enum flow put_in_time(struct publisher *publisher, const struct portion *portion, size_t count,
                             size_t *taken)
{
    enum flow flow = FLOW_CONTINUE;
    while (flow == FLOW_CONTINUE && *taken < count) {
        size_t allowed = await_turn(publisher, count - *taken);
        if (allowed == 0)
            return FLOW_END;
        flow = put_all(publisher, portion, *taken, allowed, taken);
        if (flow == FLOW_CONTINUE && publisher->left == 0)
            flow = FLOW_END;
    }
    return flow;
}

/* Puts messages that have the headers of --header and no others. */
static enum flow put_with_headers(struct publisher *publisher, const struct iovec *messages, size_t count,
                                  size_t *taken)
{
    struct shmq_outgoing outgoing[OUTGOING_BATCH];
    enum flow flow = FLOW_CONTINUE;
    while (flow == FLOW_CONTINUE && *taken < count) {
        const size_t some = count - *taken < OUTGOING_BATCH ? count - *taken : OUTGOING_BATCH;
        size_t done = 0;
        for (size_t i = 0; i < some; i++)
            outgoing[i] = (struct shmq_outgoing){.size = sizeof(struct shmq_outgoing),
                                                 .data = messages[*taken + i].iov_base,
                                                 .length = messages[*taken + i].iov_len,
                                                 .headers = publisher->headers,
                                                 .headers_length = publisher->headers_length};
        flow = put_in_time(publisher, &(struct portion){messages + *taken, outgoing}, some, &done);
        *taken += done;
    }
    return flow;
}

enum flow publisher_put(struct publisher *publisher, const struct iovec *messages, size_t count,
                        enum shmq_frame frame, size_t *taken)
{
    *taken = 0;
    enum flow flow = use_frame(publisher, frame);
    if (flow == FLOW_CONTINUE)
        flow = skip_done(publisher, messages, count, frame, taken);
    if (flow != FLOW_CONTINUE)
        return flow;
    if (publisher->headers != NULL)
        return put_with_headers(publisher, messages, count, taken);
    return put_in_time(publisher, &(struct portion){messages, NULL}, count, taken);
}

/*
 * Composes the blocks of @count messages that have headers of their own: those of --header, then the message's.
 *
 * @outgoing  receives the messages with these blocks
 *
 * Return: false: out of memory.
 */
static bool compose_headers(struct publisher *publisher, const struct shmq_outgoing *messages, size_t count,
                            struct shmq_outgoing *outgoing)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += publisher->headers_length + messages[i].headers_length;
    if (bytes > publisher->composed_size) {
        char *larger = realloc(publisher->composed, bytes);
        if (larger == NULL)
            return false;
        publisher->composed = larger;
        publisher->composed_size = bytes;
    }
    char *at = publisher->composed;
    for (size_t i = 0; i < count; i++) {
        outgoing[i] = messages[i];
        outgoing[i].headers = at;
        outgoing[i].headers_length = publisher->headers_length + messages[i].headers_length;
        at = mempcpy(at, publisher->headers, publisher->headers_length);
        if (messages[i].headers_length > 0)
            at = mempcpy(at, messages[i].headers, messages[i].headers_length);
    }
    return true;
}

enum flow publisher_put_outgoing(struct publisher *publisher, const struct shmq_outgoing *messages, size_t count,
                                 enum shmq_frame frame, size_t *taken)
{
    struct iovec payloads[OUTGOING_BATCH] = {{NULL, 0}};
    struct shmq_outgoing composed[OUTGOING_BATCH];
    *taken = 0;
    enum flow flow = use_frame(publisher, frame);
    while (flow == FLOW_CONTINUE && *taken < count) {
        const struct shmq_outgoing *these = messages + *taken;
        const size_t some = count - *taken < OUTGOING_BATCH ? count - *taken : OUTGOING_BATCH;
        size_t done = 0;
        for (size_t i = 0; i < some; i++)
            payloads[i] = (struct iovec){(void *)(uintptr_t)these[i].data, these[i].length};
        if (publisher->headers != NULL && !compose_headers(publisher, these, some, composed))
            return publisher_fail_memory(publisher);
        const struct portion portion = {payloads, publisher->headers != NULL ? composed : these};
        flow = publisher->skip > 0 ? skip_done(publisher, payloads, some, frame, &done)
                                   : put_in_time(publisher, &portion, some, &done);
        *taken += done;
    }
    return flow;
}

bool publisher_takes_in_place(const struct publisher *publisher)
{
    return publisher->on_full == ON_FULL_BLOCK && publisher->echo.prefix == NULL && publisher->skip == 0 &&
           publisher->headers == NULL && !publisher->source_headers;
}

enum flow publisher_reserve(struct publisher *publisher, size_t size, void **payload)
{
    if (await_turn(publisher, 1) == 0)
        return FLOW_END;
    int64_t since = 0;
    for (;;) {
        int64_t before = since == 0 && publisher->timeout_ns > 0 ? stop_now_ns() : since;
        int error = shmq_reserve(publisher->queue, size, payload, try_ns(publisher, since));
        if (error == 0) {
            wait_notice_end(&publisher->notice);
            return FLOW_CONTINUE;
        }
        since = before != 0 ? before : stop_now_ns();
        enum flow flow = await_room(publisher, error, since);
        if (flow != FLOW_CONTINUE)
            return flow;
    }
}

enum flow publisher_commit(struct publisher *publisher, size_t length, enum shmq_frame frame)
{
    enum flow flow = use_frame(publisher, frame);
    if (flow != FLOW_CONTINUE)
        return flow;
    int error = shmq_commit(publisher->queue, length);
    if (error != 0)
        return fail_queue(publisher, "cannot put", error);
    const struct iovec message = {NULL, length};
    flow = account(publisher, &message, 1);
    return flow == FLOW_CONTINUE && publisher->left == 0 ? FLOW_END : flow;
}

int publisher_close(struct publisher *publisher)
{
    int error = echo_flush(&publisher->echo);
    if (error != 0 && publisher->status == EXIT_DONE)
        publisher_fail(publisher, EXIT_FAILED, "standard output: cannot be written: %s", strerrordesc_np(-error));
    if (publisher->queue == NULL)
        return publisher->status;
    stop_detach(publisher->queue);
    publisher->progress.queue = NULL;
    if (publisher->status == EXIT_DONE && !publisher->unfinished) {
        error = shmq_finish(publisher->queue);
        if (error != 0)
            fail_queue(publisher, "cannot finish", error);
    }
    if (publisher->status == EXIT_DONE && !publisher->unfinished)
        error = shmq_close(publisher->queue);
    else if (publisher->withdrawn)
        shmq_withdraw(publisher->queue);
    else
        shmq_abandon(publisher->queue);
    if (error != 0 && publisher->status == EXIT_DONE)
        fail_queue(publisher, "cannot detach", error);
    publisher->queue = NULL;
    free(publisher->composed);
    publisher->composed = NULL;
    publisher->composed_size = 0;
    return publisher->status;
}

void publisher_report(const struct publisher *publisher)
{
    char dropped[48] = "";
    char lost[48] = "";
    const bool cut_short = publisher->reads_inputs || publisher->progress.counts.messages + publisher->dropped <
                                                          publisher->progress.total_messages;
    const char *stopped = cut_short && stop_requested != 0 ? "stopped by a signal" : "";
    char extra[128];
    if (publisher->dropped > 0 || publisher->on_full == ON_FULL_DROP)
        snprintf(dropped, sizeof(dropped), "%" PRIu64 " dropped", publisher->dropped);
    if (publisher->lost_bytes > 0)
        snprintf(lost, sizeof(lost), "%" PRIu64 " byte%s lost", publisher->lost_bytes,
                 units_plural(publisher->lost_bytes));
    snprintf(extra, sizeof(extra), "%s%s%s%s%s", dropped, *dropped != '\0' && *lost != '\0' ? ", " : "", lost,
             (*dropped != '\0' || *lost != '\0') && *stopped != '\0' ? ", " : "", stopped);
    if (publisher->dropped > 0 && say_get_level() == SAY_ERRORS)
        say_error("%" PRIu64 " dropped: the queue was full", publisher->dropped);
    progress_total(&publisher->progress, &publisher->progress.counts, extra);
}
