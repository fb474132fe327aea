/* SPDX-License-Identifier: MIT */
/*
 * Answers of a NATS server, and the subjects that they come to: whatever they are, nothing beyond them is read,
 * and what is taken for an answer says one thing only.
 *
 * An input is the text.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/nats/answer.h"
#include "consumer/nats/reply.h"
#include "tests/fuzz/support/fuzz.h"

static void check_text(const char *text)
{
    const size_t length = strnlen(text, ANSWER_TEXT_BYTES);
    fuzz_require(length < ANSWER_TEXT_BYTES, "a text has no end");
    for (size_t i = 0; i < length; i++)
        fuzz_require(!iscntrl((unsigned char)text[i]), "a text has the byte %d", text[i]);
}

static void try_answer(const char *text, size_t length)
{
    struct answer answer;
    if (!answer_parse(text, length, &answer))
        return;
    const bool error = answer.code != 0 || answer.err_code != 0;
    fuzz_require(answer.stored != error, "stored: %d, code %u, %u", answer.stored, answer.code, answer.err_code);
    fuzz_require(!answer.stored || answer.sequence > 0, "it is stored as number 0");
    check_text(answer.stream);
    check_text(answer.description);
    fuzz_require(!answer_parse(text, length - 1, &answer) || isspace((unsigned char)text[length - 1]),
                 "it is an answer without its end, too");
}

static void try_subject(const char *text, size_t length)
{
    static struct reply reply;
    size_t index;
    char *subject = malloc(length + 1);
    memcpy(subject, text, length);
    subject[length] = '\0';
    fuzz_require(reply_init(&reply, "_INBOX.a"), "the inbox is refused");
    if (reply_parse(&reply, subject, 7, 4096, &index))
        fuzz_require(strcmp(subject, reply_compose(&reply, 7, index)) == 0 && index < 4096, "%s: %zu", subject,
                     index);
    free(subject);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size > 0 ? size : 1); /* so that a sanitizer sees a read beyond its end */
    memcpy(text, data, size);
    try_answer(text, size);
    try_subject(text, size);
    free(text);
    return 0;
}
