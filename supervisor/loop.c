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
#define LAST_WORDS_NS (100 * NS_PER_MS) /* for what a command left running */
#define READER_NS (2000 * NS_PER_MS)    /* for whoever reads our stderr */

/* What is waited for. */
struct watch {
    struct pollfd *fds;
    struct relay_source **sources; /* beside each; NULL: it is none */
    size_t count;
    size_t room;
};

static void add(struct watch *watch, int fd, short events, struct relay_source *source)
{
    if (watch->count == watch->room) {
        size_t room = watch->room * 2 + 16;
        struct pollfd *fds = realloc(watch->fds, room * sizeof(*fds));
        if (fds != NULL)
            watch->fds = fds;
        struct relay_source **sources = realloc(watch->sources, room * sizeof(*sources));
        if (sources != NULL)
            watch->sources = sources;
        if (fds == NULL || sources == NULL)
            return; /* it is looked at when something else happens */
        watch->room = room;
    }
    watch->fds[watch->count] = (struct pollfd){.fd = fd, .events = events};
    watch->sources[watch->count++] = source;
}

static void collect(struct supervisor *supervisor, struct watch *watch)
{
    watch->count = 0;
    if (relay_has_more(&supervisor->relay))
        add(watch, STDERR_FILENO, POLLOUT, NULL);
    for (struct relay_source *source = supervisor->relay.sources; source != NULL; source = source->next) {
        if (source->fd >= 0)
            add(watch, source->fd, POLLIN, source);
    }
    for (size_t i = 0; i < supervisor->count; i++) {
        if (supervisor->children[i].pid != 0 && supervisor->children[i].pidfd >= 0)
            add(watch, supervisor->children[i].pidfd, POLLIN, NULL);
    }
}

/* Sleeps, and lets in what children say. */
static void wait_for_something(struct supervisor *supervisor, struct watch *watch, int64_t deadline_ns)
{
    collect(supervisor, watch);
    int ready = signals_poll(watch->fds, (nfds_t)watch->count, deadline_ns);
    for (size_t i = 0; i < watch->count && ready > 0; i++) {
        if (watch->fds[i].revents != 0 && watch->sources[i] != NULL)
            relay_read(&supervisor->relay, watch->sources[i]);
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

/* All that it has said comes before what is said about it. What it has started may hold its pipe open. */
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

/* Everybody's: as process 1, there are others than children. */
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
        child_forget(child);
        finish_stderr(supervisor, child);
        states_handle(supervisor, child, child->end.status == 0 ? EVENT_SUCCESS : EVENT_FAILURE);
    }
}

/* ------------------------------------------------------------------ signals */

static void signal_children(struct supervisor *supervisor, int number)
{
    for (size_t i = 0; i < supervisor->count; i++)
        child_signal(&supervisor->children[i], number);
}

/* Ctrl-Z reaches us alone: the children are stopped, then we are. */
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

/* When something is due; negative: nothing is. */
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
    struct watch watch = {0};
    struct progress_line progress;
    supervisor->now_ns = supervisor->started_ns = stop_now_ns();
    progress_line_init(&progress, supervisor);
    /* Signals that have come meanwhile: who is told to end before anything is begun begins nothing. */
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
        wait_for_something(supervisor, &watch, next_due(supervisor, &progress));
        handle_signals(supervisor);
        reap(supervisor);
    }
    progress_line_end(&progress, supervisor);
    free(watch.fds);
    free(watch.sources);
}

void loop_finish_output(struct supervisor *supervisor)
{
    struct watch watch = {0};
    struct relay *relay = &supervisor->relay;
    int64_t begun = stop_now_ns();
    while (relay_open_sources(relay) > 0 && stop_now_ns() < begun + LAST_WORDS_NS)
        wait_for_something(supervisor, &watch, begun + LAST_WORDS_NS);
    relay_remove_all(relay);
    begun = stop_now_ns();
    while (relay_has_more(relay) && !relay->broken && stop_now_ns() < begun + READER_NS)
        wait_for_something(supervisor, &watch, begun + READER_NS);
    free(watch.fds);
    free(watch.sources);
}
