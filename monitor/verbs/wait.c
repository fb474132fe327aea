/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "common/cli/units.h"
#include "monitor/verbs/verbs.h"

#define POLL_NS INT64_C(20000000)
#define FRESH_NS POLL_NS
#define LOOK_NS INT64_C(100000000)

/*
 * Waits for the queue to exist. There is no notification for a new shared-memory name, so poll.
 *
 * @deadline_ns  on the monotonic clock; negative: no limit
 * @missing      receives whether it did not exist in the beginning
 */
static int await_queue(const struct options *options, int64_t deadline_ns, struct shmq **queue, bool *missing)
{
    const struct shmq_options how = {SHMQ_OPTIONS_DEFAULTS, .stop = stop_flag()};
    for (;;) {
        int error = shmq_open(queue, options->queue, SHMQ_OBSERVER, &how);
        if (error != -ENOENT)
            return error;
        *missing = true;
        int64_t now = stop_now_ns();
        if (stop_requested != 0)
            return -EINTR;
        if (deadline_ns >= 0 && now >= deadline_ns)
            return -ETIMEDOUT;
        int64_t next = now + POLL_NS;
        stop_sleep_until(deadline_ns >= 0 && deadline_ns < next ? deadline_ns : next);
        stop_statistics_wanted(); /* discards SIGUSR1, which would otherwise end every sleep at once */
    }
}

static int report_timeout(const struct options *options, bool exists, bool paused)
{
    char text[UNITS_SIZE];
    units_duration(text, options->timeout_ns);
    if (paused)
        say_error("queue '%s': not empty after %s, because it is paused (see '%smonitor resume %s')",
                  options->queue, text, say_prefix(), options->queue);
    else
        say_error("queue '%s': %s after %s", options->queue, exists ? "not empty" : "does not exist", text);
    return EXIT_TIMEOUT;
}

static int report(const struct options *options, int error)
{
    if (error == -EINTR) {
        say_error("queue '%s': interrupted before it %s", options->queue,
                  options->empty ? "was empty" : "existed");
        return EXIT_FAILED;
    }
    if (error == -ESHUTDOWN) {
        say_error("queue '%s': was shut down before it was empty; its messages stay (look: '%smonitor show %s'; "
                  "throw them away: '%smonitor remove %s --force')",
                  options->queue, say_prefix(), options->queue, say_prefix(), options->queue);
        return EXIT_ENDED;
    }
    return verb_fail(options, "cannot be waited for", error);
}

static bool is_timeout(int error)
{
    return error == -ETIMEDOUT || error == -EAGAIN;
}

/* Whether --alert holds, as for a damaged queue. What else cannot be read now is no alert. */
static bool is_alarmed(const struct options *options, struct shmq *queue)
{
    struct snapshot snapshot;
    if (options->alert.count == 0)
        return false;
    (void)snapshot_of(&snapshot, queue, options->queue, alert_needs_details(&options->alert));
    const bool readable = snapshot.error == 0 || snapshot.error == -EBADMSG;
    const bool holds = readable && alert_report(&options->alert, &snapshot);
    snapshot_free(&snapshot);
    return holds;
}

/* Whether nobody has put anything yet, nor finished without. */
static bool is_unused(struct shmq *queue)
{
    struct shmq_stat stat = SHMQ_STAT_INIT;
    return shmq_stat(queue, &stat) == 0 && stat.put_messages == 0 && stat.finished == 0 && stat.shut_down == 0;
}

/* Waits, even if nothing is in the queue. Return: -EINTR, or -ETIMEDOUT. */
static int pass_time(int64_t duration_ns)
{
    stop_sleep_until(stop_now_ns() + duration_ns);
    stop_statistics_wanted(); /* discards SIGUSR1 */
    return stop_requested != 0 ? -EINTR : -ETIMEDOUT;
}

/*
 * Like shmq_join, but looks meanwhile for alerts, which are EXIT_TIMEOUT, and for damage.
 *
 * @fresh  the queue came into being during the wait: it counts as empty only after somebody has put something
 *
 * Return: a negative errno, or 0.
 */
static int join(const struct options *options, struct shmq *queue, int64_t left_ns, bool fresh, bool *alarmed)
{
    const int64_t begun = stop_now_ns();
    for (;;) {
        int64_t rest_ns = left_ns < 0 ? SHMQ_FOREVER : left_ns - (stop_now_ns() - begun);
        rest_ns = left_ns >= 0 && rest_ns < 0 ? 0 : rest_ns;
        *alarmed = is_alarmed(options, queue);
        if (*alarmed)
            return 0;
        if (shmq_glance(queue, NULL, NULL) == -EBADMSG)
            return -EBADMSG;
        const bool last = left_ns >= 0 && rest_ns <= LOOK_NS;
        fresh = fresh && is_unused(queue);
        const int error =
            fresh ? pass_time(last ? rest_ns : FRESH_NS) : shmq_join(queue, last ? rest_ns : LOOK_NS);
        if (last || !is_timeout(error))
            return error;
    }
}

/* Returns the exit status. */
static int await_empty(const struct options *options, struct shmq *queue, int64_t deadline_ns, bool fresh)
{
    struct shmq_info info = SHMQ_INFO_INIT;
    int64_t left = deadline_ns < 0 ? SHMQ_FOREVER : deadline_ns - stop_now_ns();
    bool alarmed = false;
    int error = join(options, queue, deadline_ns >= 0 && left < 0 ? 0 : left, fresh, &alarmed);
    if (alarmed)
        return EXIT_TIMEOUT;
    if (error == 0)
        return EXIT_DONE;
    if (is_timeout(error) && fresh && is_unused(queue)) {
        say_error("queue '%s': nothing was put into it in time", options->queue);
        return EXIT_TIMEOUT;
    }
    if (is_timeout(error))
        return report_timeout(options, true, shmq_info(queue, &info) == 0 && info.paused);
    return report(options, error);
}

int verb_wait(const struct options *options)
{
    int64_t deadline = options->timeout_ns < 0 ? -1 : stop_now_ns() + options->timeout_ns;
    struct shmq *queue;
    bool fresh = false;
    int error = await_queue(options, deadline, &queue, &fresh);
    if (is_timeout(error))
        return report_timeout(options, false, false);
    if (error != 0)
        return report(options, error);
    stop_attach(queue);
    int status = options->empty               ? await_empty(options, queue, deadline, fresh)
                 : is_alarmed(options, queue) ? EXIT_TIMEOUT
                                              : EXIT_DONE;
    stop_detach(queue);
    shmq_close(queue);
    return status;
}
