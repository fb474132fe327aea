/* SPDX-License-Identifier: MIT */
#ifndef CONSUMER_ANSWERS_H
#define CONSUMER_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Reads the answers of a command: a line for each message, "ok", "retry" or "dead", which may go on with a blank
 * and the reason. A carriage return before the newline is ignored.
 */

/* The longest line, with its newline. */
#define ANSWER_LINE_MAX ((size_t)64 * 1024)
/* The longest reason that is kept, with its NUL. */
enum { ANSWER_TEXT_BYTES = 128 };

enum answer_kind {
    ANSWER_NONE, /* there is no whole line */
    ANSWER_OK,
    ANSWER_RETRY,
    ANSWER_DEAD,
    ANSWER_UNKNOWN, /* a line that is not an answer */
    ANSWER_ENDLESS, /* more than ANSWER_LINE_MAX bytes without a newline */
};

struct answer {
    enum answer_kind kind;
    /* The reason, which may be empty; of what is not an answer, the line or its beginning. Control characters are
     * replaced. */
    char text[ANSWER_TEXT_BYTES];
};

struct answers {
    char *buffer; /* ANSWER_LINE_MAX bytes */
    size_t begin; /* of what is not yet taken out */
    size_t end;
    bool ended;
};

/* Return: 0; -ENOMEM. */
int answers_init(struct answers *answers);
void answers_free(struct answers *answers);
/* Forgets what has been read: another command begins. */
void answers_reset(struct answers *answers);

/*
 * Where to read to. Take out all answers first; then there is room, unless the next one is ANSWER_ENDLESS.
 *
 * @room  receives the bytes that fit
 */
char *answers_room(struct answers *answers, size_t *room);
void answers_add(struct answers *answers, size_t bytes);
/*
 * There will be no more. A last line may then lack its newline, and the beginning of an answer counts as none: its
 * writer has died.
 */
void answers_end(struct answers *answers);

/* Takes out the next answer. */
struct answer answers_next(struct answers *answers);

#endif
