/* SPDX-License-Identifier: MIT */
#include "common/cli/option_table.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/options.h"
#include "common/cli/parse.h"
#include "common/cli/say.h"

/* getopt_long returns this plus an option's number for one without a letter. */
enum { FIRST_NUMBER = 256 };

struct slot {
    const struct option_group *group;
    const struct option_entry *entry;
};

struct reader {
    struct slot *slots;
    size_t count;
    size_t room;
};

static void out_of_memory(void)
{
    options_usage("out of memory");
}

void option_entry_bad(const struct option_entry *entry, const char *value, const char *why)
{
    options_bad(entry->name, value[0] != '\0' ? value : "''", why);
}

/* Whether an earlier group, or an earlier entry of this one, has the name already. */
static bool is_known(const struct option_table *table, const struct option_entry *entry)
{
    for (const struct option_group *group = table->groups; group->section != NULL; group++) {
        for (const struct option_entry *other = group->section->entries; other->name != NULL; other++) {
            if (other == entry)
                return false;
            if (strcmp(other->name, entry->name) == 0 && !(group->owner != NULL && other->alone))
                return true;
        }
    }
    return false;
}

void option_table_walk(const struct option_table *table,
                       void (*visit)(void *context, const struct option_group *group,
                                     const struct option_entry *entry),
                       void *context)
{
    for (const struct option_group *group = table->groups; group->section != NULL; group++) {
        for (const struct option_entry *entry = group->section->entries; entry->name != NULL; entry++) {
            if (!(group->owner != NULL && entry->alone) && !is_known(table, entry))
                visit(context, group, entry);
        }
    }
}

static void count_slot(void *context, const struct option_group *group, const struct option_entry *entry)
{
    struct reader *reader = context;
    (void)group;
    (void)entry;
    reader->room++;
}

static void add_slot(void *context, const struct option_group *group, const struct option_entry *entry)
{
    struct reader *reader = context;
    reader->slots[reader->count++] = (struct slot){.group = group, .entry = entry};
}

static void list_slots(const struct option_table *table, struct reader *reader)
{
    option_table_walk(table, count_slot, reader);
    reader->slots = calloc(reader->room + 1, sizeof(*reader->slots));
    if (reader->slots == NULL)
        out_of_memory();
    option_table_walk(table, add_slot, reader);
}

const struct option_entry *option_table_find(const struct option_table *table, const char *name,
                                             const struct option_group **found)
{
    for (const struct option_group *group = table->groups; group->section != NULL; group++) {
        for (const struct option_entry *entry = group->section->entries; entry->name != NULL; entry++) {
            if (strcmp(entry->name, name) != 0 || (group->owner != NULL && entry->alone))
                continue;
            if (found != NULL)
                *found = group;
            return entry;
        }
    }
    return NULL;
}

static bool letter_is_taken(const struct reader *reader, size_t before, char letter)
{
    for (size_t i = 0; i < before; i++) {
        if (reader->slots[i].entry->letter == letter)
            return true;
    }
    return false;
}

/* getopt_long's two descriptions of the options. */
static void describe(const struct reader *reader, struct option *names, char *letters)
{
    *letters++ = '+';
    for (size_t i = 0; i < reader->count; i++) {
        const struct option_entry *entry = reader->slots[i].entry;
        names[i] = (struct option){.name = entry->name,
                                   .has_arg = entry->argument != NULL ? required_argument : no_argument,
                                   .val = FIRST_NUMBER + (int)i};
        if (entry->letter == '\0' || letter_is_taken(reader, i, entry->letter))
            continue;
        *letters++ = entry->letter;
        if (entry->argument != NULL)
            *letters++ = ':';
    }
    names[reader->count] = (struct option){0};
    *letters = '\0';
}

