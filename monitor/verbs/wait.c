/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "common/cli/units.h"
#include "monitor/verbs/verbs.h"

#define POLL_NS INT64_C(20000000)
#define ALERT_POLL_NS INT64_C(100000000)

/*
 * Waits for the queue to exist. There is no notification for a new shared-memory name, so poll.
 *
 * @deadline_ns  on the monotonic clock; negative: no limit
 */
static int await_queue(const struct options *options, int64_t deadline_ns, struct shmq **queue)
{
    const struct shmq_options how = {SHMQ_OPTIONS_DEFAULTS, .stop = stop_flag()};
    for (;;) {
        int error = shmq_open(queue, options->queue, SHMQ_OBSERVER, &how);
        if (error != -ENOENT)
            return error;
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

/* Like shmq_join, but looks for alerts meanwhile, which are EXIT_TIMEOUT. Return: a negative errno, or 0. */
static int join(const struct options *options, struct shmq *queue, int64_t left_ns, bool *alarmed)
{
    const int64_t begun = stop_now_ns();
    for (;;) {
        int64_t rest_ns = left_ns < 0 ? SHMQ_FOREVER : left_ns - (stop_now_ns() - begun);
        rest_ns = left_ns >= 0 && rest_ns < 0 ? 0 : rest_ns;
        *alarmed = is_alarmed(options, queue);
        const bool whole = options->alert.count == 0 || (left_ns >= 0 && rest_ns <= ALERT_POLL_NS);
        const int error = *alarmed ? 0 : shmq_join(queue, whole ? rest_ns : ALERT_POLL_NS);
        if (*alarmed || whole || !is_timeout(error))
            return error;
    }
}

/* Returns the exit status. */
static int await_empty(const struct options *options, struct shmq *queue, int64_t deadline_ns)
{
    struct shmq_info info = SHMQ_INFO_INIT;
    int64_t left = deadline_ns < 0 ? SHMQ_FOREVER : deadline_ns - stop_now_ns();
    bool alarmed = false;
    int error = join(options, queue, deadline_ns >= 0 && left < 0 ? 0 : left, &alarmed);
    if (alarmed)
        return EXIT_TIMEOUT;
    if (error == 0)
        return EXIT_DONE;
    if (is_timeout(error))
        return report_timeout(options, true, shmq_info(queue, &info) == 0 && info.paused);
    return report(options, error);
}

int verb_wait(const struct options *options)
{
    int64_t deadline = options->timeout_ns < 0 ? -1 : stop_now_ns() + options->timeout_ns;
    struct shmq *queue;
    int error = await_queue(options, deadline, &queue);
    if (is_timeout(error))
        return report_timeout(options, false, false);
    if (error != 0)
        return report(options, error);
    stop_attach(queue);
    int status = options->empty               ? await_empty(options, queue, deadline)
                 : is_alarmed(options, queue) ? EXIT_TIMEOUT
                                              : EXIT_DONE;
    stop_detach(queue);
    shmq_close(queue);
    return status;
}
