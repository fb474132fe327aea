/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_COMMAND_H
#define CONSUMER_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "consumer/process_group.h"

/* A command that runs in a process group of its own, with a pipe to its stdin. */

struct command {
    pid_t pid;
    int pidfd; /* readable once it has ended; -1 if the kernel has no pidfds */
    int input; /* write end of its stdin pipe; -1 once closed, and if it has none */
};

/* Who ended a command. */
enum ended_by {
    ENDED_BY_ITSELF,
    ENDED_BY_TIMEOUT,
    ENDED_BY_STOP,   /* of its consumer */
    ENDED_BY_OUTPUT, /* its output cannot be kept or written */
};

/* What is started. */
struct command_call {
    const char *file;         /* looked up in PATH unless it has a slash; a script without #! is run by /bin/sh */
    char *const *arguments;   /* the first is the command's name for itself; then NULL */
    char *const *environment; /* "NAME=value" strings, then NULL; NULL: this process's own */
    bool without_input;       /* stdin is /dev/null */
    int input;                /* stdin; 0: a pipe, or /dev/null */
    int output;               /* stdout; 0: this process's own */
    int errors;               /* stderr; likewise */
};

enum { COMMAND_SHELL_WORDS = 5 };

/* Describes '/bin/sh -c @text'; @words receives the arguments and must live as long. */
struct command_call command_shell(const char *text, const char *words[static COMMAND_SHELL_WORDS]);

/*
 * Starts a command. What cannot be executed ends as it does for a shell: with status 127 if there is no such
 * program, else 126.
 *
 * @slot  of the watcher that kills it if this process dies; NULL: it survives and sees end-of-file on its stdin.
 *        The kernel kills it if this thread ends before it
 *
 * Context: its child borrows this process's memory until it executes the program; until then, the calling
 *          thread waits with all signals blocked.
 * Return: 0; -E2BIG: the arguments and the environment are too long; another negative errno.
 */
int command_start(struct command *command, const struct command_call *call, struct process_group_slot *slot);
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
