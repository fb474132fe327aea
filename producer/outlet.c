/* SPDX-License-Identifier: MIT */
#include "producer/outlet.h"

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
#include "producer/lane_wait.h"

/* A wait for room is looked after so often. */
#define SLICE_NS INT64_C(200000000)
/* So long after the signal, what was read from a pipe may still wait for room. */
#define LINGER_NS INT64_C(1000000000)
#define NAP_NS 2000000L

void outlet_init(struct outlet *outlet, const struct options *options, uint64_t seed)
{
    *outlet = (struct outlet){
        .name = options->common.queue,
        .left = options->count != 0 ? options->count : UINT64_MAX,
        .on_full = options->on_full,
        .timeout_ns = options->timeout_ns,
        .frame = SHMQ_FRAME_NONE,
        .delimiter = options->delimiter,
        .reads_inputs = options->source == SOURCE_INPUTS,
        .rereadable = options->source != SOURCE_INPUTS,
    };
    pace_init(&outlet->pace, options, seed);
    echo_init(&outlet->echo, options->echo, pace_is_set(&outlet->pace));
    wait_notice_init(&outlet->notice);
    progress_init(&outlet->progress, "produced", options->progress);
}

enum flow outlet_fail(struct outlet *outlet, int status, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    say_error("%s", length < 0 ? "out of memory" : text);
    free(text);
    outlet->status = status;
    return FLOW_FAILED;
}

static enum flow fail_queue(struct outlet *outlet, const char *what, int error)
{
    return outlet_fail(outlet, (int)exit_status_of(error), "queue '%s': %s: %s", outlet->name, what,
                       refusal_text(outlet->name, error));
}

static enum flow fail_open(struct outlet *outlet, const struct common_options *options, int error)
{
    options_explain(options, error);
    const char *difference = error == -EEXIST ? refusal_difference(options) : NULL;
    if (difference != NULL)
        return outlet_fail(outlet, EXIT_QUEUE, "queue '%s': %s", outlet->name, difference);
    return fail_queue(outlet, "cannot be opened", error);
}

static void attend(void *outlet)
{
    outlet_attend(outlet);
}

/* Return: as shmq_open; where no lane could be had, that is reported. */
static int open_lane(struct outlet *outlet, struct shmq_options *how)
{
    const struct lane_wait wait = {.queue = outlet->name,
                                   .on_full = outlet->on_full,
                                   .timeout_ns = outlet->timeout_ns,
                                   .attend = attend,
                                   .context = outlet};
    char text[LANE_WAIT_TEXT_BYTES];
    const int error = lane_wait_open(&outlet->queue, &wait, how);
    if (error == -EUSERS)
        outlet_fail(outlet, EXIT_TIMEOUT, "queue '%s': %s", outlet->name, lane_wait_text(&wait, text));
    return error;
}

/* A part that can be resumed has an identity of its own. */
static void tell_claim(struct shmq_options *how, const struct claim *claim)
{
    how->source_group = claim->group;
    how->source_part = claim->part;
    how->source_size = claim->size;
    how->source_check = claim->check;
    how->source_id = claim->resumable ? claim->group ^ claim->part * UINT64_C(0x9e3779b97f4a7c15) : 0;
    if (claim->resumable && how->source_id == 0)
        how->source_id = 1;
}

enum flow outlet_open(struct outlet *outlet, const struct options *options, const struct claim *claim)
{
    struct shmq_options how = options->common.shmq;
    how.create = true;
    tell_claim(&how, claim);
    outlet->resumable = claim->resumable;
    how.stop = &stop_requested;
    int error = open_lane(outlet, &how);
    if (error == -EINTR)
        return FLOW_END;
    if (error == -EUSERS)
        return FLOW_FAILED;
    if (error != 0)
        return fail_open(outlet, &options->common, error);
    stop_interrupts(outlet->queue);
    options_tell_rounding(&options->common);
    struct shmq_info info = SHMQ_INFO_INIT;
    error = shmq_info(outlet->queue, &info);
    if (error != 0)
        return fail_queue(outlet, "cannot be read", error);
    outlet->max_message = info.max_message_bytes;
    char capacity[UNITS_SIZE];
    char longest[UNITS_SIZE];
    say_detail("attached to queue '%s': %" PRIu32 " lanes of %s, messages up to %s", outlet->name, info.lanes,
               units_memory(capacity, info.capacity_bytes), units_memory(longest, info.max_message_bytes));
    return FLOW_ON;
}

