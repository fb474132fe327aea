/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_COMMAND_OUTPUT_H
#define CONSUMER_COMMAND_OUTPUT_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/shmq.h"
#include "consumer/captured_output.h"
#include "consumer/line_tag.h"
#include "consumer/options.h"
#include "consumer/output_turn.h"

/*
 * The stdout and stderr of the commands that one thread runs, one after the other, on their way to ours: grouped,
 * that is, kept until the command has ended and written in one turn, or by whole lines as they come.
 *
 * The calls for each command are begin, open, started, then read whenever poll says so, close, and write. Without
 * open, it has printed nothing.
 */

enum { COMMAND_STREAMS = 2 };

struct command_stream {
    struct output_turn turn;
    int pipe[2];                 /* from the command, our end first; -1: closed */
    struct captured_output kept; /* what is not written yet */
    struct captured_output all;  /* by lines, with all_kept */
    uint64_t bytes;              /* that the command has printed */
};

struct command_output {
    bool by_lines;
    bool all_kept; /* until the next command, for command_output_all */
    struct line_tag tag;
    struct tagged_lines *lines;                     /* NULL: without tags */
    char *chunk;                                    /* of what is read by lines, or dropped */
    struct command_stream streams[COMMAND_STREAMS]; /* stdout, stderr */
    int error;          /* the first one, negative; what is printed afterwards is dropped */
    const char *failed; /* where it occurred: "stdout", or the folder of the temporary files */
    bool is_broken;     /* there is an error that will not pass, so there is no use in going on */
};

/*
 * Prepares for commands whose output does not go to ours directly.
 *
 * Return: 0; -ENOMEM.
 */
int command_output_init(struct command_output *output, const struct consumer_options *options);
void command_output_free(struct command_output *output);

/*
 * Forgets the previous command.
 *
 * @handle   holds the message, during all of the calls
 * @message  it, for the tag
 * @id       its id, for the tag
 */
void command_output_begin(struct command_output *output, struct shmq *handle, const struct shmq_message *message,
                          const char *id);
/* Makes the command's pipes; its ends are streams[].pipe[1]. Return: 0; the error of pipe. */
int command_output_open(struct command_output *output);
/* The command has started, or was not: closes its ends. */
void command_output_started(struct command_output *output);
/* Fills @events with what to poll for, COMMAND_STREAMS of them. */
void command_output_poll(const struct command_output *output, struct pollfd *events);
/* Reads what poll has announced, and by lines, writes the whole ones. */
void command_output_read(struct command_output *output, const struct pollfd *events);
/*
 * The command has ended: reads what it has printed. Processes that it left behind may go on, but what they print
 * from now on is lost.
 */
void command_output_close(struct command_output *output);
/*
 * Writes what is not written yet. Return: 0; the first error of all calls, in command_output.error: -EINTR: the
 * grace after a request to stop was over before there was a turn, or a reader to take its first byte; -EBADMSG:
 * the queue is damaged; another one.
 */
int command_output_write(struct command_output *output);

/* All that the last command has printed to its stdout (0) or stderr (1). */
struct captured_output *command_output_all(struct command_output *output, int stream);

#endif
