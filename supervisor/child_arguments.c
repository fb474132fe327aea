/* SPDX-License-Identifier: MIT */
#include "supervisor/child_arguments.h"

#include <stdlib.h>
#include <string.h>

#include "common/cli/option_common.h"
#include "common/cli/options.h"
#include "common/cli/say.h"
#include "consumer/option_table.h"
#include "producer/option_table.h"

struct reading {
    struct arguments *kept;
    const char *owner;
    const struct option_table *own;
    void *into;
    option_take *take;
};

/* Options of a child that only the supervisor may set. */
static void refuse_reserved(const char *owner, const char *name)
{
    static const struct {
        const char *name;
        const char *why;
    } own[] = {{"queue", "all its children use one queue"},
               {"split", "-p N splits the input"},
               {"producers", "-p N sets their number"}};
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (strcmp(name, own[i].name) == 0)
            options_usage("--%s-args: --%s: is for %s itself (%s)", owner, name, say_program(), own[i].why);
    }
    if (strcmp(name, "help") == 0 || strcmp(name, "version") == 0)
        options_usage("--%s-args: --%s: does no work (run '%s%s --%s')", owner, name, say_prefix(), owner, name);
}

/* Whether the supervisor adds the child's name to the option's text; not in --producer-args. */
static bool is_marked(const char *name)
{
    return strcmp(name, "echo") == 0 || strcmp(name, "prefix") == 0;
}

/* Whether the supervisor's option of that name means the same as the child's. */
static bool means_the_same(const struct option_group *group, const char *owner, const char *name)
{
    if (group->owner != NULL)
        return strcmp(group->owner, owner) == 0 && !is_marked(name);
    if (group->section == &option_creating_section)
        return true;
    return strcmp(owner, "producer") == 0
               ? strcmp(name, "input") == 0 || strcmp(name, "resume") == 0 || strcmp(name, "follow") == 0
               : strcmp(name, "output") == 0;
}

static void take_one(void *into, const struct option_group *its_group, const struct option_entry *entry,
                     const char *argument)
{
    const struct reading *reading = into;
    const struct option_group *group = NULL;
    (void)its_group;
    refuse_reserved(reading->owner, entry->name);
    const struct option_entry *known = option_table_find(reading->own, entry->name, &group);
    if (known != NULL && means_the_same(group, reading->owner, entry->name))
        option_table_take(group, known, reading->into, reading->take, argument);
    else if (argument != NULL)
        arguments_format(reading->kept, "--%s=%s", entry->name, argument);
    else
        arguments_format(reading->kept, "--%s", entry->name);
}

void child_arguments_read(struct arguments *kept, const struct arguments *words, const char *owner,
                          const struct option_table *own, void *into, option_take *take)
{
    const struct option_table *table = strcmp(owner, "producer") == 0 ? &producer_options : &consumer_options;
    struct reading reading = {.kept = kept, .owner = owner, .own = own, .into = into, .take = take};
    struct option_words left;
    struct arguments line = {0};
    arguments_format(&line, "%s: --%s-args", say_program(), owner); /* for getopt_long's messages */
    char **argv = calloc(words->count + 2, sizeof(*argv));
    if (argv == NULL)
        options_usage("out of memory");
    argv[0] = line.words[0];
    for (size_t i = 0; i < words->count; i++)
        argv[i + 1] = words->words[i];
    option_table_split(table, &reading, take_one, (int)words->count + 1, argv, &left);
    if (left.count > 0)
        options_usage("--%s-args: %s: is not an option (give words to send to %s itself, after --)", owner,
                      left.words[0][0] != '\0' ? left.words[0] : "''", say_program());
    if (left.given)
        options_usage("--%s-args: --: is for %s itself", owner, say_program());
    free(argv);
    arguments_free(&line);
}
