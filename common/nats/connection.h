/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_NATS_CONNECTION_H
#define SHMQ_NATS_CONNECTION_H

#include <nats/nats.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cli/option_nats.h"
#include "common/cli/wait_notice.h"
#include "common/nats/counters.h"

/*
 * The connection to NATS. A process has at most one.
 *
 * Once it is lost, it stays so: connection_open makes another. What libnats does by itself to connect again is
 * off: it gives up after a second authentication error, and sends at once what was written meanwhile, however old
 * that is.
 */

/* What became of a step that may need the server. */
enum bridge_result {
    BRIDGE_OK,
    BRIDGE_AGAIN,   /* not now: no server, or it cannot do it yet. The reason is in connection.problem */
    BRIDGE_STOPPED, /* a stop was requested */
    BRIDGE_GAVE_UP, /* --give-up has passed; already reported */
    BRIDGE_FAILED,  /* another attempt would fail, too; already reported */
    BRIDGE_REFUSED, /* the stream may lose messages silently, and --allow-lossy is not given; already reported */
};

enum { CONNECTION_PROBLEM_BYTES = 512 };

/* Called while the bridge waits, several times a second: for the status line and the statistics. */
typedef void connection_tick(void *context);

struct connection {
    const struct nats_options *options;
    const char *bridge; /* "--to" or "--from" */
    struct counters *counters;
    connection_tick *tick;
    void *tick_context;

    natsOptions *settings;
    natsConnection *nats; /* NULL: there is none */
    jsCtx *js;            /* of it */
    bool connected_once;
    bool publishes;           /* to the stream, so that it has to take the subject */
    bool stream_checked;      /* what there is to say of it has been said */
    int64_t missing_since_ns; /* since when the stream, which was there, seems to be missing; 0: it does not */
    unsigned refusals;        /* attempts in turn that the server refused */

    /* Waiting. */
    char problem[CONNECTION_PROBLEM_BYTES]; /* why the last step that failed did so */
    struct wait_notice notice;
    int64_t idle_since_ns; /* no progress since then, for --give-up */
    int64_t pause_ns;      /* before the next attempt */
};

/*
 * Prepares. @name is that of the queue.
 *
 * Return: 0; a negative errno or a problem of the options (files that cannot be read), already reported.
 */
int connection_init(struct connection *connection, const struct nats_options *options, const char *bridge,
                    const char *queue, struct counters *counters, connection_tick *tick, void *context);
/* Closes the connection and frees what connection_init made; does nothing if it failed. */
void connection_free(struct connection *connection);

/* One attempt to connect, of a few seconds. Return: BRIDGE_OK, BRIDGE_AGAIN, BRIDGE_FAILED. */
enum bridge_result connection_try(struct connection *connection);
/*
 * Connects; waits until a server can be reached, and says so. Closes an earlier connection first.
 *
 * Return: BRIDGE_OK, BRIDGE_STOPPED, BRIDGE_GAVE_UP, BRIDGE_FAILED.
 */
enum bridge_result connection_open(struct connection *connection);
/* Closes the connection at once: what is written but not sent is dropped. */
void connection_drop(struct connection *connection);
bool connection_is_up(const struct connection *connection);

/*
 * What the server said, without being asked, that it does not allow: for a subject that is forbidden, no other
 * answer ever comes.
 *
 * Return: whether there was anything since the connection was opened; @text receives it.
 */
bool connection_refusal(struct connection *connection, char *text, size_t size);

/*
 * A pause after BRIDGE_AGAIN: 100 ms, doubled each time up to 2 s, with jitter. Says why the bridge waits, and
 * ends the wait for --give-up.
 *
 * Return: BRIDGE_OK: try again; BRIDGE_STOPPED, BRIDGE_GAVE_UP.
 */
enum bridge_result connection_pause(struct connection *connection);
/* Call this whenever something got on: the server stored or sent a message. */
void connection_progress(struct connection *connection);
/* Whether --give-up has passed without progress; reports it. For waits that do not call connection_pause. */
bool connection_is_hopeless(struct connection *connection);

/* Records why a step failed: @what failed, @status and the last error of libnats. */
void connection_set_problem(struct connection *connection, const char *what, natsStatus status);

/*
 * Threads that libnats starts are to take none of our signals: block these around any call that may start one.
 */
struct connection_signals {
    sigset_t before;
};
void connection_block_signals(struct connection_signals *signals);
void connection_restore_signals(const struct connection_signals *signals);

/* The servers as they are called in messages: without passwords. */
const char *connection_servers(const struct connection *connection);

#endif