enum flow outlet_mark(struct outlet *outlet, uint64_t offset, const void *end, uint64_t size)
{
    if (!outlet->resumable)
        return FLOW_ON;
    outlet->marks.before = outlet->marks.behind;
    outlet->marks.behind = mark_make(offset, end, size);
    int error = shmq_set_source_note(outlet->queue, &outlet->marks, sizeof(outlet->marks));
    return error != 0 ? fail_queue(outlet, "cannot keep how far the source has come", error) : FLOW_ON;
}

void outlet_attend(struct outlet *outlet)
{
    progress_tick(&outlet->progress);
    if (stop_statistics_wanted())
        outlet_report(outlet);
}

int64_t outlet_attend_ns(const struct outlet *outlet)
{
    return outlet->progress.shown ? outlet->progress.next_ns : -1;
}

/* Lets up to @wanted messages go once it is their time; 0 of them when an end is asked for. */
static size_t await_turn(struct outlet *outlet, size_t wanted)
{
    if (wanted > outlet->left)
        wanted = (size_t)outlet->left;
    if (!pace_is_set(&outlet->pace))
        return stop_requested != 0 && outlet->rereadable ? 0 : wanted;
    for (;;) {
        if (stop_requested != 0)
            return 0;
        int64_t due;
        size_t allowed = pace_allow(&outlet->pace, wanted, stop_now_ns(), &due);
        if (allowed > 0)
            return allowed;
        int64_t attend = outlet_attend_ns(outlet);
        stop_sleep_until(attend >= 0 && attend < due ? attend : due);
        outlet_attend(outlet);
    }
}

static enum flow account(struct outlet *outlet, const struct iovec *messages, size_t count)
{
    for (size_t i = 0; i < count; i++)
        outlet->progress.bytes += messages[i].iov_len;
    outlet->progress.messages += count;
    outlet->left -= count;
    if (pace_is_set(&outlet->pace))
        pace_sent(&outlet->pace, count, stop_now_ns());
    outlet_attend(outlet);
    int error = echo_messages(&outlet->echo, messages, count);
    if (error != 0)
        return outlet_fail(outlet, EXIT_FAILED, "standard output: cannot be written: %s", strerrordesc_np(-error));
    return FLOW_ON;
}

/* An end was asked for while the queue is full: whatever cannot be read again gets a moment more. */
static enum flow linger(struct outlet *outlet)
{
    int64_t now = stop_now_ns();
    if (outlet->rereadable || pace_is_set(&outlet->pace))
        return FLOW_END;
    if (outlet->stopped_ns == 0)
        outlet->stopped_ns = now;
    if (now - outlet->stopped_ns >= LINGER_NS)
        return FLOW_END;
    const struct timespec nap = {0, NAP_NS};
    nanosleep(&nap, NULL);
    return FLOW_ON;
}

/*
 * What to do about a put that found no room. FLOW_ON is to try again, or, with --on-full drop, to drop.
 *
 * @since_ns  since when there is no room
 */
