/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_OPTION_TABLE_H
#define SHMQ_CLI_OPTION_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A program's options, each written down once: getopt_long's array, --help, the manual page, shell completion
 * and what a supervisor hands on to its children all come from the same table.
 *
 * In texts, {self} stands for the name that the program is called by, and {prefix} for what comes before the
 * names of its siblings (option_text.h). A newline ends a line, an empty line a paragraph.
 *
 * The tables are data, without a pointer to a function, so that a program can be linked with those of others.
 */

/* What an option's argument is, and so what is stored at .at. */
enum option_kind {
    OPTION_IS_OWN,      /* the program's own function takes it, by .code */
    OPTION_IS_FLAG,     /* bool: true */
    OPTION_IS_TEXT,     /* const char *: the argument itself; never empty */
    OPTION_IS_CHOICE,   /* an enum, whose values are those of .choices, in their order, from 0 */
    OPTION_IS_COUNT,    /* uint64_t, from .min to .max (0: no limit) */
    OPTION_IS_COUNT32,  /* uint32_t, likewise */
    OPTION_IS_SIZE,     /* uint64_t, in bytes, likewise */
    OPTION_IS_DURATION, /* int64_t, in nanoseconds */
    OPTION_IS_RANGE,    /* int64_t [2], in nanoseconds: MIN[:MAX] */
    OPTION_IS_RATE,     /* double, events a second */
};

struct option_entry {
    const char *name;      /* without its dashes; NULL ends an array of entries */
    char letter;           /* '\0': none */
    bool alone;            /* makes sense only for this program by itself: a supervisor does not hand it on */
    enum option_kind kind; /* how the argument is read */
    int code;              /* of OPTION_IS_OWN */
    const char *argument;  /* its name in the help, such as "FILE"; NULL: takes none */
    const char *choices;   /* all that the argument can be, with blanks between them; NULL: anything */
    const char *help;      /* what it does, without a full stop; wrapped when it is printed */
    unsigned verbs;        /* those that it goes with, as bits 1 << code; 0: all */
    size_t at;             /* where the value goes: an offset in the section's struct */
    uint64_t min;
    uint64_t max;
};

struct option_section {
    const char *title;                  /* with its colon */
    const char *text;                   /* a paragraph below the title; NULL */
    const struct option_entry *entries; /* up to one without a name */
    const char *after;                  /* a paragraph below the options; NULL */
};

/* A section in a program's table. */
struct option_group {
    const struct option_section *section; /* NULL ends an array of groups */
    size_t at;                            /* offset in the program's struct of the one that the section fills */
    const char *owner;                    /* the child that its options are handed on to; NULL: our own */
    const char *refused; /* why they are known only to be refused, and not shown; NULL: they are not */
};

/* What a program with several tasks is told to do: the first word that is no option. */
struct option_verb {
    const char *name;     /* NULL ends an array of verbs */
    int code;             /* below 32 */
    const char *argument; /* the name of the word that may follow, such as "NAME"; NULL: none */
    const char *help;
};

struct option_example {
    const char *command;
    const char *what;
};

enum { OPTION_EXAMPLES = 3 };

struct option_table {
    const char *usage;   /* what follows the program's name, such as "[OPTION...] [-- WORD...]" */
    const char *purpose; /* what the program does, in a few words without a full stop */
    const char *summary; /* paragraphs below it */
    const struct option_verb
        *verbs; /* up to one without a name; then options may stand between words, too. NULL: none */
    const struct option_group *groups; /* up to one without a section */
    const char *ending;                /* paragraphs below the options, such as the exit statuses */
    struct option_example examples[OPTION_EXAMPLES];
};

/*
 * Takes an option of OPTION_IS_OWN, or any of a group that has an owner. @into is the program's struct; @argument
 * is NULL for an option without one.
 */
typedef void option_take(void *into, const struct option_group *group, const struct option_entry *entry,
                         const char *argument);

/* What follows the options, or stands between them. */
struct option_words {
    const struct option_verb *verb; /* stood before them; NULL: the program has none */
    char **words;
    size_t count;
    bool given; /* "--" stood before them; they may be none */
};

/*
 * Reads a command line into @into; anything that is wrong is reported and ends the program with EXIT_USAGE.
 * Options end at the first word that is none. A name that several groups have belongs to the first of them.
 * Options that are .alone are unknown where the group has an owner. A program with verbs has to be given one, and
 * only options that go with it.
 */
void option_table_read(const struct option_table *table, void *into, option_take *take, int argc, char **argv,
                       struct option_words *words);

/* Does what a command line with this option does: for one that was found elsewhere. */
void option_table_take(const struct option_group *group, const struct option_entry *entry, void *into,
                       option_take *take, const char *argument);

/*
 * Calls @visit for each option in the order of the help, leaving out those that are another's or not handed on.
 * Groups that are .refused are among them.
 */
void option_table_walk(const struct option_table *table,
                       void (*visit)(void *context, const struct option_group *group,
                                     const struct option_entry *entry),
                       void *context);

/* Finds an option by its full name; NULL. @group receives its group; may be NULL. */
const struct option_entry *option_table_find(const struct option_table *table, const char *name,
                                             const struct option_group **group);

/* Whether an option goes with the verb of a code. */
static inline bool option_goes_with(const struct option_entry *entry, int code)
{
    return entry->verbs == 0 || (entry->verbs >> code & 1) != 0;
}

/* Prints --help to stdout, 80 columns wide, and ends the program: 0, or 1 if stdout cannot be written. */
_Noreturn void option_table_help(const struct option_table *table);

/* Reports "--NAME VALUE: why" and ends with EXIT_USAGE. */
_Noreturn void option_entry_bad(const struct option_entry *entry, const char *value, const char *why);

#endif
