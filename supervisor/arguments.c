/* SPDX-License-Identifier: MIT */
#include "supervisor/arguments.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/options.h"
#include "common/cli/say.h"

_Noreturn static void out_of_memory(void)
{
    say_error("memory: %s", strerrordesc_np(ENOMEM));
    exit(EXIT_FAILED);
}

static void add_owned(struct arguments *arguments, char *word)
{
    if (word == NULL)
        out_of_memory();
    if (arguments->count + 1 >= arguments->room) {
        size_t room = arguments->room * 2 + 8;
        char **words = realloc(arguments->words, room * sizeof(*words));
        if (words == NULL)
            out_of_memory();
        arguments->words = words;
        arguments->room = room;
    }
    arguments->words[arguments->count++] = word;
    arguments->words[arguments->count] = NULL;
}

void arguments_add(struct arguments *arguments, const char *word)
{
    add_owned(arguments, strdup(word));
}

void arguments_add_all(struct arguments *arguments, const struct arguments *more)
{
    for (size_t i = 0; i < more->count; i++)
        arguments_add(arguments, more->words[i]);
}

void arguments_format(struct arguments *arguments, const char *format, ...)
{
    char *word = NULL;
    va_list list;
    va_start(list, format);
    int length = vasprintf(&word, format, list);
    va_end(list);
    add_owned(arguments, length < 0 ? NULL : word);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/*
 * Reads one word at *@at into @word, which has room for the whole text, and advances *@at past it. Returns false
 * if a quote is not closed.
 */
static bool read_word(const char **at, char *word)
{
    const char *from = *at;
    char quote = '\0';
    for (; *from != '\0' && (quote != '\0' || !is_blank(*from)); from++) {
        if (quote == '\0' && (*from == '\'' || *from == '"')) {
            quote = *from;
        } else if (*from == quote) {
            quote = '\0';
        } else {
            bool escapes = *from == '\\' && from[1] != '\0' &&
                           (quote == '\0' || (quote == '"' && strchr("\"\\$`", from[1]) != NULL));
            if (escapes)
                from++;
            *word++ = *from;
        }
    }
    *word = '\0';
    *at = from;
    return quote == '\0';
}

bool arguments_split(struct arguments *arguments, const char *text)
{
    struct arguments split = {0};
    char *word = malloc(strlen(text) + 1);
    bool closed = true;
    if (word == NULL)
        out_of_memory();
    while (closed) {
        while (is_blank(*text))
            text++;
        if (*text == '\0')
            break;
        closed = read_word(&text, word);
        if (closed)
            arguments_add(&split, word);
    }
    if (closed)
        arguments_add_all(arguments, &split);
    arguments_free(&split);
    free(word);
    return closed;
}

bool arguments_have(const struct arguments *arguments, const char *word)
{
    for (size_t i = 0; i < arguments->count; i++) {
        if (arguments->words[i] != NULL && strcmp(arguments->words[i], word) == 0)
            return true;
    }
    return false;
}

void arguments_free(struct arguments *arguments)
{
    for (size_t i = 0; i < arguments->count; i++)
        free(arguments->words[i]);
    free(arguments->words);
    *arguments = (struct arguments){0};
}
