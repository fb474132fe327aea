/* SPDX-License-Identifier: MIT */
#ifndef SHMQ_CLI_OPTION_TABLE_H
#define SHMQ_CLI_OPTION_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A program's options, each defined once: getopt_long's array, --help, the manual page, shell completion, and the
 * options that a supervisor passes on to its children all come from the same table.
 *
 * In texts, {self} stands for the program's name, and {prefix} for the prefix that the names of all our programs
 * have (option_text.h). A newline ends a line, an empty line a paragraph.
 *
 * The tables are plain data without function pointers, so that one program can link another program's table.
 */

/* The kind of an option's argument. It determines the type of the value stored at .at. */
enum option_kind {
    OPTION_IS_OWN,      /* handled by the program's own function, according to .code */
    OPTION_IS_FLAG,     /* bool: true */
    OPTION_IS_TEXT,     /* const char *: the argument itself; never empty */
    OPTION_IS_CHOICE,   /* an enum: the position in .choices, from 0 */
    OPTION_IS_COUNT,    /* uint64_t, from .min to .max (0: no limit) */
    OPTION_IS_COUNT32,  /* uint32_t, likewise */
    OPTION_IS_SIZE,     /* uint64_t, in bytes, likewise */
    OPTION_IS_DURATION, /* int64_t, in nanoseconds, not below .min */
    OPTION_IS_RANGE,    /* int64_t [2], in nanoseconds: MIN[:MAX] */
    OPTION_IS_RATE,     /* double, events per second */
};

struct option_entry {
    const char *name; /* without its dashes; NULL ends an array of entries */
    char letter;      /* '\0': none */
    bool alone;       /* makes sense only when the program runs alone: a supervisor does not pass it on */
    bool incidental;  /* changes neither the messages nor where they go: with it, a command is still the same */
    enum option_kind kind; /* how the argument is parsed */
    int code;              /* for OPTION_IS_OWN */
    const char *argument;  /* its name in the help, such as "FILE"; NULL: the option takes none */
    const char *choices;   /* the allowed arguments, separated by blanks; NULL: any */
    const char *synonym;   /* "fill=full": accepted for that choice, but neither shown nor completed; or NULL */
    const char *help;      /* what it does, without a full stop; wrapped when printed */
    unsigned verbs;        /* verbs that it applies to, as bits 1 << code; 0: all */
    size_t at;             /* where the value is stored: an offset in the section's struct */
    uint64_t min;
    uint64_t max;
};

struct option_section {
    const char *title;                  /* with its colon */
    const char *text;                   /* a paragraph below the title, or NULL */
    const struct option_entry *entries; /* ends with an entry without a name */
    const char *after;                  /* a paragraph below the options, or NULL */
};

/* A section as part of a program's table. */
struct option_group {
    const struct option_section *section; /* NULL ends an array of groups */
    size_t at;           /* offset, in the program's struct, of the struct that the section fills */
    const char *owner;   /* the child that the options are passed on to; NULL: this program */
    bool shared;         /* this program uses the options and passes them on to each child, too */
    const char *refused; /* why the options are refused; they are not shown then. NULL: they are accepted */
};

/* The task of a program that has several. The first word that is not an option names it. */
struct option_verb {
    const char *name;     /* NULL ends an array of verbs */
    int code;             /* below 32 */
    const char *argument; /* name of the word that may follow, such as "NAME"; NULL: none */
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
        *verbs; /* ends with a verb without a name; options may then stand between words. NULL: no verbs */
    const struct option_group *groups; /* ends with a group without a section */
    const char *ending;                /* paragraphs below the options, such as the exit statuses */
    struct option_example examples[OPTION_EXAMPLES];
    const char
        *bare; /* an option that takes an argument and, given without one, is another; NULL: there is none */
    const char *other; /* the name of that other option, or itself with an argument: "watch=1" */
};

/*
 * Handles an option of kind OPTION_IS_OWN, or any option of a group that has an owner or is shared. In a shared
 * group, the value of any other kind has been stored before. @into is the program's struct; @argument is NULL for
 * an option without one.
 */
typedef void option_take(void *into, const struct option_group *group, const struct option_entry *entry,
                         const char *argument);

/* The words of a command line that are not options. */
struct option_words {
    const struct option_verb *verb; /* which came before the words; NULL: the program has no verbs */
    char **words;
    size_t count;
    bool given; /* "--" came before the words; there may be none */
};

/*
 * Reads a command line into @into. Reports any error and exits with EXIT_USAGE.
 * Options end at the first word that is not an option, unless the program has verbs. If several groups define an
 * option, the first group gets it. In a group with an owner, .alone options are unknown. A program with verbs
 * requires one, and accepts only options that apply to it.
 */
void option_table_read(const struct option_table *table, void *into, option_take *take, int argc, char **argv,
                       struct option_words *words);

/*
 * Reads a command line in the same way, but passes each option to @take without parsing its argument: for a
 * program that passes the options on to the program that the table belongs to.
 */
void option_table_split(const struct option_table *table, void *into, option_take *take, int argc, char **argv,
                        struct option_words *words);

/* Handles an option that was not read from the command line, as option_table_read handles one that was. */
void option_table_take(const struct option_group *group, const struct option_entry *entry, void *into,
                       option_take *take, const char *argument);

/*
 * Calls @visit for each option in the order of the help, groups that are .refused included. Leaves out an option
 * whose name came before, and .alone options in groups with an owner.
 */
void option_table_walk(const struct option_table *table,
                       void (*visit)(void *context, const struct option_group *group,
                                     const struct option_entry *entry),
                       void *context);

/* Finds an option by its full name; NULL if there is none. Stores its group to @group if that is not NULL. */
const struct option_entry *option_table_find(const struct option_table *table, const char *name,
                                             const struct option_group **group);

/* Whether an option applies to the verb with this code. */
static inline bool option_applies_to(const struct option_entry *entry, int code)
{
    return entry->verbs == 0 || (entry->verbs >> code & 1) != 0;
}

/* Prints --help to stdout, at most 80 columns wide, and exits: 0, or 1 if stdout cannot be written. */
_Noreturn void option_table_help(const struct option_table *table);

enum { OPTION_WRITTEN_BYTES = 48 };

/*
 * How the option that is being taken was written: "--null", or "-0 (--null)" where the letter was used.
 * Return: @text.
 */
const char *option_written(const struct option_entry *entry, char text[static OPTION_WRITTEN_BYTES]);

/* Reports "--NAME VALUE: why" and exits with EXIT_USAGE. */
_Noreturn void option_entry_bad(const struct option_entry *entry, const char *value, const char *why);

#endif
