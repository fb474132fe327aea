/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_COMMAND_H
#define CONSUMER_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "consumer/process_group.h"

/* A shell command that runs in a process group of its own, with a pipe to its stdin. */

struct command {
    pid_t pid;
    int pidfd; /* becomes readable when it ends; -1 where the kernel has no such thing */
    int input; /* the writing end of its stdin; -1 once closed */
};

/*
 * Starts '/bin/sh -c @text'.
 *
 * @watch  kills it if we die; NULL lets it live, and see the end of its stdin
 *
 * Return: 0 or a negative errno.
 */
int command_start(struct command *command, const char *text, const struct process_group_watch *watch);
/* Closes its stdin. */
void command_end_input(struct command *command);
/* True once it has ended; it is not reaped, so that its group cannot become another's. */
bool command_has_ended(const struct command *command);
/* Sends a signal to its group. */
void command_signal(const struct command *command, int number);
/* Waits for its end and returns its wait status. */
int command_reap(struct command *command);
/* Writes what a wait status means. */
void command_describe(int status, char *text, size_t size);

#endif
