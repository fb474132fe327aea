/* SPDX-License-Identifier: MIT */
#include "consumer/program.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char blanks[] = " \t";
static const char mark[] = "{}";

enum { MARK_BYTES = 2 };

/* More than the kernel ever takes; bounds what a message can make us allocate. */
#define ARGUMENTS_MAX ((size_t)8 * 1024 * 1024)

static size_t count_words(char *const *words)
{
    size_t count = 0;

    while (words[count])
        count++;
    return count;
}

static size_t count_marks(const char *word)
{
    size_t count = 0;

    for (; (word = strstr(word, mark)) != NULL; word += MARK_BYTES)
        count++;
    return count;
}

int program_of_words(struct program *program, char *const *words)
{
    size_t count = count_words(words);

    *program = (struct program){.words = words};
    for (size_t i = 1; i < count && !program->substitutes; i++)
        program->substitutes = strstr(words[i], mark) != NULL;
    program->call =
        (struct command_call){.file = words[0], .arguments = words, .without_input = program->substitutes};
    if (!program->substitutes)
        return 0;
    program->arguments = calloc(count + 1, sizeof(*program->arguments));
    program->call.arguments = program->arguments;
    return program->arguments ? 0 : -ENOMEM;
}

int program_of_text(struct program *program, const char *text)
{
    size_t count = 0;
    char *rest = NULL;

    *program = (struct program){.text = strdup(text), .split = calloc(strlen(text) / 2 + 2, sizeof(char *))};
    if (!program->text || !program->split) {
        program_free(program);
        return -ENOMEM;
    }
    for (char *word = strtok_r(program->text, blanks, &rest); word; word = strtok_r(NULL, blanks, &rest))
        program->split[count++] = word;
    program->words = program->split;
    program->call = (struct command_call){.file = program->split[0], .arguments = program->split};
    return 0;
}

void program_of_shell(struct program *program, const char *text)
{
    *program = (struct program){0};
    program->call = command_shell(text, program->shell);
}

void program_free(struct program *program)
{
    free(program->split);
    free(program->arguments);
    free(program->text);
    *program = (struct program){0};
}

/* Makes room for the arguments; also checks that they can be arguments at all. */
static int make_room(struct program *program, size_t length)
{
    size_t bytes = 0;

    for (char *const *word = program->words; *word; word++) {
        size_t marks = word == program->words ? 0 : count_marks(*word);

        bytes += strlen(*word) + 1;
        if (marks > 0 && (length > ARGUMENTS_MAX || marks * length > ARGUMENTS_MAX))
            return -E2BIG;
        bytes += marks * length;
        if (bytes > ARGUMENTS_MAX)
            return -E2BIG;
    }
    if (bytes > program->text_bytes) {
        char *text = realloc(program->text, bytes);

        if (!text)
            return -ENOMEM;
        program->text = text;
        program->text_bytes = bytes;
    }
    return 0;
}

/* Copies a word with the message in the place of each mark. Returns what follows its end. */
static char *substitute(char *to, const char *word, const void *message, size_t length)
{
    const char *at;

    for (; (at = strstr(word, mark)) != NULL; word = at + MARK_BYTES) {
        to = (char *)mempcpy(to, word, (size_t)(at - word));
        if (length > 0)
            to = (char *)mempcpy(to, message, length);
    }
    return stpcpy(to, word) + 1;
}

int program_prepare(struct program *program, const void *message, size_t length)
{
    char *to;
    int result;

    if (!program->substitutes)
        return 0;
    if (length > 0 && memchr(message, '\0', length) != NULL)
        return -EILSEQ;
    result = make_room(program, length);
    if (result < 0)
        return result;
    to = program->text;
    for (size_t i = 0; program->words[i]; i++) {
        program->arguments[i] = to;
        to = i == 0 ? stpcpy(to, program->words[0]) + 1 : substitute(to, program->words[i], message, length);
    }
    return 0;
}
