/* SPDX-License-Identifier: MIT */
#include "supervisor/progress_line.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cli/bus_guard.h"
#include "common/cli/colour.h"
#include "common/cli/queue_look.h"
#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "common/cli/terminal.h"

enum { DELIMITER_BYTES = 1, LENGTH_BYTES = 4 };

/* Return: 0: some input is not a regular file. */
static uint64_t size_of_inputs(const struct options *options)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < options->inputs.count; i++) {
        struct stat st;
        if (stat(options->inputs.words[i], &st) != 0 || !S_ISREG(st.st_mode))
            return 0;
        bytes += (uint64_t)st.st_size;
    }
    return bytes;
}

/* What the framing takes beside each message, of the inputs and of the queue's bytes alike. */
static uint64_t framing_of(const struct options *options)
{
    const char *framing = options->framing;
    const bool bounded = framing == NULL || strcmp(framing, "delimiter") == 0 || strcmp(framing, "null") == 0;
    if (options->source == SOURCE_NATS)
        return 0;
    return bounded ? DELIMITER_BYTES : strcmp(framing, "length-prefixed") == 0 ? LENGTH_BYTES : 0;
}

/* How many messages there will be. Return: 0: not known. */
static uint64_t count_of(const struct options *options)
{
    const char *count = options_passed(options, "count");
    const uint64_t each = count != NULL ? strtoull(count, NULL, 10) : 0;
    if (options->words.given && options->source != SOURCE_FILES && (each == 0 || options->words.count < each))
        return options->words.count;
    return each <= UINT64_MAX / options->producers ? each * options->producers : 0;
}

void progress_line_init(struct progress_line *progress, const struct supervisor *supervisor)
{
    const struct options *options = supervisor->options;
    const struct queue *queue = &supervisor->queue;
    const struct progress_reading now = {.in = queue->left_before};
    *progress = (struct progress_line){
        .shown = options->progress && say_get_level() >= SAY_STATUS,
        .terminal = colour_is_terminal(STDERR_FILENO),
        .in_bytes = options->source == SOURCE_FILES,
        .framing_bytes = framing_of(options),
    };
    progress->interval_ns = progress_interval(options->progress_interval_ns, progress->terminal);
    progress->draw_ns = supervisor->now_ns + progress->interval_ns;
    progress->next_ns = progress_next_look(supervisor->now_ns, supervisor->now_ns, progress->draw_ns);
    progress->total = progress->in_bytes ? size_of_inputs(options) : count_of(options);
    progress_meters_init(&progress->meters, &now, supervisor->now_ns, progress->interval_ns);
}

/* What is looked at while the queue's memory may disappear. */
struct question {
    struct queue *queue;
    struct queue_look seen;
    char *why;
};

static int ask_look(void *context)
{
    struct question *question = context;
    return queue_look(question->queue->handle, &question->seen);
}

static int ask_why(void *context)
{
    struct question *question = context;
    queue_look_why(question->queue->handle, question->queue->name, false, question->why);
    return 0;
}

static uint64_t less(uint64_t from, uint64_t what)
{
    return from > what ? from - what : 0;
}

static void set_reading(const struct progress_line *progress, const struct queue *queue,
                        const struct queue_look *seen, struct progress_reading *reading)
{
    reading->in = less(seen->put + queue->left_before, queue->put_before);
    reading->out = less(reading->in, seen->left);
    /* What has come out, as the files have it; what is left was measured without its framing. */
    reading->bytes = less(seen->put_bytes, seen->left_bytes + seen->left * progress->framing_bytes);
    reading->total = progress->total;
    /* An earlier run of the same command has put the beginning of the files. */
    reading->done = progress->in_bytes ? reading->bytes : reading->out;
}

static void write_line(const struct progress_view *view, bool terminal, struct supervisor *supervisor)
{
    char text[PROGRESS_TEXT_BYTES];
    if (!terminal)
        progress_write(view, false, "");
    else if (terminal_is_ours(STDERR_FILENO))
        relay_set_live(&supervisor->relay, progress_text(view, "", terminal_columns(STDERR_FILENO) - 1, text));
}

/* @wanted: a line is due, too */
static void look_and_draw(struct progress_line *progress, struct supervisor *supervisor, bool wanted)
{
    char why[QUEUE_LOOK_TEXT_BYTES] = "";
    struct question question = {.queue = &supervisor->queue, .why = why};
    struct progress_reading reading = {0};
    struct progress_view view = {.extra = "", .still = why};
    const struct progress_meters *meters = &progress->meters;
    if (bus_guard_call(ask_look, &question) != 0)
        return;
    set_reading(progress, &supervisor->queue, &question.seen, &reading);
    view.fill_percent = question.seen.fill_percent;
    progress_measure(&progress->meters, &reading, supervisor->now_ns, &view);
    if (!wanted)
        return;
    /* Whoever still puts may do so while nothing comes out. */
    if (progress_is_still(meters, &meters->out) &&
        (question.seen.left > 0 || progress_is_still(meters, &meters->in)))
        (void)bus_guard_call(ask_why, &question);
    write_line(&view, progress->terminal, supervisor);
}

void progress_line_tick(struct progress_line *progress, struct supervisor *supervisor)
{
    if (!progress->shown || supervisor->now_ns < progress->next_ns)
        return;
    const int64_t before = stop_now_ns();
    const bool wanted = supervisor->now_ns >= progress->draw_ns;
    look_and_draw(progress, supervisor, wanted);
    const int64_t now = stop_now_ns();
    if (wanted)
        progress->draw_ns = now + progress->interval_ns;
    progress->next_ns = progress_next_look(before, now, progress->draw_ns);
}

void progress_line_end(struct progress_line *progress, struct supervisor *supervisor)
{
    if (progress->shown && progress->terminal)
        relay_set_live(&supervisor->relay, "");
}
