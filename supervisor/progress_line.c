/* SPDX-License-Identifier: MIT */
#include "supervisor/progress_line.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cli/colour.h"
#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "common/cli/units.h"

#define NS_PER_MS INT64_C(1000000)

enum { REDRAW_MS = 250, LINE_MS = 10000, CHECK_COST = 20, COLUMNS = 80, LINE_BYTES = 256 };

static uint64_t size_of_inputs(const struct options *options)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < options->inputs.count && options->source == SOURCE_FILES; i++) {
        struct stat st;
        if (stat(options->inputs.words[i], &st) == 0)
            bytes += (uint64_t)st.st_size;
    }
    return bytes;
}

static int64_t interval(const struct progress_line *progress)
{
    return (progress->terminal ? REDRAW_MS : LINE_MS) * NS_PER_MS;
}

void progress_line_init(struct progress_line *progress, const struct supervisor *supervisor)
{
    *progress = (struct progress_line){
        .shown = supervisor->options->progress && say_get_level() >= SAY_STATUS,
        .terminal = colour_is_terminal(STDERR_FILENO),
        .input_bytes = size_of_inputs(supervisor->options),
        .drawn_ns = supervisor->now_ns,
        .put = supervisor->queue.put_before,
        .taken = supervisor->queue.put_before - supervisor->queue.left_before,
    };
    progress->next_ns = supervisor->now_ns + interval(progress);
}

static double per_second(uint64_t now, uint64_t before, int64_t ns)
{
    return ns <= 0 || now < before ? 0 : (double)(now - before) * 1e9 / (double)ns;
}

static void format_left(const struct progress_line *progress, const struct shmq_stat *stat, double byte_rate,
                        char *text, size_t size)
{
    char left[UNITS_SIZE];
    text[0] = '\0';
    if (progress->input_bytes <= stat->put_bytes || byte_rate < 1)
        return;
    double seconds = (double)(progress->input_bytes - stat->put_bytes) / byte_rate;
    snprintf(text, size, ", %s left", units_duration(left, (int64_t)(seconds * 1e9)));
}

static void format(struct progress_line *progress, struct supervisor *supervisor, const struct shmq_stat *stat,
                   char *line)
{
    char counts[4][UNITS_SIZE];
    char left[64];
    int64_t since = supervisor->now_ns - progress->drawn_ns;
    uint64_t taken = stat->put_messages - stat->messages;
    format_left(progress, stat, per_second(stat->put_bytes, progress->put_bytes, since), left, sizeof(left));
    snprintf(line, LINE_BYTES, "%s in (%s/s), %s out (%s/s), %u %% full%s",
             units_count(counts[0], (double)stat->put_messages),
             units_count(counts[1], per_second(stat->put_messages, progress->put, since)),
             units_count(counts[2], (double)taken),
             units_count(counts[3], per_second(taken, progress->taken, since)), queue_fill(&supervisor->queue),
             left);
    progress->put = stat->put_messages;
    progress->taken = taken;
    progress->put_bytes = stat->put_bytes;
    progress->drawn_ns = supervisor->now_ns;
}

static size_t width_of_terminal(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return COLUMNS;
    return size.ws_col;
}

void progress_line_tick(struct progress_line *progress, struct supervisor *supervisor)
{
    char line[LINE_BYTES];
    struct shmq_stat stat = SHMQ_STAT_INIT;
    if (!progress->shown || supervisor->now_ns < progress->next_ns)
        return;
    int64_t before = stop_now_ns();
    if (queue_stat(&supervisor->queue, &stat) == 0) {
        format(progress, supervisor, &stat, line);
        if (progress->terminal) {
            size_t width = width_of_terminal();
            line[width <= sizeof(line) ? width - 1 : sizeof(line) - 1] = '\0';
            relay_set_live(&supervisor->relay, line);
        } else {
            say_status("%s", line);
        }
    }
    int64_t pause = (stop_now_ns() - before) * CHECK_COST;
    progress->next_ns = supervisor->now_ns + (pause > interval(progress) ? pause : interval(progress));
}

void progress_line_end(struct progress_line *progress, struct supervisor *supervisor)
{
    if (progress->shown && progress->terminal)
        relay_set_live(&supervisor->relay, "");
}
