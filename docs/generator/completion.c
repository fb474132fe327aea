/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/option_text.h"
#include "common/cli/say.h"
#include "docs/generator/generator.h"

/* What can be said of an argument before it is typed. */
enum hint { HINT_NONE, HINT_CHOICES, HINT_FILE, HINT_COMMAND, HINT_QUEUE, HINT_GROUP, HINTS };

struct shell {
    const char *name;
    void (*print)(const struct option_table *table);
};

static enum hint hint_of(const struct option_entry *entry)
{
    if (entry->choices != NULL)
        return HINT_CHOICES;
    if (strcmp(entry->name, "queue") == 0)
        return HINT_QUEUE;
    if (strcmp(entry->name, "group") == 0)
        return HINT_GROUP;
    if (strcmp(entry->argument, "FILE") == 0 || strcmp(entry->argument, "PATTERN") == 0)
        return HINT_FILE;
    return strcmp(entry->argument, "COMMAND") == 0 ? HINT_COMMAND : HINT_NONE;
}

/* A name that a shell takes for a function's. */
static void print_function(void)
{
    putchar('_');
    for (const char *at = say_program(); *at != '\0'; at++)
        putchar(*at == '-' || *at == '.' ? '_' : *at);
}

/* The first clause of a help text, with @escape before each of @special; what is quoted may hold no quote. */
static void print_clause(const char *text, const char *special, const char *escape)
{
    char *named = option_text_expand(text);
    size_t end = strlen(named);
    static const char *const stops[] = {"; ", ". ", " ("};
    for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
        const char *stop = strstr(named, stops[i]);
        if (stop != NULL && (size_t)(stop - named) < end)
            end = (size_t)(stop - named);
    }
    for (size_t i = 0; i < end; i++) {
        if (named[i] == '\'')
            printf("'\\''");
        else if (strchr(special, named[i]) != NULL)
            printf("%s%c", escape, named[i]);
        else
            putchar(named[i]);
    }
    free(named);
}

/* ------------------------------------------------------------------ bash */

static void bash_argument(void *context, const struct option_group *group, const struct option_entry *entry)
{
    static const char *const generators[HINTS] = {
        [HINT_NONE] = "",
        [HINT_FILE] = "compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")",
        [HINT_COMMAND] = "mapfile -t COMPREPLY < <(compgen -c -- \"$cur\")",
        [HINT_QUEUE] = "mapfile -t COMPREPLY < <(compgen -W \"$queues\" -- \"$cur\")",
        [HINT_GROUP] = "mapfile -t COMPREPLY < <(compgen -g -- \"$cur\")",
    };
    (void)context;
    if (entry->argument == NULL || group->refused != NULL)
        return;
    printf("    --%s", entry->name);
    if (entry->letter != '\0')
        printf(" | -%c", entry->letter);
    if (hint_of(entry) == HINT_CHOICES)
        printf(") mapfile -t COMPREPLY < <(compgen -W '%s' -- \"$cur\"); return ;;\n", entry->choices);
    else
        printf(") %s%sreturn ;;\n", generators[hint_of(entry)], hint_of(entry) == HINT_NONE ? "" : "; ");
}

static void bash_name(void *context, const struct option_group *group, const struct option_entry *entry)
{
    (void)context;
    if (group->refused == NULL)
        printf(" --%s", entry->name);
}

static void bash_words(const struct option_table *table)
{
    if (table->verbs == NULL)
        return;
    printf("    if [[ $cur != -* ]]; then\n        local verb=''\n        for word in "
           "\"${COMP_WORDS[@]:1:COMP_CWORD-1}\";"
           " do\n            [[ $word == -* ]] || verb=$word\n        done\n        [[ $verb ]] || queues='");
    for (const struct option_verb *verb = table->verbs; verb->name != NULL; verb++)
        printf("%s%s", verb == table->verbs ? "" : " ", verb->name);
    printf("'\n        mapfile -t COMPREPLY < <(compgen -W \"$queues\" -- \"$cur\")\n        return\n    fi\n");
}

static void bash_print(const struct option_table *table)
{
    printf("# bash completion of %s\n", say_program());
    print_function();
    printf("()\n{\n"
           "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} word queues=''\n"
           "    [[ $cur != = ]] || cur=''\n"
           "    [[ $prev != = ]] || prev=${COMP_WORDS[COMP_CWORD-2]}\n"
           "    for word in /dev/shm/shmq.*; do\n"
           "        word=${word#/dev/shm/shmq.}\n"
           "        # compgen expands its words: whatever else somebody put there is not for us.\n"
           "        [[ $word == *[!A-Za-z0-9._-]* ]] || queues+=\" $word\"\n"
           "    done\n"
           "    COMPREPLY=()\n"
           "    case $prev in\n");
    option_table_walk(table, bash_argument, NULL);
    printf("    esac\n");
    bash_words(table);
    printf("    mapfile -t COMPREPLY < <(compgen -W '");
    option_table_walk(table, bash_name, NULL);
    printf("' -- \"$cur\")\n}\ncomplete -F ");
    print_function();
    printf(" %s\n", say_program());
}