static const struct slot *slot_of(const struct reader *reader, int code)
{
    if (code >= FIRST_NUMBER && (size_t)(code - FIRST_NUMBER) < reader->count)
        return &reader->slots[code - FIRST_NUMBER];
    for (size_t i = 0; i < reader->count; i++) {
        if (reader->slots[i].entry->letter == code)
            return &reader->slots[i];
    }
    return NULL;
}

static void store_count(uint64_t *value, const struct option_entry *entry, const char *argument)
{
    char why[96];
    uint64_t max = entry->max != 0 ? entry->max : UINT64_MAX;
    if (parse_count(argument, entry->min, max, value) == 0)
        return;
    if (entry->max == 0)
        snprintf(why, sizeof(why), "not a number (a whole number, at least %" PRIu64 ")", entry->min);
    else
        snprintf(why, sizeof(why), "not a number from %" PRIu64 " to %" PRIu64 " (a whole number)", entry->min,
                 max);
    option_entry_bad(entry, argument, why);
}

static void store(void *value, const struct option_entry *entry, const char *argument)
{
    int64_t *range = value;
    if (argument == NULL)
        argument = ""; /* of kinds that take none */
    switch (entry->kind) {
    case OPTION_IS_OWN:
        break;
    case OPTION_IS_FLAG:
        *(bool *)value = true;
        break;
    case OPTION_IS_TEXT:
        if (argument[0] == '\0')
            option_entry_bad(entry, argument, "is empty (give something)");
        *(const char **)value = argument;
        break;
    case OPTION_IS_COUNT:
        store_count(value, entry, argument);
        break;
    case OPTION_IS_SIZE:
        if (parse_size(argument, value) != 0)
            option_entry_bad(entry, argument, "not a size (bytes, or K, M, G)");
        break;
    case OPTION_IS_DURATION:
        if (parse_duration(argument, value) != 0)
            option_entry_bad(entry, argument, "not a duration (such as 500ms, 10s or 2m)");
        break;
    case OPTION_IS_RANGE:
        if (parse_duration_range(argument, &range[0], &range[1]) != 0)
            option_entry_bad(entry, argument, "not MIN:MAX (durations such as 100ms or 2s, MAX not below MIN)");
        break;
    case OPTION_IS_RATE:
        if (parse_rate(argument, value) != 0)
            option_entry_bad(entry, argument, "not a rate (a number a second, above 0)");
        break;
    }
}

static void take_slot(const struct slot *slot, void *into, option_take *take)
{
    const struct option_entry *entry = slot->entry;
    const char *argument = entry->argument != NULL ? optarg : NULL;
    if (slot->group->owner != NULL || entry->kind == OPTION_IS_OWN)
        take(into, slot->group, entry, argument);
    else
        store((char *)into + slot->group->at + entry->at, entry, argument != NULL ? argument : "");
}

/* getopt_long steps over "--" without telling: then its index has moved, and nothing was returned. */
static void find_words(struct option_words *words, int before, int argc, char **argv)
{
    *words = (struct option_words){
        .words = argv + optind,
        .count = (size_t)(argc - optind),
        .given = optind > before && strcmp(argv[optind - 1], "--") == 0,
    };
}

void option_table_read(const struct option_table *table, void *into, option_take *take, int argc, char **argv,
                       struct option_words *words)
{
    struct reader reader = {0};
    list_slots(table, &reader);
    struct option *names = calloc(reader.count + 1, sizeof(*names));
    char *letters = calloc(2 * reader.count + 2, 1);
    if (names == NULL || letters == NULL)
        out_of_memory();
    describe(&reader, names, letters);
    int before = optind = 1;
    int code;
    while ((code = getopt_long(argc, argv, letters, names, NULL)) != -1) {
        const struct slot *slot = slot_of(&reader, code);
        if (slot == NULL || slot->entry == NULL) /* getopt_long has said what is wrong */
            options_try_help();
        take_slot(slot, into, take);
        before = optind;
    }
    find_words(words, before, argc, argv);
    free(letters);
    free(names);
    free(reader.slots);
}
