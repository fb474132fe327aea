/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/cli/queue_file.h"
#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "monitor/formats/event.h"
#include "monitor/output.h"
#include "monitor/verbs/verbs.h"

#define POLL_NS INT64_C(200000000)
#define PATIENCE_NS INT64_C(1000000000) /* for an event that is being written */
#define STOPPED 1                       /* what the visitor returns when it goes on later, or not at all */
#define DATE_SIZE 16

struct showing {
    const struct options *options;
    struct shmq *queue;
    uint64_t next;         /* number of the first event that was not shown */
    uint64_t shown;        /* how many were */
    bool begun;            /* something was shown: a gap from now on is a loss */
    bool patient;          /* an event that cannot be read yet is waited for */
    int64_t unreadable_ns; /* since when .next could not be read; 0: it was not tried */
    char date[DATE_SIZE];  /* of the last event shown */
};

/* The clock's date at first, so that a list of today's events has none. */
static void set_today(struct showing *showing)
{
    const struct shmq_event now = {.kind = SHMQ_EVENT_CREATED, .realtime_ns = (int64_t)time(NULL) * 1000000000};
    event_date(&now, showing->date, sizeof(showing->date));
}

static void show_text(struct showing *showing, const struct shmq_event *event)
{
    char text[EVENT_TEXT_SIZE];
    char date[DATE_SIZE];
    event_date(event, date, sizeof(date));
    if (date[0] != '\0' && strcmp(date, showing->date) != 0) {
        memcpy(showing->date, date, sizeof(showing->date));
        puts(date);
    }
    puts(event_describe(event, text, sizeof(text)));
}

/* Whether to look at an event again later, because its writer may still be at it. */
static bool waits_for(struct showing *showing, const struct shmq_event *event)
{
    if (!showing->patient || event->kind != SHMQ_EVENT_UNREADABLE)
        return false;
    const int64_t now = stop_now_ns();
    if (showing->unreadable_ns == 0 || showing->next != event->number)
        showing->unreadable_ns = now;
    showing->next = event->number;
    return now - showing->unreadable_ns < PATIENCE_NS;
}

static int show(void *context, const struct shmq_event *event)
{
    struct showing *showing = context;
    const uint64_t missed = event->number - showing->next;
    if (showing->begun && missed > 0)
        say_error("queue '%s': %" PRIu64 " event%s overwritten before they could be read", showing->options->queue,
                  missed, missed == 1 ? " was" : "s were");
    if (waits_for(showing, event))
        return STOPPED;
    if (showing->options->format == FORMAT_JSON)
        event_print_json(stdout, event);
    else
        show_text(showing, event);
    showing->begun = true;
    showing->shown++;
    showing->unreadable_ns = 0;
    showing->next = event->number + 1;
    return ferror(stdout) != 0 ? STOPPED : 0;
}

/* Shows what is new. Return: as shmq_events. */
static int show_new(struct showing *showing)
{
    const int error = shmq_events(showing->queue, showing->next, show, showing);
    return error == STOPPED ? 0 : error;
}

static bool is_removed(struct shmq *queue)
{
    struct shmq_info info = SHMQ_INFO_INIT;
    return shmq_info(queue, &info) == 0 && info.removed;
}

/* Says how it ended, and whether there is another queue of that name. */
static void report_removal(const char *name)
{
    struct shmq *other;
    const bool again = shmq_open(&other, name, SHMQ_OBSERVER, NULL) == 0;
    if (again)
        (void)shmq_close(other);
    say_error("queue '%s': was removed%s", name, again ? ", and there is a new one" : "");
}

/* Return: whether somebody still reads what is printed. There is no notification for an event, so it waits a
 * while.
 */
static bool wait_a_while(void)
{
    if (!output_flush())
        return false;
    const bool gone = stop_wait_fd(STDOUT_FILENO, 0, stop_now_ns() + POLL_NS) > 0;
    (void)stop_statistics_wanted(); /* discards SIGUSR1, which would otherwise end every wait at once */
    if (gone)
        say_error("standard output: its reader has ended");
    return !gone;
}

/* Of a file, what is there has been shown; says what is not. Return: the exit status. */
static int fail(const struct showing *showing, int error)
{
    const struct options *options = showing->options;
    struct shmq_stat stat = SHMQ_STAT_INIT;
    char damage[QUEUE_FILE_TEXT_BYTES];
    if (!queue_file_is_path(options->queue) || error != -EBADMSG)
        return verb_fail(options, "its events cannot be read", error);
    (void)shmq_stat(showing->queue, &stat);
    const uint64_t kept = stat.events < SHMQ_EVENTS_MAX ? stat.events : SHMQ_EVENTS_MAX;
    if (kept <= showing->shown)
        return verb_fail(options, "its events cannot be read", error);
    say_error("file '%s': %" PRIu64 " of its %" PRIu64 " events cannot be read: %s", options->queue,
              kept - showing->shown, kept, queue_file_damage(showing->queue, showing->options->queue, damage));
    return EXIT_QUEUE;
}

/* Goes on until it is stopped, nobody reads it, or the queue is removed. Return: the exit status. */
static int follow(struct showing *showing)
{
    bool removed = false;
    while (stop_requested == 0 && !removed) {
        removed = is_removed(showing->queue); /* before the last look, so that it misses nothing */
        showing->patient = !removed;
        const int error = show_new(showing);
        if (error != 0)
            return fail(showing, error);
        if ((!removed || ferror(stdout) != 0) && !wait_a_while())
            return EXIT_FAILED;
    }
    if (removed)
        report_removal(showing->options->queue);
    return EXIT_DONE;
}

int verb_events(const struct options *options)
{
    struct showing showing = {.options = options};
    const bool file = queue_file_is_path(options->queue);
    if (file && options->follow)
        options_usage("--follow: a copy in a file does not change (leave --follow out)");
    const int opened = queue_file_open(&showing.queue, options->queue);
    if (opened != 0)
        return verb_fail(options, "its events cannot be read", opened);
    set_today(&showing);
    int status = EXIT_DONE;
    if (options->follow) {
        status = follow(&showing);
    } else {
        const int error = show_new(&showing);
        status = error != 0 ? fail(&showing, error) : verb_judge(options, showing.queue);
    }
    shmq_close(showing.queue);
    return status;
}
