/* SPDX-License-Identifier: MIT */
#include "supervisor/summary.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/cli/open_error.h"
#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "common/cli/units.h"
#include "supervisor/mirror_map.h"

/* Reports the counts; @consumed receives whether any message was consumed. Returns how many messages are left. */
static uint64_t report_counts(struct supervisor *supervisor, bool *consumed, uint64_t dead)
{
    struct queue *queue = &supervisor->queue;
    struct shmq_stat stat = SHMQ_STAT_INIT;
    double seconds = (double)(stop_now_ns() - supervisor->started_ns) / 1e9;
    int error = queue_stat(queue, &stat);
    if (error != 0) {
        say_status("cannot count messages (%s), after %.2f s, %" PRIu64 " restart%s",
                   open_error_text(queue->name, error), seconds, supervisor->restarts,
                   units_plural(supervisor->restarts));
        return 0;
    }
    uint64_t put = stat.put_messages - queue->put_before;
    uint64_t gone = put + queue->left_before - stat.messages;
    *consumed = gone > 0;
    char letters[48] = "";
    if (dead > 0)
        snprintf(letters, sizeof(letters), ", %" PRIu64 " dead letter%s", dead, units_plural(dead));
    say_status("produced %" PRIu64 " message%s, consumed %" PRIu64 "%s, in %.2f s, %" PRIu64 " restart%s", put,
               units_plural(put), gone > dead ? gone - dead : 0, letters, seconds, supervisor->restarts,
               units_plural(supervisor->restarts));
    /* The consumer has reported its loss of acknowledged messages. Its restart does not repair the loss. */
    if (stat.lost)
        supervisor_fail(supervisor, EXIT_FAILED,
                        "messages that were acknowledged are no longer where they were written");
    return stat.messages;
}

static bool has_unread(const struct supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->count; i++) {
        if (supervisor->children[i].unread)
            return true;
    }
    return false;
}

/* Reports unread input, because exit status 0 means only that everything that was read has arrived. */
static void report_unread(const struct supervisor *supervisor, uint64_t messages)
{
    const struct options *options = supervisor->options;
    char list[4096];
    size_t used = 0;
    for (size_t i = 0; i < supervisor->count && used < sizeof(list); i++) {
        const struct child *child = &supervisor->children[i];
        if (child->unread)
            used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s%s", used > 0 ? ", " : "", child->name,
                                     child->progress);
    }
    if (used == 0)
        return;
    if (!options->resumable)
        say_error("stopped early: %s (any remaining input was not sent)", list);
    else
        say_error("stopped before the end of the input: %s (%s)", list,
                  options->keep || messages > 0 ? "the same command continues there"
                                                : "with --keep, the same command would continue there");
}

int summary_finish(struct supervisor *supervisor)
{
    if (supervisor->cut_short != 0) {
        say_error("cut short by a second signal: queue %s is kept (the same command takes over)",
                  supervisor->queue.name);
        return 128 + supervisor->cut_short;
    }
    bool consumed = true;
    uint64_t dead;
    int uncounted = dead_letters_count(&supervisor->dead_letters, &dead);
    uint64_t messages = report_counts(supervisor, &consumed, dead);
    if (supervisor->idle_expired && !consumed && messages == 0)
        supervisor_fail(supervisor, EXIT_TIMEOUT, "no message arrived within --idle");
    mirror_map_finish(supervisor);
    bool unread = has_unread(supervisor);
    report_unread(supervisor, messages);
    if (supervisor->failure != 0)
        say_error("failed: %s", supervisor->failure_text);
    else if (messages > 0 && supervisor->stop.number != 0 && supervisor_ends_commands(supervisor))
        say_error("stopped by SIG%s: %" PRIu64 " message%s left in queue %s",
                  sigabbrev_np(supervisor->stop.number), messages, messages == 1 ? " is" : "s are",
                  supervisor->queue.name);
    else if (messages > 0)
        say_error("failed: stopped before all messages arrived: %" PRIu64 " message%s left in queue %s", messages,
                  messages == 1 ? " is" : "s are", supervisor->queue.name);
    if (dead > 0)
        dead_letters_report(&supervisor->dead_letters, dead);
    if (uncounted != 0)
        dead_letters_report_uncounted(&supervisor->dead_letters, uncounted);
    queue_end(&supervisor->queue, messages, supervisor->failure == 0 && !unread, supervisor->failure != 0);
    if (supervisor->failure != 0)
        return supervisor->failure;
    if (messages > 0)
        return EXIT_FAILED;
    if (uncounted != 0 && !supervisor->gave_up)
        return EXIT_FAILED; /* nobody knows whether all arrived */
    return dead > 0 || supervisor->gave_up ? EXIT_DEAD_LETTERS : EXIT_DONE;
}
