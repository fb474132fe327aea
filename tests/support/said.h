/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_SAID_H
#define SUPPORT_SAID_H

enum { SAID_BYTES = 16384 };

/* What a function said, and how it ended. */
struct said {
    int status; /* the exit status; 0 if it returned; 128 plus the number of the signal that killed it */
    char out[SAID_BYTES];
    char err[SAID_BYTES];
};

/* Runs @run in a process of its own, and waits for its end. What is longer than SAID_BYTES is cut. */
void said_by(struct said *said, void (*run)(void *context), void *context);

/* Fails the test unless @text has @part in it. */
void said_has(const char *text, const char *part);

#endif
