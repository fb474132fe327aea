/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_ATTEMPT_RECORD_H
#define CONSUMER_ATTEMPT_RECORD_H

#include <stdint.h>

/* What the job log and the results say of an attempt. */

struct attempt_record {
    const char *id;      /* of the message, under which it was first put */
    const char *command; /* as command_text has it */
    uint32_t attempt;    /* from 1 */
    int status;          /* of waitpid */
    int64_t start_ns;    /* since 1970 */
    int64_t runtime_ns;
    uint64_t sent;     /* bytes of the message */
    uint64_t received; /* bytes that the command printed, as far as they went through the consumer */
};

/* The exit value; 0 if a signal ended the command. */
int attempt_record_exit_value(const struct attempt_record *record);
/* The signal that ended the command; 0: none. */
int attempt_record_signal(const struct attempt_record *record);

enum { ATTEMPT_RECORD_TIME_BYTES = 32 };

/* Writes seconds with three decimals and a point, in any locale. Return: @text. */
char *attempt_record_seconds(char text[static ATTEMPT_RECORD_TIME_BYTES], int64_t ns);

#endif