/* ------------------------------------------------------------------ zsh */

static void zsh_spec(const struct option_table *table, const struct option_entry *entry, const char *dashes)
{
    static const char *const actions[HINTS] = {
        [HINT_NONE] = " ",
        [HINT_FILE] = "_files",
        [HINT_COMMAND] = "_cmdstring",
        [HINT_QUEUE] = "{compadd -a queues}",
        [HINT_GROUP] = "_groups",
    };
    char *help = option_text_help(table, entry);
    printf("    '*%s[", dashes);
    print_clause(help, "[]:\\", "\\");
    putchar(']');
    if (entry->argument != NULL) {
        printf(":");
        print_clause(entry->argument, "[]:\\", "\\");
        if (hint_of(entry) == HINT_CHOICES)
            printf(":(%s)", entry->choices);
        else
            printf(":%s", actions[hint_of(entry)]);
    }
    printf("'\n");
    free(help);
}

static void zsh_option(void *context, const struct option_group *group, const struct option_entry *entry)
{
    const struct option_table *const *table = context;
    char dashes[80];
    if (group->refused != NULL)
        return;
    if (entry->letter != '\0') {
        snprintf(dashes, sizeof(dashes), "-%c%s", entry->letter, entry->argument != NULL ? "+" : "");
        zsh_spec(*table, entry, dashes);
    }
    snprintf(dashes, sizeof(dashes), "--%s%s", entry->name, entry->argument != NULL ? "=" : "");
    zsh_spec(*table, entry, dashes);
}

static void zsh_print(const struct option_table *table)
{
    printf("#compdef %s\nlocal -a queues options\nqueues=(/dev/shm/shmq.*(N:t))\nqueues=(${queues#shmq.})\n"
           "options=(\n",
           say_program());
    option_table_walk(table, zsh_option, &table);
    if (table->verbs != NULL) {
        printf("    '1:verb:((");
        for (const struct option_verb *verb = table->verbs; verb->name != NULL; verb++) {
            printf("%s%s\\:\"", verb == table->verbs ? "" : " ", verb->name);
            print_clause(verb->help, "\"[]:\\", "\\");
            putchar('"');
        }
        printf("))'\n    '2:queue:{compadd -a queues}'\n");
    } else {
        printf("    '*:word: '\n");
    }
    printf(")\n_arguments -s -S $options\n");
}

/* ------------------------------------------------------------------ fish */

static void fish_option(void *context, const struct option_group *group, const struct option_entry *entry)
{
    static const char *const arguments[HINTS] = {
        [HINT_NONE] = " -x",
        [HINT_FILE] = " -r -F",
        [HINT_COMMAND] = " -x -a '(__fish_complete_command)'",
        [HINT_QUEUE] = " -x -a '(string replace /dev/shm/shmq. \"\" /dev/shm/shmq.*)'",
        [HINT_GROUP] = " -x -a '(__fish_complete_groups)'",
    };
    const struct option_table *const *table = context;
    char *help = option_text_help(*table, entry);
    if (group->refused == NULL) {
        printf("complete -c %s -l %s", say_program(), entry->name);
        if (entry->letter != '\0')
            printf(" -s %c", entry->letter);
        if (entry->argument != NULL && hint_of(entry) == HINT_CHOICES)
            printf(" -x -a '%s'", entry->choices);
        else if (entry->argument != NULL)
            printf("%s", arguments[hint_of(entry)]);
        printf(" -d '");
        print_clause(help, "\\", "\\");
        printf("'\n");
    }
    free(help);
}

static void fish_print(const struct option_table *table)
{
    printf("complete -c %s -f\n", say_program());
    option_table_walk(table, fish_option, &table);
    for (const struct option_verb *verb = table->verbs; verb != NULL && verb->name != NULL; verb++) {
        printf("complete -c %s -n __fish_use_subcommand -a %s -d '", say_program(), verb->name);
        print_clause(verb->help, "\\", "\\");
        printf("'\n");
    }
    if (table->verbs != NULL)
        printf("complete -c %s -n 'not __fish_use_subcommand' -a "
               "'(string replace /dev/shm/shmq. \"\" /dev/shm/shmq.*)'\n",
               say_program());
}

bool completion_print(const struct option_table *table, const char *shell)
{
    static const struct shell shells[] = {{"bash", bash_print}, {"zsh", zsh_print}, {"fish", fish_print}};
    for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
        if (strcmp(shell, shells[i].name) == 0) {
            shells[i].print(table);
            return true;
        }
    }
    return false;
}
