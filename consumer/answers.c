/* SPDX-License-Identifier: MIT */
#include "consumer/answers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *text;
    enum answer_kind kind;
} words[] = {{"ok", ANSWER_OK}, {"retry", ANSWER_RETRY}, {"dead", ANSWER_DEAD}};

enum { WORDS = sizeof(words) / sizeof(words[0]) };

int answers_init(struct answers *answers)
{
    *answers = (struct answers){.buffer = malloc(ANSWER_LINE_MAX)};
    return answers->buffer ? 0 : -ENOMEM;
}

void answers_free(struct answers *answers)
{
    free(answers->buffer);
    *answers = (struct answers){0};
}

void answers_reset(struct answers *answers)
{
    answers->begin = 0;
    answers->end = 0;
    answers->ended = false;
}

char *answers_room(struct answers *answers, size_t *room)
{
    if (answers->begin > 0) {
        memmove(answers->buffer, answers->buffer + answers->begin, answers->end - answers->begin);
        answers->end -= answers->begin;
        answers->begin = 0;
    }
    *room = ANSWER_LINE_MAX - answers->end;
    return answers->buffer + answers->end;
}

void answers_add(struct answers *answers, size_t bytes)
{
    answers->end += bytes;
}

void answers_end(struct answers *answers)
{
    answers->ended = true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void set_text(struct answer *answer, const char *from, size_t length)
{
    if (length >= sizeof(answer->text))
        length = sizeof(answer->text) - 1;
    for (size_t i = 0; i < length; i++)
        answer->text[i] = (unsigned char)from[i] < ' ' || from[i] == 0x7f ? '?' : from[i];
    answer->text[length] = '\0';
}

static void parse(struct answer *answer, const char *line, size_t length)
{
    if (length > 0 && line[length - 1] == '\r')
        length--;
    for (size_t i = 0; i < WORDS; i++) {
        size_t word = strlen(words[i].text);

        if (length < word || memcmp(line, words[i].text, word) != 0 || (length > word && !is_blank(line[word])))
            continue;
        while (word < length && is_blank(line[word]))
            word++;
        answer->kind = words[i].kind;
        set_text(answer, line + word, length - word);
        return;
    }
    answer->kind = ANSWER_UNKNOWN;
    set_text(answer, line, length);
}

static bool is_beginning(const char *line, size_t length)
{
    for (size_t i = 0; i < WORDS; i++) {
        if (length < strlen(words[i].text) && memcmp(line, words[i].text, length) == 0)
            return true;
    }
    return false;
}

struct answer answers_next(struct answers *answers)
{
    struct answer answer = {.kind = ANSWER_NONE};
    const char *line = answers->buffer + answers->begin;
    size_t there = answers->end - answers->begin;
    const char *newline = there > 0 ? memchr(line, '\n', there) : NULL;
    size_t length = newline ? (size_t)(newline - line) : there;

    if (newline) {
        parse(&answer, line, length);
        answers->begin += length + 1;
    } else if (there == ANSWER_LINE_MAX) {
        answer.kind = ANSWER_ENDLESS;
        set_text(&answer, line, length);
    } else if (answers->ended && there > 0) {
        if (!is_beginning(line, length))
            parse(&answer, line, length);
        answers->begin = answers->end;
    }
    return answer;
}
