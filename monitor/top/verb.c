/* SPDX-License-Identifier: MIT */
/* The verb top, in monitor-top: in the place of monitor/verbs/top.c. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "common/cli/bus_guard.h"
#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "monitor/top/canvas.h"
#include "monitor/top/capabilities.h"
#include "monitor/top/frame.h"
#include "monitor/top/keys.h"
#include "monitor/top/layout.h"
#include "monitor/top/list_page.h"
#include "monitor/top/queue_page.h"
#include "monitor/top/screen.h"
#include "monitor/top/terminal.h"
#include "monitor/top/watch.h"
#include "monitor/verbs/verbs.h"

#define TICK_NS INT64_C(500000000)

struct top {
    struct model model;
    struct watch watch;
    struct canvas canvas;
    int wake; /* readable: a signal, or something was found */
    int end;  /* the signal that ended it; 0: none */
    bool lost;
};

static void draw(struct top *top)
{
    char clock[16] = "";
    struct tm parts;
    const time_t now = time(NULL);
    const int64_t now_ns = stop_now_ns();
    int rows;
    int columns;
    screen_size(&rows, &columns);
    if (!canvas_clear(&top->canvas, rows, columns))
        return;
    if (localtime_r(&now, &parts) != NULL)
        (void)strftime(clock, sizeof(clock), "%H:%M:%S", &parts);
    model_fit(&top->model, (size_t)layout_list(rows).line_rows, (size_t)layout_queue(rows).party_rows);
    if (top->model.page == PAGE_LIST)
        list_page_draw(&top->canvas, &top->model, now_ns, clock);
    else
        queue_page_draw(&top->canvas, &top->model, &top->watch.inspection, now_ns, clock);
    frame_overlay(&top->canvas, &top->model);
    screen_draw(&top->canvas);
}

/* Return: false if nobody is at the terminal any more. */
static bool take_keys(struct top *top)
{
    bool any = false;
    for (;;) {
        const int key = screen_key();
        if (key < 0)
            return any || !terminal_is_lost();
        any = true;
        if (key == KEY_OF_REPAINT)
            screen_repaint();
        else
            keys_press(&top->model, key);
    }
}

static void take_signals(struct top *top)
{
    struct terminal_signals signals;
    terminal_take(&signals);
    top->end = signals.end;
    if (top->end != 0)
        return;
    if (signals.suspend)
        screen_suspend();
    else if (signals.continued)
        screen_repaint();
    if (signals.resized)
        screen_resized();
}

/* Waits for a key, a signal, or what the finder found, until @deadline_ns. */
static void wait_for_something(struct top *top, int64_t deadline_ns)
{
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = top->wake, .events = POLLIN}};
    const int64_t left_ns = deadline_ns - stop_now_ns();
    const struct timespec timeout = {left_ns > 0 ? left_ns / 1000000000 : 0,
                                     left_ns > 0 ? left_ns % 1000000000 : 0};
    const int count = ppoll(fds, 2, &timeout, NULL);
    /* A signal that interrupted the wait has also written to the descriptor. */
    if (count < 0 || fds[1].revents != 0)
        take_signals(top);
    if (count > 0 && fds[0].revents != 0 && top->end == 0)
        top->lost = !take_keys(top);
}

static void run(struct top *top)
{
    int64_t next_ns = stop_now_ns();
    while (!top->model.quit && !top->lost && top->end == 0) {
        const int64_t now_ns = stop_now_ns();
        watch_take_found(&top->watch, now_ns);
        watch_carry_out(&top->watch, now_ns);
        if (now_ns >= next_ns) {
            watch_look(&top->watch, now_ns);
            next_ns = now_ns - next_ns < TICK_NS ? next_ns + TICK_NS : now_ns + TICK_NS;
        } else if (watch_must_look(&top->watch)) {
            watch_look_closer(&top->watch, now_ns);
        }
        draw(top);
        wait_for_something(top, next_ns);
    }
}

/* Each queue that is watched takes a descriptor. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int fail(const char *what, int error)
{
    say_error("top: %s: %s", what, strerrordesc_np(-error));
    return EXIT_FAILED;
}

/* Return: the exit status, unless a signal ends the program. */
static int end(const struct top *top)
{
    if (top->lost)
        return EXIT_FAILED;
    if (top->end == SIGHUP || top->end == SIGQUIT)
        terminal_die(top->end);
    return EXIT_DONE;
}

/* @handle: of the queue whose page comes first; NULL: the list does. */
static int start(struct top *top, const char *name, struct shmq *handle)
{
    raise_descriptor_limit();
    bus_guard_init(); /* above the handler for crashes */
    const int error = watch_start(&top->watch, &top->model, top->wake);
    if (error != 0 || handle == NULL) {
        (void)shmq_close(handle);
        return error;
    }
    return watch_begin_with(&top->watch, name, handle, stop_now_ns());
}

static int show(struct top *top, const char *name, struct shmq *handle)
{
    top->wake = terminal_init();
    if (top->wake < 0)
        return fail("the terminal cannot be used", top->wake);
    const int error = start(top, name, handle);
    if (error != 0)
        return fail("cannot be started", error);
    const bool opened = screen_open();
    if (opened) {
        top->canvas.unicode = screen_has_blocks();
        run(top);
        screen_close();
    } else {
        say_error("top: the terminal cannot be used (try another TERM)");
    }
    watch_stop(&top->watch);
    model_free(&top->model);
    canvas_free(&top->canvas);
    return opened ? end(top) : EXIT_FAILED;
}

int verb_top(const struct options *options)
{
    static struct top top;
    struct shmq *handle = NULL;
    const char *refusal = capabilities_refusal();
    if (refusal != NULL) {
        say_error("top: %s (without the full screen: '%smonitor list --watch')", refusal, say_prefix());
        return EXIT_FAILED;
    }
    /* A queue that is named has to be there at the beginning. */
    const int error = options->queue != NULL ? shmq_open(&handle, options->queue, SHMQ_OBSERVER, NULL) : 0;
    return error != 0 ? verb_fail(options, "cannot be watched", error) : show(&top, options->queue, handle);
}
