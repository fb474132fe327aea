/* SPDX-License-Identifier: MIT */
#include "consumer/command_text.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Characters that mean nothing special to a shell, in any place. */
static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%_+:,./-";

/* The longest that one character becomes: \ooo. */
#define GROWTH 4
/* Around a word: $'', and the blank after it. */
#define WORD_OVERHEAD 4

static bool is_control(char c)
{
    return (unsigned char)c < ' ' || c == '\177';
}

static char *escape(char *to, char c)
{
    switch (c) {
    case '\n':
        return stpcpy(to, "\\n");
    case '\t':
        return stpcpy(to, "\\t");
    case '\r':
        return stpcpy(to, "\\r");
    default:
        return to + sprintf(to, "\\%03o", (unsigned)(unsigned char)c);
    }
}

static char *quote_with_controls(char *to, const char *word)
{
    to = stpcpy(to, "$'");
    for (; *word; word++) {
        if (is_control(*word)) {
            to = escape(to, *word);
            continue;
        }
        if (*word == '\'' || *word == '\\')
            *to++ = '\\';
        *to++ = *word;
    }
    *to++ = '\'';
    return to;
}

static char *quote(char *to, const char *word)
{
    *to++ = '\'';
    for (; *word; word++) {
        if (*word == '\'')
            to = stpcpy(to, "'\\'");
        *to++ = *word;
    }
    *to++ = '\'';
    return to;
}

static char *add_word(char *to, const char *word)
{
    for (const char *at = word; *at; at++) {
        if (is_control(*at))
            return quote_with_controls(to, word);
    }
    if (*word && word[strspn(word, plain)] == '\0')
        return stpcpy(to, word);
    return quote(to, word);
}

char *command_text_of_words(char *const *words)
{
    size_t bytes = 1;
    char *text;
    char *to;

    for (size_t i = 0; words[i]; i++)
        bytes += strlen(words[i]) * GROWTH + WORD_OVERHEAD;
    text = malloc(bytes);
    if (!text)
        return NULL;
    to = text;
    for (size_t i = 0; words[i]; i++) {
        if (i > 0)
            *to++ = ' ';
        to = add_word(to, words[i]);
    }
    *to = '\0';
    return text;
}

char *command_text_of_line(const char *line)
{
    char *text = malloc(strlen(line) * GROWTH + 1);
    char *to = text;

    if (!text)
        return NULL;
    for (; *line; line++) {
        if (is_control(*line))
            to = escape(to, *line);
        else
            *to++ = *line;
    }
    *to = '\0';
    return text;
}
