/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_MONITOR_SERVER_H
#define SHMQ_MONITOR_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "common/shmq.h"
#include "monitor/listen_address.h"

/*
 * An HTTP server that only reads. A thread of its own talks to clients, so that slow ones hold up nobody; what is
 * asked about queues is answered by the thread that looks at them.
 */
struct server;

enum request_kind { REQUEST_METRICS, REQUEST_STATE, REQUEST_QUEUE, REQUEST_KINDS };

struct request {
    struct request *next;
    enum request_kind kind;
    char name[SHMQ_NAME_MAX + 1]; /* of the queue, for REQUEST_QUEUE */
};

/*
 * Binds the address and starts the thread, which takes no signals.
 *
 * @address  receives the port, where any was asked for
 * @what     receives what failed, for a message
 *
 * Return: 0; a negative errno.
 */
int server_start(struct server **server, struct listen_address *address, const char **what);

/* A descriptor that is readable once a request waits. */
int server_descriptor(const struct server *server);
/* Takes the requests that wait, the oldest first; NULL: none. Each has to be answered. */
struct request *server_take(struct server *server);

/* A document, which can answer many requests. */
struct document;

/*
 * @type  of its content
 * @text  is freed with the document
 *
 * Return: NULL without memory; @text is freed then.
 */
struct document *document_new(const char *type, char *text, size_t length);
void document_free(struct document *document);

/* Answers a request with the document; NULL: there is no such queue. The request is not the caller's any more. */
void server_answer(struct server *server, struct request *request, struct document *document);
/* The same if there is no memory for an answer. */
void server_refuse(struct server *server, struct request *request);

/* To be called about once a second: ends connections that are too slow, and says that all is well. */
void server_tick(struct server *server);

/* Ends the thread and all connections. Requests that were taken have to be answered before. */
void server_stop(struct server *server);

#endif
