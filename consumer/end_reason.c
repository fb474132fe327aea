/* SPDX-License-Identifier: MIT */
#include "consumer/end_reason.h"

#include <errno.h>
#include <stdio.h>

#include "common/cli/open_error.h"
#include "common/cli/say.h"
#include "common/cli/units.h"

enum { AMOUNT_BYTES = 80 };

/* "3 messages"; with --count 5, "3 of 5 messages". */
static char *amount(char *text, const struct consumer_options *options, const struct totals *totals)
{
    unsigned long long delivered = totals_handled(totals);

    if (options->count > 0)
        snprintf(text, AMOUNT_BYTES, "%llu of %llu message%s", delivered, (unsigned long long)options->count,
                 units_plural(options->count));
    else
        snprintf(text, AMOUNT_BYTES, "%llu message%s", delivered, units_plural(delivered));
    return text;
}

static bool is_short(const struct consumer_options *options, const struct totals *totals)
{
    return totals_handled(totals) < options->count;
}

static void say_idle(const struct consumer_options *options, const struct totals *totals, bool paused)
{
    char delivered[AMOUNT_BYTES + 16] = "";
    char text[AMOUNT_BYTES];
    char duration[UNITS_SIZE];
    const char *queue = options->common.queue;

    units_duration(duration, options->idle_ns);
    if (options->count > 0)
        snprintf(delivered, sizeof(delivered), "; %s delivered", amount(text, options, totals));
    if (paused)
        say_error("queue '%s': no message for %s, because it is paused%s (see '%smonitor resume %s')", queue,
                  duration, delivered, say_prefix(), queue);
    else
        say_error("queue '%s': no message for %s%s (see --idle%s)", queue, duration, delivered,
                  options->count > 0 ? " and --count" : "");
}

/* Why the queue cannot be used. */
static const char *reason(const struct common_options *options, int error)
{
    const char *difference = error == -EEXIST ? open_error_difference(options) : NULL;

    return difference ? difference : open_error_text(options->queue, error);
}

static void say_error_of_queue(const struct consumer_options *options, const struct totals *totals, int error)
{
    const char *queue = options->common.queue;
    char text[AMOUNT_BYTES];

    amount(text, options, totals);
    switch (error) {
    case -ENODATA:
        say_error("queue '%s': all producers have finished; %s delivered (see --count)", queue, text);
        break;
    case -EOWNERDEAD:
        say_error("queue '%s': a producer died before it finished; %s delivered (resume it for the rest, or "
                  "'%smonitor finish %s')",
                  queue, text, say_prefix(), queue);
        break;
    case -ESHUTDOWN:
        say_error("queue '%s': was shut down; %s delivered", queue, text);
        break;
    case -EUSERS:
        say_error("queue '%s': all seats are taken (stop a consumer, or create the queue with more --seats)",
                  queue);
        break;
    default:
        say_error("queue '%s': %s", queue, reason(&options->common, error));
        break;
    }
}

/* Returns the exit status; reports the reason unless it is 0. */
static enum exit_status judge(const struct consumer_options *options, const struct totals *totals, int end)
{
    switch (end) {
    case END_COUNT:
    case -EINTR:
        return EXIT_DONE;
    case END_FAILED:
        return EXIT_FAILED;
    case END_FAILURES:
        say_error("queue '%s': no more is started, because %llu message%s given up (see --max-failures)",
                  options->common.queue, (unsigned long long)totals->dead_letters,
                  totals->dead_letters == 1 ? " was" : "s were");
        return options->common.supervised ? EXIT_HALTED : EXIT_DEAD_LETTERS;
    case END_UNFIT:
        return EXIT_QUEUE;
    case END_REFUSED:
        return EXIT_USAGE;
    case END_GAVE_UP:
        return EXIT_TIMEOUT;
    case END_IDLE:
    case END_PAUSED:
        if (totals_handled(totals) > 0 && !is_short(options, totals))
            return EXIT_DONE;
        say_idle(options, totals, end == END_PAUSED);
        return EXIT_TIMEOUT;
    case -ENODATA:
        if (!is_short(options, totals))
            return EXIT_DONE;
        say_error_of_queue(options, totals, end);
        return EXIT_ENDED;
    default:
        say_error_of_queue(options, totals, end);
        return end == -EUSERS ? EXIT_FAILED : exit_status_of(end);
    }
}

/* Where a supervisor reports this at the end, it says what to do. */
static void say_dead_letters(const struct consumer_options *options, const struct totals *totals)
{
    const char *queue = options->dead_letter;
    unsigned long long count = totals->dead_letters;

    if (!options->common.supervised)
        say_error("%llu message%s given up and moved to queue '%s' (look: '%smonitor peek %s'; run again: "
                  "'%smonitor kick %s')",
                  count, count == 1 ? " was" : "s were", queue, say_prefix(), queue, say_prefix(), queue);
}

static void say_cut_short(const struct consumer_options *options, uint64_t count)
{
    char grace[UNITS_SIZE];

    say_status("%llu command%s ended after --grace %s; what %s working on is in queue '%s' again",
               (unsigned long long)count, count == 1 ? " was" : "s were",
               units_time(grace, options->common.shmq.grace_ns), count == 1 ? "it was" : "they were",
               options->common.queue);
}

static const char *why_it_ended(int end)
{
    switch (end) {
    case -EINTR:
        return "stopped by a signal";
    case END_IDLE:
        return "idle";
    case END_PAUSED:
        return "idle, because the queue is paused";
    default:
        return NULL;
    }
}

enum exit_status end_reason_report(const struct consumer_options *options, struct totals *totals, int end)
{
    const char *why = why_it_ended(end);
    enum exit_status status = judge(options, totals, end);

    if (totals->cut_short > 0)
        say_cut_short(options, totals->cut_short);
    if (totals->dead_letters > 0)
        say_dead_letters(options, totals);
    totals_print(totals, why);
    return status == EXIT_DONE && totals->dead_letters > 0 ? EXIT_DEAD_LETTERS : status;
}