static enum flow await_room(struct outlet *outlet, int error, int64_t since_ns)
{
    if (error != -EAGAIN && error != -ETIMEDOUT && error != -EINTR)
        return fail_queue(outlet, "cannot put", error);
    if (outlet->on_full == ON_FULL_DROP)
        return FLOW_ON;
    if (outlet->on_full == ON_FULL_FAIL)
        return outlet_fail(outlet, EXIT_TIMEOUT,
                           "queue '%s': full (consumers are slow or absent; --on-full block waits for them)",
                           outlet->name);
    outlet_attend(outlet);
    if (stop_requested != 0)
        return linger(outlet);
    if (wait_notice_is_due(&outlet->notice, since_ns)) {
        char who[ATTACHED_BYTES];
        say_status("waiting for room: the lane is full and %s", attached_consumers(outlet->queue, who));
    }
    if (outlet->timeout_ns >= 0 && stop_now_ns() - since_ns >= outlet->timeout_ns) {
        char text[UNITS_SIZE];
        return outlet_fail(outlet, EXIT_TIMEOUT,
                           "queue '%s': no room for %s (consumers are slow or absent; see --timeout)",
                           outlet->name, units_duration(text, outlet->timeout_ns));
    }
    return FLOW_ON;
}

/* How long one try may wait. */
static int64_t try_ns(const struct outlet *outlet, int64_t since_ns)
{
    if (outlet->on_full != ON_FULL_BLOCK)
        return 0;
    if (outlet->timeout_ns < 0)
        return SLICE_NS;
    /* Before the first try, the clock need not be read. */
    int64_t left = since_ns == 0 ? outlet->timeout_ns : since_ns + outlet->timeout_ns - stop_now_ns();
    return left < 0 ? 0 : left < SLICE_NS ? left : SLICE_NS;
}

static enum flow use_frame(struct outlet *outlet, enum shmq_frame frame)
{
    if (frame == outlet->frame)
        return FLOW_ON;
    int error = shmq_set_frame(outlet->queue, frame, outlet->delimiter);
    if (error != 0)
        return fail_queue(outlet, "cannot set the framing", error);
    outlet->frame = frame;
    return FLOW_ON;
}

/* Puts messages whose turn it is. */
static enum flow put_all(struct outlet *outlet, const struct iovec *messages, size_t count, size_t *taken)
{
    int64_t since = 0;
    size_t first = 0;
    while (first < count) {
        size_t done = 0;
        int64_t wait = try_ns(outlet, since);
        int64_t before = wait > 0 && since == 0 && outlet->timeout_ns > 0 ? stop_now_ns() : 0;
        int error = shmq_put_many(outlet->queue, messages + first, count - first, &done, wait);
        if (done > 0)
            wait_notice_end(&outlet->notice);
        enum flow flow = done > 0 ? account(outlet, messages + first, done) : FLOW_ON;
        first += done;
        *taken += done;
        if (flow != FLOW_ON)
            return flow;
        if (error == 0)
            break;
        if (done > 0)
            since = stop_now_ns();
        else if (since == 0)
            since = before != 0 ? before : stop_now_ns();
        flow = await_room(outlet, error, since);
        if (flow != FLOW_ON)
            return flow;
        if (outlet->on_full == ON_FULL_DROP) {
            first++;
            *taken += 1;
            outlet->dropped++;
            outlet->left--;
            /* A message that is dropped has had its turn. */
            if (pace_is_set(&outlet->pace))
                pace_sent(&outlet->pace, 1, stop_now_ns());
            outlet_attend(outlet);
        }
    }
    return FLOW_ON;
}

static size_t framed_bytes(const struct iovec *message, enum shmq_frame frame)
{
    size_t framing = frame == SHMQ_FRAME_DELIMITER ? 1 : frame == SHMQ_FRAME_LENGTH32 ? 4 : 0;
    return message->iov_len + framing;
}

/* Passes over what an earlier run has put; used where those messages have to be counted. */
static enum flow skip_done(struct outlet *outlet, const struct iovec *messages, size_t count,
                           enum shmq_frame frame, size_t *taken)
{
    while (*taken < count && outlet->skip > 0 && outlet->left > 0) {
        size_t bytes = framed_bytes(&messages[*taken], frame);
        if (bytes > outlet->skip)
            return outlet_fail(
                outlet, EXIT_FAILED,
                "--resume: the input has changed since the earlier run (start it without --resume)");
        outlet->skip -= bytes;
        outlet->left--;
        *taken += 1;
    }
    return outlet->left > 0 ? FLOW_ON : FLOW_END;
}

