/* SPDX-License-Identifier: MIT */
#include "supervisor/stopping.h"

#include <signal.h>
#include <string.h>

#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "supervisor/states.h"

#define NS_PER_MS INT64_C(1000000)
#define KILL_AFTER_NS (2000 * NS_PER_MS)
#define CHECK_NS (10 * NS_PER_MS)

enum { CHECK_COST = 20 }; /* checks take at most 1/CHECK_COST of the time */

static void begin(struct supervisor *supervisor)
{
    supervisor->phase = PHASE_DRAINING;
    supervisor->deadline_ns = supervisor->now_ns + supervisor->options->grace_ns;
    states_handle_all(supervisor, EVENT_STOP);
}

/* Consumers that run commands are told to end together with the producers: no more commands are to be started. */
static void end_commands(struct supervisor *supervisor)
{
    const int64_t end_ns = supervisor->now_ns + supervisor->options->consumer_end_ns;
    if (supervisor->consumers_told) /* a second SIGTERM would be a second signal to them */
        return;
    if (end_ns > supervisor->deadline_ns)
        supervisor->deadline_ns = end_ns;
    supervisor->consumers_told = true;
    states_handle_all(supervisor, EVENT_DRAINED);
}

static void terminate_all(struct supervisor *supervisor)
{
    const struct options *options = supervisor->options;
    const bool commands = options_run_commands(options) && !supervisor->consumers_told;
    supervisor->phase = PHASE_TERMINATING;
    supervisor->deadline_ns = supervisor->now_ns + (commands ? options->consumer_end_ns : KILL_AFTER_NS);
    states_handle_all(supervisor, EVENT_TERMINATE);
}

static void kill_all(struct supervisor *supervisor)
{
    supervisor->phase = PHASE_KILLING;
    supervisor->deadline_ns = supervisor->now_ns + KILL_AFTER_NS;
    states_handle_all(supervisor, EVENT_KILL);
}

/* Whether two signals are one request: a terminal that closes sends SIGHUP in addition to other signals. */
static bool is_repeated(const struct stop_signal *first, const struct stop_signal *stop)
{
    const bool same = first->number == stop->number || first->number == SIGHUP || stop->number == SIGHUP;
    return first->number != 0 && same && stop->at_ns - first->at_ns < STOP_REPEAT_NS;
}

/* Whether a signal is the first: with commands, also if the queue is being drained after a failure. */
static bool is_first(const struct supervisor *supervisor)
{
    if (supervisor->phase == PHASE_WORKING)
        return true;
    return supervisor->phase == PHASE_DRAINING && supervisor->stop.number == 0 &&
           options_run_commands(supervisor->options);
}

void stopping_signal(struct supervisor *supervisor, const struct stop_signal *stop)
{
    const bool commands = options_run_commands(supervisor->options);
    if (is_first(supervisor)) {
        say_status(commands ? "SIG%s: stopping; no more commands are started (again: stop at once)"
                            : "SIG%s: stopping the producers, then draining (again: stop at once)",
                   sigabbrev_np(stop->number));
        supervisor->stop = *stop;
        begin(supervisor);
        if (commands)
            end_commands(supervisor);
        return;
    }
    if (supervisor->cut_short == 0 && is_repeated(&supervisor->stop, stop))
        return;
    supervisor->cut_short = stop->number;
    kill_all(supervisor);
}

/* There is no notification for a drained queue, so check it, less often if the check takes long. */
static void stop_idle_consumers(struct supervisor *supervisor)
{
    supervisor->next_check_ns = 0;
    if (supervisor->phase != PHASE_DRAINING || supervisor->consumers_told || supervisor_has_producers(supervisor))
        return;
    int64_t before = stop_now_ns();
    if (supervisor_has_work(supervisor)) {
        int64_t pause = (stop_now_ns() - before) * CHECK_COST;
        supervisor->next_check_ns = supervisor->now_ns + (pause > CHECK_NS ? pause : CHECK_NS);
        return;
    }
    supervisor->consumers_told = true;
    states_handle_all(supervisor, EVENT_DRAINED);
}

void stopping_advance(struct supervisor *supervisor)
{
    if (supervisor->phase == PHASE_WORKING) {
        if (supervisor->failure == 0)
            return;
        begin(supervisor);
    }
    if (supervisor->halted)
        end_commands(supervisor);
    if (supervisor->now_ns >= supervisor->next_check_ns)
        stop_idle_consumers(supervisor);
    if (supervisor->now_ns < supervisor->deadline_ns)
        return;
    if (supervisor->phase == PHASE_DRAINING) {
        say_error("not done within --grace %s: ending the remaining children", supervisor->options->grace_text);
        terminate_all(supervisor);
    } else {
        kill_all(supervisor);
    }
}
