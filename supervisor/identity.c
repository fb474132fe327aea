/* SPDX-License-Identifier: MIT */
#include "supervisor/identity.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "consumer/option_table.h"
#include "producer/option_table.h"

/* 64-bit FNV-1a; finish() mixes the last bytes into the whole hash. */
static void add_bytes(uint64_t *hash, const void *data, size_t bytes)
{
    const unsigned char *at = data;
    for (size_t i = 0; i < bytes; i++)
        *hash = (*hash ^ at[i]) * UINT64_C(0x100000001b3);
}

static void add_number(uint64_t *hash, uint64_t number)
{
    add_bytes(hash, &number, sizeof(number));
}

/* Includes the NUL, so that "ab" "c" and "a" "bc" differ. */
static void add_text(uint64_t *hash, const char *text)
{
    add_bytes(hash, text, strlen(text) + 1);
}

static void add_words(uint64_t *hash, char *const *words, size_t count)
{
    add_number(hash, count);
    for (size_t i = 0; i < count; i++)
        add_text(hash, words[i]);
}

/* Each word is one option with its full name, however it was written: see child_arguments.h. */
static bool is_incidental(const struct option_table *table, const char *word)
{
    char name[64];
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "=") - 2, word + 2);
    const struct option_entry *entry = option_table_find(table, name, NULL);
    return entry != NULL && entry->incidental;
}

static void add_extra(uint64_t *hash, const struct arguments *extra, const struct option_table *table)
{
    for (size_t i = 0; i < extra->count; i++) {
        if (!is_incidental(table, extra->words[i]))
            add_text(hash, extra->words[i]);
    }
    add_number(hash, 0);
}

static uint64_t finish(uint64_t hash)
{
    hash = (hash ^ hash >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    hash ^= hash >> 29;
    return hash != 0 ? hash : 1;
}

static void add_file(uint64_t *hash, const char *path, bool with_size)
{
    struct stat st;
    if (strcmp(path, "-") == 0 || stat(path, &st) != 0) {
        add_text(hash, path);
        return;
    }
    add_number(hash, st.st_dev);
    add_number(hash, st.st_ino);
    add_number(hash, with_size ? (uint64_t)st.st_size : 0);
}

/* Leaves out the size of the last file, which may grow. */
static void add_inputs(uint64_t *hash, const struct options *options)
{
    size_t count = options->inputs.count;
    bool whole = options->framing != NULL && strcmp(options->framing, "whole") == 0;
    add_number(hash, count);
    for (size_t i = 0; i < count; i++)
        add_file(hash, options->inputs.words[i], whole || i + 1 < count);
}

/* Where it looks: the files come, grow and go. */
static void add_followed(uint64_t *hash, const struct options *options)
{
    char folder[PATH_MAX];
    const char *here = getcwd(folder, sizeof(folder)) != NULL ? folder : "";
    for (size_t i = 0; i < options->inputs.count; i++) {
        const char *path = options->inputs.words[i];
        add_text(hash, path[0] == '/' ? "" : here);
        add_text(hash, path);
    }
}

/* What tells one source of that kind from another, or one sink. */
static void add_named(uint64_t *hash, const struct options *options)
{
    static const char *const names[] = {"listen", "from", "durable", "stream", "to", "subject", "forward"};
    for (size_t i = 0; i < options->passed_count; i++) {
        const struct passed_option *passed = &options->passed[i];
        for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
            if (strcmp(passed->name, names[k]) != 0 || passed->argument == NULL)
                continue;
            add_text(hash, names[k]);
            add_text(hash, passed->argument);
        }
    }
}

static void add_sink(uint64_t *hash, const struct options *options)
{
    char folder[PATH_MAX];
    /* Both write to stdout. */
    add_number(hash, options->sink == SINK_LABELLED ? SINK_STDOUT : options->sink);
    if (options->sink == SINK_OUTPUT)
        add_file(hash, options->output, false);
    if (options->sink != SINK_MIRROR)
        return;
    add_text(hash, options->mirror);
    add_text(hash, getcwd(folder, sizeof(folder)) != NULL ? folder : "");
}

uint64_t identity_of_command(const struct options *options)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    add_number(&hash, options->source);
    add_number(&hash, options->producers);
    add_words(&hash, options->producer_framing.words, options->producer_framing.count);
    add_words(&hash, options->consumer_framing.words, options->consumer_framing.count);
    add_extra(&hash, &options->extra_producer, &producer_options);
    add_extra(&hash, &options->extra_consumer, &consumer_options);
    add_words(&hash, options->words.words, options->words.count);
    if (options->source == SOURCE_FOLLOW)
        add_followed(&hash, options);
    else
        add_inputs(&hash, options);
    add_named(&hash, options);
    add_sink(&hash, options);
    return finish(hash);
}

uint64_t identity_of_inputs(const struct options *options)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < options->inputs.count; i++) {
        struct stat st;
        if (stat(options->inputs.words[i], &st) != 0)
            continue;
        add_number(&hash, (uint64_t)st.st_size);
        add_number(&hash, (uint64_t)st.st_mtim.tv_sec);
        add_number(&hash, (uint64_t)st.st_mtim.tv_nsec);
    }
    return finish(hash);
}