enum flow outlet_put(struct outlet *outlet, const struct iovec *messages, size_t count, enum shmq_frame frame,
                     size_t *taken)
{
    *taken = 0;
    enum flow flow = use_frame(outlet, frame);
    if (flow == FLOW_ON)
        flow = skip_done(outlet, messages, count, frame, taken);
    while (flow == FLOW_ON && *taken < count) {
        size_t allowed = await_turn(outlet, count - *taken);
        if (allowed == 0)
            return FLOW_END;
        flow = put_all(outlet, messages + *taken, allowed, taken);
        if (flow == FLOW_ON && outlet->left == 0)
            flow = FLOW_END;
    }
    return flow;
}

bool outlet_takes_in_place(const struct outlet *outlet)
{
    return outlet->on_full == ON_FULL_BLOCK && outlet->echo.prefix == NULL && outlet->skip == 0;
}

enum flow outlet_reserve(struct outlet *outlet, size_t size, void **payload)
{
    if (await_turn(outlet, 1) == 0)
        return FLOW_END;
    int64_t since = 0;
    for (;;) {
        int64_t before = since == 0 && outlet->timeout_ns > 0 ? stop_now_ns() : since;
        int error = shmq_reserve(outlet->queue, size, payload, try_ns(outlet, since));
        if (error == 0) {
            wait_notice_end(&outlet->notice);
            return FLOW_ON;
        }
        since = before != 0 ? before : stop_now_ns();
        enum flow flow = await_room(outlet, error, since);
        if (flow != FLOW_ON)
            return flow;
    }
}

enum flow outlet_commit(struct outlet *outlet, size_t length, enum shmq_frame frame)
{
    enum flow flow = use_frame(outlet, frame);
    if (flow != FLOW_ON)
        return flow;
    int error = shmq_commit(outlet->queue, length);
    if (error != 0)
        return fail_queue(outlet, "cannot put", error);
    const struct iovec message = {NULL, length};
    flow = account(outlet, &message, 1);
    return flow == FLOW_ON && outlet->left == 0 ? FLOW_END : flow;
}

int outlet_close(struct outlet *outlet)
{
    int error = echo_flush(&outlet->echo);
    if (error != 0 && outlet->status == EXIT_DONE)
        outlet_fail(outlet, EXIT_FAILED, "standard output: cannot be written: %s", strerrordesc_np(-error));
    if (outlet->queue == NULL)
        return outlet->status;
    stop_interrupts(NULL);
    if (outlet->status == EXIT_DONE && !outlet->unfinished) {
        error = shmq_finish(outlet->queue);
        if (error != 0)
            fail_queue(outlet, "cannot finish", error);
    }
    if (outlet->status == EXIT_DONE && !outlet->unfinished)
        error = shmq_close(outlet->queue);
    else if (outlet->withdrawn)
        shmq_withdraw(outlet->queue);
    else
        shmq_abandon(outlet->queue);
    if (error != 0 && outlet->status == EXIT_DONE)
        fail_queue(outlet, "cannot detach", error);
    outlet->queue = NULL;
    return outlet->status;
}

void outlet_report(const struct outlet *outlet)
{
    char extra[64] = "";
    const bool cut_short = outlet->reads_inputs && stop_requested != 0;
    if (outlet->dropped > 0 || outlet->on_full == ON_FULL_DROP)
        snprintf(extra, sizeof(extra), "%" PRIu64 " dropped%s", outlet->dropped,
                 cut_short ? ", stopped by a signal" : "");
    else if (cut_short)
        snprintf(extra, sizeof(extra), "stopped by a signal");
    if (outlet->dropped > 0 && say_get_level() == SAY_ERRORS)
        say_error("%" PRIu64 " dropped: the queue was full", outlet->dropped);
    progress_total(&outlet->progress, extra);
}
