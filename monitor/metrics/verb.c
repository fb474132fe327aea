/* SPDX-License-Identifier: MIT */
/* The verb metrics, in monitor-metrics: in the place of monitor/verbs/metrics.c, which writes files. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>

#include "common/cli/bus_guard.h"
#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "monitor/metrics/answers.h"
#include "monitor/metrics/connections.h"
#include "monitor/verbs/verbs.h"

#define SECOND_NS INT64_C(1000000000)
/* Lanes and seats of many queues are looked at only while somebody has asked so lately. */
#define DETAILS_NS (10 * SECOND_NS)
enum { MANY_QUEUES = 50 };
/* For clients, /proc and /dev/shm. */
enum { SPARE_DESCRIPTORS = CONNECTIONS_MOST + CONNECTIONS_SPARE + 16 };
/* While nobody has asked for so long, it looks seldom, but often enough for a history without gaps. */
#define ASKED_NS (60 * SECOND_NS)
#define IDLE_LOOK_NS (2 * SECOND_NS)
/* What is older is not given to who asks. */
#define FRESH_NS (SECOND_NS / 10)
/* Nobody is answered before all queues were found, unless that takes so long. */
#define FIRST_ROUND_NS SECOND_NS

/* Each queue takes a descriptor. */
static void allow_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static void say_address(const struct listen_address *address)
{
    char text[LISTEN_ADDRESS_BYTES];
    listen_address_text(address, text);
    say_status("listening on http://%s/", text);
    if (!listen_address_is_loopback(address))
        say_status(
            "warning: %s is not loopback, and there is no authentication: anyone who can connect sees the names "
            "of queues, programs and users",
            text);
}

/* Says once that queues may be missing. */
static void say_list_error(struct finder *finder, int *said)
{
    const int error = finder_error(finder);
    if (error != *said && error != 0)
        say_error("/dev/shm: cannot be read: %s (queues that come or go are not seen)", strerrordesc_np(-error));
    *said = error;
}

static void look_and_answer(struct watch *watch, struct server *server)
{
    struct answers answers = {.watch = watch};
    int64_t next_ns = 0;
    int64_t asked_ns = -ASKED_NS;
    int said = 0;
    while (stop_requested == 0) {
        (void)stop_statistics_wanted(); /* or it would end every wait at once */
        (void)stop_wait_fd(server_descriptor(server), POLLIN, next_ns);
        const int64_t now = stop_now_ns();
        struct request *requests = server_take(server);
        asked_ns = requests != NULL ? now : asked_ns;
        const bool stale = !watch->details || now - watch->looked_ns >= FRESH_NS;
        if (now >= next_ns || (requests != NULL && stale)) {
            const int64_t pause_ns = now - asked_ns < ASKED_NS ? RATES_INTERVAL_NS : IDLE_LOOK_NS;
            watch_look(watch, now - asked_ns < DETAILS_NS || watch->count < MANY_QUEUES);
            server_tick(server);
            say_list_error(watch->finder, &said);
            next_ns = next_ns + pause_ns > now && next_ns <= now ? next_ns + pause_ns : now + pause_ns;
        }
        answers_give(&answers, server, requests);
    }
    answers_free(&answers);
}

static const char *advice_for(int error)
{
    switch (error) {
    case -EADDRINUSE:
        return " (is another one running? --listen ADDRESS:0 takes any free port)";
    case -EACCES:
        return " (ports below 1024 are root's; --listen ADDRESS:0 takes any free one)";
    case -EADDRNOTAVAIL:
        return " (this host has no such address; 0.0.0.0 and [::] stand for all it has)";
    case -EAFNOSUPPORT:
        return " (this host has no IPv6)";
    default:
        return "";
    }
}

/* Return: the exit status. */
static int serve(struct watch *watch, const struct options *options)
{
    struct listen_address address;
    struct server *server;
    const char *what = "";
    char text[LISTEN_ADDRESS_BYTES];
    (void)listen_address_read(&address, options->listen);
    const int error = server_start(&server, &address, &what);
    if (error != 0) {
        say_error("%s: %s: %s%s", listen_address_text(&address, text), what, strerrordesc_np(-error),
                  advice_for(error));
        return EXIT_FAILED;
    }
    say_address(&address);
    finder_await_first(watch->finder, stop_now_ns() + FIRST_ROUND_NS);
    look_and_answer(watch, server);
    server_stop(server);
    return EXIT_DONE;
}

int verb_metrics(const struct options *options)
{
    struct watch watch = {.finder = NULL};
    bus_guard_init();
    allow_descriptors();
    const int error = finder_start(&watch.finder, options->names, options->name_count, -1, SPARE_DESCRIPTORS);
    if (error != 0) {
        say_error("metrics: cannot start a thread: %s", strerrordesc_np(-error));
        return EXIT_FAILED;
    }
    const int status = serve(&watch, options);
    watch_free(&watch);
    finder_stop(watch.finder);
    return status;
}
