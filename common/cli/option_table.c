/* SPDX-License-Identifier: MIT */
#include "common/cli/option_table.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/cli/options.h"
#include "common/cli/parse.h"
#include "common/cli/units.h"

/* For an option's long name, getopt_long returns this plus the option's index. */
enum { FIRST_INDEX = 256 };

struct slot {
    const struct option_group *group;
    const struct option_entry *entry;
};

/* More than any program has. A longer table is refused, whatever the command line. */
enum { OPTIONS_MAX = 160 };

struct reader {
    const struct option_table *table;
    struct slot slots[OPTIONS_MAX];
    bool given[OPTIONS_MAX];
    size_t count;
};

static char letter_under_way; /* by which the option that is being taken was given; '\0': by its name */

const char *option_written(const struct option_entry *entry, char text[static OPTION_WRITTEN_BYTES])
{
    if (letter_under_way != '\0' && letter_under_way == entry->letter)
        snprintf(text, OPTION_WRITTEN_BYTES, "-%c (--%s)", entry->letter, entry->name);
    else
        snprintf(text, OPTION_WRITTEN_BYTES, "--%s", entry->name);
    return text;
}

void option_entry_bad(const struct option_entry *entry, const char *value, const char *why)
{
    char written[OPTION_WRITTEN_BYTES];
    options_bad(option_written(entry, written), value, why);
}

/* Whether an earlier entry has the same name. */
static bool is_shadowed(const struct option_table *table, const struct option_entry *entry)
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
            if (!(group->owner != NULL && entry->alone) && !is_shadowed(table, entry))
                visit(context, group, entry);
        }
    }
}

