/* SPDX-License-Identifier: MIT */
#include "supervisor/loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "supervisor/mirror_map.h"
#include "supervisor/progress_line.h"
#include "supervisor/signals.h"
#include "supervisor/states.h"
#include "supervisor/stopping.h"

#define NS_PER_MS INT64_C(1000000)
/* How long to wait at the end for output of processes that a command left running, and for the reader of stderr.
 */
#define DESCENDANTS_NS (100 * NS_PER_MS)
#define READER_NS (2000 * NS_PER_MS)

/* The descriptors that ppoll waits for. */
struct poll_set {
    struct pollfd *fds;
    struct relay_source **sources; /* the source of each descriptor; NULL: not a relay source */
    size_t count;
    size_t room;
};

static void add(struct poll_set *set, int fd, short events, struct relay_source *source)
{
    if (set->count == set->room) {
        size_t room = set->room * 2 + 16;
        struct pollfd *fds = realloc(set->fds, room * sizeof(*fds));
        if (fds != NULL)
            set->fds = fds;
        struct relay_source **sources = realloc(set->sources, room * sizeof(*sources));
        if (sources != NULL)
            set->sources = sources;
        if (fds == NULL || sources == NULL)
            return; /* its event is handled at the next wake-up */
        set->room = room;
    }
    set->fds[set->count] = (struct pollfd){.fd = fd, .events = events};
    set->sources[set->count++] = source;
}

static void collect(struct supervisor *supervisor, struct poll_set *set)
{
    set->count = 0;
    if (relay_has_more(&supervisor->relay))
        add(set, STDERR_FILENO, POLLOUT, NULL);
    for (struct relay_source *source = supervisor->relay.sources; source != NULL; source = source->next) {
        if (source->fd >= 0)
            add(set, source->fd, POLLIN, source);
    }
    for (size_t i = 0; i < supervisor->count; i++) {
        if (supervisor->children[i].pid != 0 && supervisor->children[i].pidfd >= 0)
            add(set, supervisor->children[i].pidfd, POLLIN, NULL);
    }
}

/* Sleeps until an event arrives, then relays the children's stderr output. */
static void wait_for_event(struct supervisor *supervisor, struct poll_set *set, int64_t deadline_ns)
{
    collect(supervisor, set);
    int ready = signals_poll(set->fds, (nfds_t)set->count, deadline_ns);
    for (size_t i = 0; i < set->count && ready > 0; i++) {
        if (set->fds[i].revents != 0 && set->sources[i] != NULL)
            relay_read(&supervisor->relay, set->sources[i]);
    }
    relay_write(&supervisor->relay);
    supervisor->now_ns = stop_now_ns();
}

/* ------------------------------------------------------------------ ends of children */

static struct child *child_of(struct supervisor *supervisor, pid_t pid)
{
    for (size_t i = 0; i < supervisor->count; i++) {
        if (supervisor->children[i].pid == pid)
            return &supervisor->children[i];
    }
    return NULL;
}

/* Relays the child's output before its end is reported. Its descendants may keep the pipe open. */
static void finish_stderr(struct supervisor *supervisor, struct child *child)
{
    if (child->previous_stderr != NULL)
        relay_remove(&supervisor->relay, child->previous_stderr);
    child->previous_stderr = child->stderr_source;
    child->stderr_source = NULL;
    relay_read(&supervisor->relay, child->previous_stderr);
    if (child->previous_stderr->fd >= 0)
        return;
    relay_remove(&supervisor->relay, child->previous_stderr);
    child->previous_stderr = NULL;
}

/* Reaps all processes: as process 1, the supervisor also inherits orphans. */
static void reap(struct supervisor *supervisor)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct child *child = child_of(supervisor, pid);
        if (child == NULL)
            continue;
        child->end.killed = WIFSIGNALED(status);
        child->end.status = child->end.killed ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        child->end.lasting = child->end.status == EXIT_LASTING;
        if (child->end.lasting)
            child->end.status = EXIT_FAILED;
        child->end.halted = child->role == ROLE_CONSUMER && child->end.status == EXIT_HALTED;
        if (child->end.halted)
            child->end.status = EXIT_DEAD_LETTERS;
        if (child->role == ROLE_CONSUMER && child->end.status == EXIT_DEAD_LETTERS)
            supervisor->gave_up = true;
        child_forget(child);
        finish_stderr(supervisor, child);
        states_handle(supervisor, child, child_succeeded(child) ? EVENT_SUCCESS : EVENT_FAILURE);
    }
}

