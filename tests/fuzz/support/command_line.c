/* SPDX-License-Identifier: MIT */
#include "tests/fuzz/support/command_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/say.h"

enum { TEXT_BYTES = 2048 };

/* Words of the command line, each of just its size, so that reading beyond it is found. */
static char *words[COMMAND_LINE_WORDS + 2];
static char *given[COMMAND_LINE_WORDS + 2]; /* the same, for getopt to change their order */
static int word_count;

static void add_word(const char *text, size_t length)
{
    char *word = malloc(length + 1);
    fuzz_require(word != NULL, "no memory");
    memcpy(word, text, length);
    word[length] = '\0';
    words[word_count++] = word;
    words[word_count] = NULL;
}

static void set_queue(const char *text, size_t length)
{
    char name[TEXT_BYTES + 1];
    memcpy(name, text, length);
    name[length] = '\0';
    (void)setenv("SHMQ_QUEUE", name, 1);
}

static void read_words(const char *program, const uint8_t *data, size_t size)
{
    const char *at = (const char *)data;
    const char *end = at + (size < TEXT_BYTES ? size : TEXT_BYTES);
    word_count = 0;
    (void)unsetenv("SHMQ_QUEUE");
    add_word(program, strlen(program));
    while (at < end && word_count <= COMMAND_LINE_WORDS) {
        const char *stop = memchr(at, '\0', (size_t)(end - at));
        const size_t length = stop != NULL ? (size_t)(stop - at) : (size_t)(end - at);
        if (at == (const char *)data && length > 0 && at[0] == '=')
            set_queue(at + 1, length - 1);
        else
            add_word(at, length);
        at += length + 1;
    }
}

static bool ends_with(const char *text, const char *end)
{
    return strlen(text) >= strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

static void judge_exit(const char *program, int status, const struct fuzz_output *output)
{
    char last_line[64];
    (void)snprintf(last_line, sizeof(last_line), "Try '%s --help'.\n", program);
    if (status == EXIT_DONE) {
        fuzz_require(output->text[0][0] != '\0' && output->text[1][0] == '\0', "exit 0, and: %s", output->text[1]);
        return;
    }
    fuzz_require(status == EXIT_USAGE, "exit status %d", status);
    fuzz_require(output->text[0][0] == '\0', "wrong usage, and on stdout: %s", output->text[0]);
    fuzz_require(strncmp(output->text[1], program, strlen(program)) == 0 && ends_with(output->text[1], last_line),
                 "wrong usage is explained with: %s", output->text[1]);
}

bool command_line_run(const char *program, const uint8_t *data, size_t size, void (*parse)(int argc, char **argv))
{
    jmp_buf exit_here;
    struct fuzz_output output;
    read_words(program, data, size);
    memcpy(given, words, sizeof(given));
    say_init(program, word_count, given);
    say_set_level(SAY_STATUS);
    fuzz_on_exit = &exit_here;
    fuzz_capture_begin();
    const int exited = setjmp(exit_here);
    if (exited == 0)
        parse(word_count, given);
    fuzz_on_exit = NULL;
    fuzz_capture_end(&output);
    if (exited != 0)
        judge_exit(program, exited - 1, &output);
    else
        fuzz_require(output.text[0][0] == '\0' && output.text[1][0] == '\0', "taken, and: %s", output.text[1]);
    return exited == 0;
}

void command_line_end(void)
{
    while (word_count > 0)
        free(words[--word_count]);
}

void command_line_judge_ns(int64_t ns)
{
    fuzz_require(ns >= -1 && ns <= INT64_MAX / 4, "a duration of %lld ns", (long long)ns);
}

void command_line_judge(const struct common_options *options)
{
    const struct shmq_options *o = &options->shmq;
    fuzz_require(shmq_name_check(options->queue) == 0, "a queue called '%s'", options->queue);
    fuzz_require(o->capacity_bytes <= UINT64_C(64) << 30 && o->max_message_bytes <= UINT64_C(64) << 30 &&
                     o->lanes <= SHMQ_LANES_MAX && o->seats <= SHMQ_SEATS_MAX,
                 "sizes: %ju, %ju, %u, %u", (uintmax_t)o->capacity_bytes, (uintmax_t)o->max_message_bytes,
                 o->lanes, o->seats);
    fuzz_require(o->mode == 0 || ((o->mode & 0600) == 0600 && (o->mode & ~0664u) == 0), "a mode of %o", o->mode);
    fuzz_require(o->tick_ns == 0 || (o->tick_ns >= 1000000 && o->tick_ns <= INT64_C(10000000000)),
                 "a tick of %lld", (long long)o->tick_ns);
    fuzz_require(o->priority < SHMQ_PRIORITIES && o->prefetch <= SHMQ_PREFETCH_MAX, "priority %u, prefetch %u",
                 o->priority, o->prefetch);
}