static void add_slot(void *context, const struct option_group *group, const struct option_entry *entry)
{
    struct reader *reader = context;
    if (reader->count == OPTIONS_MAX)
        options_usage("--%s: too many options (raise OPTIONS_MAX)", entry->name);
    reader->slots[reader->count++] = (struct slot){.group = group, .entry = entry};
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

/* Builds getopt_long's two descriptions of the options. */
static void describe(const struct reader *reader, struct option *names, char *letters)
{
    if (reader->table->verbs == NULL)
        *letters++ = '+'; /* options end at the first word that is not an option */
    for (size_t i = 0; i < reader->count; i++) {
        const struct option_entry *entry = reader->slots[i].entry;
        names[i] = (struct option){.name = entry->name,
                                   .has_arg = entry->argument != NULL ? required_argument : no_argument,
                                   .val = FIRST_INDEX + (int)i};
        if (entry->letter == '\0' || letter_is_taken(reader, i, entry->letter))
            continue;
        *letters++ = entry->letter;
        if (entry->argument != NULL)
            *letters++ = ':';
    }
    names[reader->count] = (struct option){0};
    *letters = '\0';
}

/* Index of the option that getopt_long found; .count if none. */
static size_t index_of(const struct reader *reader, int code)
{
    if (code >= FIRST_INDEX && (size_t)(code - FIRST_INDEX) < reader->count)
        return (size_t)(code - FIRST_INDEX);
    size_t i = 0;
    while (i < reader->count && reader->slots[i].entry->letter != code)
        i++;
    return i;
}

static uint64_t read_count(const struct option_entry *entry, const char *argument, uint64_t largest)
{
    char why[96];
    uint64_t value = 0;
    const uint64_t max = entry->max != 0 ? entry->max : largest;
    if (parse_count(argument, entry->min, max, &value) == 0)
        return value;
    if (entry->max == 0)
        snprintf(why, sizeof(why), "not a number (a whole number, at least %" PRIu64 ")", entry->min);
    else
        snprintf(why, sizeof(why), "not a number from %" PRIu64 " to %" PRIu64 " (a whole number)", entry->min,
                 entry->max);
    option_entry_bad(entry, argument, why);
}

static uint64_t read_size(const struct option_entry *entry, const char *argument)
{
    char why[96];
    char limit[UNITS_SIZE];
    uint64_t value = 0;
    const int error = parse_size(argument, &value);
    if (error != 0 && error != -ERANGE)
        option_entry_bad(entry, argument, "not a size (bytes, or K, M, G)");
    if (error == -ERANGE || (entry->max != 0 && value > entry->max)) {
        snprintf(why, sizeof(why), "too large (at most %s)", units_size(limit, entry->max));
        option_entry_bad(entry, argument, why);
    }
    if (value < entry->min) {
        snprintf(why, sizeof(why), "too small (at least %" PRIu64 ")", entry->min);
        option_entry_bad(entry, argument, why);
    }
    return value;
}

/* The choice that the argument is another word for, or the argument itself. */
static const char *resolve_synonym(const struct option_entry *entry, const char *argument)
{
    const size_t length = entry->synonym != NULL ? strcspn(entry->synonym, "=") : 0;
    const bool is_it = length > 0 && strlen(argument) == length && strncmp(entry->synonym, argument, length) == 0;
    return is_it ? entry->synonym + length + 1 : argument;
}

static unsigned read_choice(const struct option_entry *entry, const char *argument)
{
    char why[96];
    const char *choice = resolve_synonym(entry, argument);
    const size_t length = strlen(choice);
    unsigned number = 0;
    for (const char *at = entry->choices; *at != '\0'; number++) {
        const size_t end = strcspn(at, " ");
        if (end == length && strncmp(at, choice, end) == 0)
            return number;
        at += end + (at[end] != '\0');
    }
    snprintf(why, sizeof(why), "not one of the choices (%s)", entry->choices);
    option_entry_bad(entry, argument, why);
}

static void refuse_shorter(const struct option_entry *entry, const char *argument)
{
    char text[UNITS_SIZE];
    char why[64];
    snprintf(why, sizeof(why), "too short (at least %s)", units_time(text, (int64_t)entry->min));
    option_entry_bad(entry, argument, why);
}

static void store_duration(int64_t *value_ns, const struct option_entry *entry, const char *argument)
{
    const int error = parse_duration(argument, value_ns);
    if (error == -ERANGE)
        option_entry_bad(entry, argument, "too long (at most 640000h)");
    if (error != 0)
        option_entry_bad(entry, argument, "not a duration (such as 500ms, 10s or 2m)");
    if (*value_ns < (int64_t)entry->min)
        refuse_shorter(entry, argument);
}

/* Stores a duration, a range or a rate. Returns false for any other kind. */
static bool store_time(void *value, const struct option_entry *entry, const char *argument)
{
    int64_t *range = value;
    switch (entry->kind) {
    case OPTION_IS_DURATION:
        store_duration(value, entry, argument);
        return true;
    case OPTION_IS_RANGE:
        if (parse_duration_range(argument, &range[0], &range[1]) != 0)
            option_entry_bad(entry, argument, "not a duration or a range MIN:MAX (such as 100ms or 1s:2s)");
        return true;
    case OPTION_IS_RATE:
        if (parse_rate(argument, value) != 0)
            option_entry_bad(entry, argument, "not a rate (a number per second, above 0, at most 1000000000)");
        return true;
    default:
        return false;
    }
}

_Noreturn static void bad_empty(const struct option_entry *entry)
{
    char why[96];
    snprintf(why, sizeof(why), "is empty (give %s)", entry->argument);
    option_entry_bad(entry, "", why);
}

static void store(void *value, const struct option_entry *entry, const char *argument)
{
    if (argument == NULL)
        argument = ""; /* for kinds without an argument */
    if (store_time(value, entry, argument))
        return;
    switch (entry->kind) {
    case OPTION_IS_FLAG:
        *(bool *)value = true;
        break;
    case OPTION_IS_TEXT:
        if (argument[0] == '\0')
            bad_empty(entry);
        *(const char **)value = argument;
        break;
    case OPTION_IS_CHOICE:
        *(unsigned *)value = read_choice(entry, argument);
        break;
    case OPTION_IS_COUNT:
        *(uint64_t *)value = read_count(entry, argument, UINT64_MAX);
        break;
    case OPTION_IS_COUNT32:
        *(uint32_t *)value = (uint32_t)read_count(entry, argument, UINT32_MAX);
        break;
    case OPTION_IS_SIZE:
        *(uint64_t *)value = read_size(entry, argument);
        break;
    default:
        break;
    }
}

void option_table_take(const struct option_group *group, const struct option_entry *entry, void *into,
                       option_take *take, const char *argument)
{
    if (group->refused != NULL)
        options_usage("--%s: %s", entry->name, group->refused);
    const bool own = group->owner != NULL || entry->kind == OPTION_IS_OWN;
    if (!own)
        store((char *)into + group->at + entry->at, entry, argument);
    if (own || group->shared)
        take(into, group, entry, argument);
}

/* getopt_long skips "--" silently. It did so if optind has moved beyond the last option that it returned. */
static void find_words(struct option_words *words, int before, int argc, char **argv)
{
    *words = (struct option_words){
        .words = argv + optind,
        .count = (size_t)(argc - optind),
        .given = optind > before && strcmp(argv[optind - 1], "--") == 0,
    };
}

static const struct option_verb *find_verb(const struct option_table *table, const char *name)
{
    for (const struct option_verb *verb = table->verbs; verb->name != NULL; verb++) {
        if (strcmp(verb->name, name) == 0)
            return verb;
    }
    options_usage("%s: unknown verb (see --help)", name);
}

static void take_verb(const struct reader *reader, struct option_words *words)
{
    if (words->count == 0)
        options_usage("no verb given (see --help)");
    words->verb = find_verb(reader->table, words->words[0]);
    words->words++;
    words->count--;
    for (size_t i = 0; i < reader->count; i++) {
        const struct option_entry *entry = reader->slots[i].entry;
        if (reader->given[i] && !option_applies_to(entry, words->verb->code))
            options_usage("%s: takes no --%s", words->verb->name, entry->name);
    }
}

/*
 * Whether the option that may stand alone takes this word. A negative number is taken, so that it is refused as
 * what it was meant to be, and not as an unknown option.
 */
static bool may_be_argument(const struct option_table *table, const char *word)
{
    const struct option_entry *entry = option_table_find(table, table->bare, NULL);
    int64_t ns = 0;
    if (entry == NULL || entry->kind != OPTION_IS_DURATION)
        return word[0] != '-';
    return (word[0] == '-' && isdigit((unsigned char)word[1])) || parse_duration(word, &ns) != -EINVAL;
}

/*
 * Replaces the option that is another one without an argument: where nothing follows it, another option, or
 * what cannot be its argument. getopt_long would take the word for that.
 */
static void replace_bare(const struct option_table *table, int argc, char **argv)
{
    static char written[OPTION_WRITTEN_BYTES];
    if (table->bare == NULL)
        return;
    snprintf(written, sizeof(written), "--%s", table->other);
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const bool is_it = strncmp(argv[i], "--", 2) == 0 && strcmp(argv[i] + 2, table->bare) == 0;
        if (is_it && (i + 1 == argc || !may_be_argument(table, argv[i + 1])))
            argv[i] = written;
    }
}