/* ------------------------------------------------------------------ signals */

static void signal_children(struct supervisor *supervisor, int number)
{
    for (size_t i = 0; i < supervisor->count; i++)
        child_signal(&supervisor->children[i], number);
}

/* Ctrl-Z reaches only the supervisor, so it stops the children and then itself. */
static void suspend(struct supervisor *supervisor)
{
    supervisor->suspended = true;
    signal_children(supervisor, SIGSTOP);
    relay_set_live(&supervisor->relay, "");
    signals_suspend();
}

static void handle_signals(struct supervisor *supervisor)
{
    struct stop_signal stop;
    while (signals_take_stop(&stop))
        stopping_signal(supervisor, &stop);
    if (signals_take(SIGUSR1))
        signal_children(supervisor, SIGUSR1);
    if (signals_take(SIGTSTP))
        suspend(supervisor);
    if ((signals_take(SIGCONT) || supervisor->suspended) && supervisor->suspended) {
        supervisor->suspended = false;
        signal_children(supervisor, SIGCONT);
    }
}

/* ------------------------------------------------------------------ the loop */

static int64_t earlier(int64_t one, int64_t other)
{
    return one < 0 || (other >= 0 && other < one) ? other : one;
}

/* The time of the next timer; negative: none. */
static int64_t next_due(const struct supervisor *supervisor, const struct progress_line *progress)
{
    int64_t due = progress->shown ? progress->next_ns : -1;
    if (supervisor->phase != PHASE_WORKING)
        due = earlier(due, supervisor->deadline_ns);
    else if (supervisor->failure != 0)
        return supervisor->now_ns;
    if (supervisor->next_check_ns != 0)
        due = earlier(due, supervisor->next_check_ns);
    if (supervisor->map_ns != 0)
        due = earlier(due, supervisor->map_ns);
    for (size_t i = 0; i < supervisor->count; i++) {
        if (supervisor->children[i].state == CHILD_BACKING_OFF)
            due = earlier(due, supervisor->children[i].due_ns);
    }
    return due;
}

static void start_due(struct supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->count; i++) {
        struct child *child = &supervisor->children[i];
        bool due = child->state == CHILD_STARTING ||
                   (child->state == CHILD_BACKING_OFF && child->due_ns <= supervisor->now_ns);
        if (due && supervisor->failure == 0)
            states_handle(supervisor, child, EVENT_TIMER);
        else if (due)
            states_handle(supervisor, child, child->role == ROLE_PRODUCER ? EVENT_STOP : EVENT_TIMER);
    }
}

void loop_run(struct supervisor *supervisor)
{
    struct poll_set set = {0};
    struct progress_line progress;
    supervisor->now_ns = supervisor->started_ns = stop_now_ns();
    progress_line_init(&progress, supervisor);
    /* Handles pending signals first, so that nothing starts after a stop request. */
    signals_poll(NULL, 0, 0);
    handle_signals(supervisor);
    mirror_map_begin(supervisor);
    for (;;) {
        start_due(supervisor);
        mirror_map_tick(supervisor);
        stopping_advance(supervisor);
        if (!supervisor_is_busy(supervisor))
            break;
        progress_line_tick(&progress, supervisor);
        wait_for_event(supervisor, &set, next_due(supervisor, &progress));
        handle_signals(supervisor);
        reap(supervisor);
    }
    progress_line_end(&progress, supervisor);
    free(set.fds);
    free(set.sources);
}

void loop_finish_output(struct supervisor *supervisor)
{
    struct poll_set set = {0};
    struct relay *relay = &supervisor->relay;
    int64_t begun = stop_now_ns();
    while (relay_open_sources(relay) > 0 && stop_now_ns() < begun + DESCENDANTS_NS)
        wait_for_event(supervisor, &set, begun + DESCENDANTS_NS);
    relay_remove_all(relay);
    begun = stop_now_ns();
    while (relay_has_more(relay) && !relay->broken && stop_now_ns() < begun + READER_NS)
        wait_for_event(supervisor, &set, begun + READER_NS);
    free(set.fds);
    free(set.sources);
}
