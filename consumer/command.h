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
    int pidfd; /* readable once it has ended; -1 if the kernel has no pidfds */
    int input; /* write end of its stdin pipe; -1 once closed */
};

/*
 * Starts '/bin/sh -c @text'.
 *
 * @environment  "NAME=value" strings, then NULL; NULL: this process's own
 * @watch        kills it if this process dies; NULL: it survives and sees end-of-file on its stdin
 *
 * Return: 0 or a negative errno.
 */
int command_start(struct command *command, const char *text, char *const *environment,
                  const struct process_group_watch *watch);
void command_end_input(struct command *command);
/* True once it has ended. Does not reap it, so that its process group number is not reused. */
bool command_has_ended(const struct command *command);
/* Sends a signal to its process group. */
void command_signal(const struct command *command, int number);
/* Waits until it ends; returns its wait status. */
int command_reap(struct command *command);
/* Describes a wait status in words. */
void command_describe(int status, char *text, size_t size);

#endif
