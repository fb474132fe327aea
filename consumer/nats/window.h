/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_NATS_WINDOW_H
#define CONSUMER_NATS_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What became of the messages of a batch: which are published, and which the server has stored. A batch is
 * published in rounds: each goes on until a message fails, and the next one begins with the oldest that is not
 * stored.
 */

enum publication_state {
    PUBLICATION_WAITING,
    PUBLICATION_SENT,
    PUBLICATION_STORED,
};

struct window_slot {
    int64_t sent_ns; /* 0: never */
    enum publication_state state;
};

struct window {
    struct window_slot *slots;
    size_t room;
    uint64_t batch; /* its number, from 1 */
    size_t count;   /* messages of the batch */
    size_t oldest;  /* the first that is still held; all before it are done */
    size_t next;    /* the first that this round has not looked at */
    size_t out;     /* sent in this round, and not answered */
};

/* Return: 0; -ENOMEM. */
int window_init(struct window *window, size_t room);
void window_free(struct window *window);

/* Begins with a batch of @count messages, .room at most. */
void window_begin(struct window *window, size_t count);
/* Begins a round: what was sent and not answered is published again. */
void window_rewind(struct window *window);

/* The next message to publish. Return: false: there is none. */
bool window_next(struct window *window, size_t *index);
/* The message that window_next returned is sent. Return: whether it had been sent before. */
bool window_sent(struct window *window, size_t index, int64_t now_ns);

/*
 * The server has stored a message, whichever round it was sent in.
 *
 * @sent_ns  receives when it was sent last
 *
 * Return: false: that is known already, or there is no such message.
 */
bool window_store(struct window *window, size_t index, int64_t *sent_ns);
/* The server has refused a message. Return: false: it was not waiting for an answer. */
bool window_refuse(struct window *window, size_t index);

/* Messages from the oldest on that are stored. */
size_t window_done(const struct window *window);
/* The @count oldest are no longer held. */
void window_settle(struct window *window, size_t count);

/* When the oldest message that waits for an answer was sent; INT64_MAX: none waits. */
int64_t window_waiting_since(const struct window *window);

#endif