enum storing { STORING, TAKING_ONLY };

static void read_options(const struct option_table *table, enum storing storing, void *into, option_take *take,
                         int argc, char **argv, struct option_words *words)
{
    struct reader reader = {.table = table};
    struct option names[OPTIONS_MAX + 1];
    char letters[2 * OPTIONS_MAX + 2];
    option_table_walk(table, add_slot, &reader);
    describe(&reader, names, letters);
    replace_bare(table, argc, argv);
    int before = 1;
    int code;
    optind = 0; /* makes getopt_long start anew */
    while ((code = getopt_long(argc, argv, letters, names, NULL)) != -1) {
        const size_t index = index_of(&reader, code);
        if (index == reader.count || reader.slots[index].entry == NULL) /* getopt_long has reported the error */
            options_try_help();
        const struct slot *slot = &reader.slots[index];
        const char *argument = slot->entry->argument != NULL ? optarg : NULL;
        reader.given[index] = true;
        letter_under_way = code < FIRST_INDEX ? (char)code : '\0';
        if (storing == STORING)
            option_table_take(slot->group, slot->entry, into, take, argument);
        else
            take(into, slot->group, slot->entry, argument);
        before = optind;
    }
    letter_under_way = '\0';
    find_words(words, before, argc, argv);
    if (table->verbs != NULL)
        take_verb(&reader, words);
}

void option_table_read(const struct option_table *table, void *into, option_take *take, int argc, char **argv,
                       struct option_words *words)
{
    read_options(table, STORING, into, take, argc, argv, words);
}

void option_table_split(const struct option_table *table, void *into, option_take *take, int argc, char **argv,
                        struct option_words *words)
{
    read_options(table, TAKING_ONLY, into, take, argc, argv, words);
}
