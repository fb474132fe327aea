/* SPDX-License-Identifier: MIT */
#ifndef SUPPORT_HEARD_H
#define SUPPORT_HEARD_H

#include <stddef.h>

enum { HEARD_BYTES = 8192 };

/* What was said since this was last emptied; a test empties it by heard[0] = '\0'. */
extern char heard[HEARD_BYTES];

/* For say_set_writer: adds to what was heard. */
void hear(const char *text, size_t bytes);

/* Fail the test unless @text was heard, or if it was. */
void expect_heard(const char *text);
void expect_not_heard(const char *text);

#endif
