/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_RESPONDER_H
#define CONSUMER_RESPONDER_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "consumer/command.h"

/* A command that runs for long, reads its stdin and answers on its stdout. Nothing here blocks but responder_wait.
 */

enum responder_event {
    RESPONDER_WRITABLE = 1,
    RESPONDER_READABLE = 2, /* also at the end of its stdout */
    RESPONDER_ENDED = 4,
};

struct responder {
    struct command command;
    struct process_group_slot *slot;
    bool running;
    int output;      /* read end of its stdout; -1: none, or ended */
    int next_signal; /* to end it; 0: none */
    int64_t due_ns;  /* when to send it; INT64_MAX: not to be ended */
};

void responder_init(struct responder *responder);

/* As command_start; sets the descriptor for its stdout. */
int responder_start(struct responder *responder, struct command_call call, struct process_group_slot *slot);

/*
 * Waits until something happens, but not beyond @until_ns nor long.
 *
 * @input  whether it is of interest that its stdin takes more
 *
 * Return: a set of enum responder_event.
 */
int responder_wait(const struct responder *responder, bool input, int64_t until_ns);
/* Bytes in the pipe to its stdin that it has not read. */
uint64_t responder_unread(const struct responder *responder);
/* Return: bytes read; 0 at the end; -EAGAIN; another negative errno. */
ssize_t responder_read(struct responder *responder, char *to, size_t room);

/* Sends SIGTERM to its process group after @delay_ns, and SIGKILL later, unless this was begun already. */
void responder_end(struct responder *responder, int64_t delay_ns);
/* Whether it was sent SIGTERM. */
static inline bool responder_was_ended(const struct responder *responder)
{
    return responder->next_signal != SIGTERM;
}
/* Sends the signal that is due. */
void responder_escalate(struct responder *responder, int64_t kill_after_ns);

/* Kills what there is of its process group; if SIGTERM was sent to it, when SIGKILL is due. */
void responder_kill(const struct responder *responder);
/* Waits for its end; returns its wait status. */
int responder_reap(struct responder *responder);

#endif
