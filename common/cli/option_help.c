/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/option_table.h"
#include "common/cli/option_text.h"
#include "common/cli/options.h"
#include "common/cli/say.h"

/* Prints --help from an option table, at most 80 columns wide. */

enum { WIDTH = 80, HELP_COLUMN = 26, LEFT_BYTES = 128 };

/* Counts characters, not bytes: a help text may contain non-ASCII characters. */
static size_t columns(const char *text, size_t bytes)
{
    size_t count = 0;
    for (size_t i = 0; i < bytes; i++)
        count += ((unsigned char)text[i] & 0xC0) != 0x80;
    return count;
}

/* Prints @text from @column on, wrapped at blanks. Continuation lines start at @indent. Newlines are kept. */
static void print_wrapped(const char *text, size_t column, size_t indent)
{
    bool begun = false;
    while (*text != '\0') {
        size_t length = strcspn(text, " \n");
        size_t width = columns(text, length);
        if (begun && column + 1 + width > WIDTH) {
            printf("\n%*s", (int)indent, "");
            column = indent;
            begun = false;
        }
        if (begun)
            putchar(' ');
        printf("%.*s", (int)length, text);
        column += width + begun;
        begun = true;
        text += length;
        if (*text == ' ') {
            text++;
        } else if (*text == '\n') {
            text++;
            printf("\n%*s", *text != '\0' && *text != '\n' ? (int)indent : 0, "");
            column = indent;
            begun = false;
        }
    }
    putchar('\n');
}

static void print_paragraph(const char *text)
{
    if (text == NULL)
        return;
    char *expanded = option_text_expand(text);
    print_wrapped(expanded, 0, 0);
    free(expanded);
}

/* Prints @help beside @left, or below it if @left is too wide. */
static void print_beside(const char *left, const char *help)
{
    size_t width = columns(left, strlen(left));
    printf("%s", left);
    if (width + 2 > HELP_COLUMN)
        printf("\n%*s", HELP_COLUMN, "");
    else
        printf("%*s", HELP_COLUMN - (int)width, "");
    print_wrapped(help, HELP_COLUMN, HELP_COLUMN);
}

static void print_verbs(const struct option_table *table)
{
    if (table->verbs == NULL)
        return;
    printf("\nVerbs:\n");
    for (const struct option_verb *verb = table->verbs; verb->name != NULL; verb++) {
        char left[LEFT_BYTES];
        char *help = option_text_expand(verb->help);
        snprintf(left, sizeof(left), "  %s%s%s", verb->name, verb->argument != NULL ? " " : "",
                 verb->argument != NULL ? verb->argument : "");
        print_beside(left, help);
        free(help);
    }
}

static void print_entry(const struct option_table *table, const struct option_entry *entry)
{
    char left[LEFT_BYTES];
    char letter[8] = "    ";
    if (entry->letter != '\0')
        snprintf(letter, sizeof(letter), "-%c, ", entry->letter);
    snprintf(left, sizeof(left), "  %s--%s%s%s", letter, entry->name, entry->argument != NULL ? " " : "",
             entry->argument != NULL ? entry->argument : "");
    char *help = option_text_help(table, entry);
    print_beside(left, help);
    free(help);
}

/* Options that are passed on are only listed: the child's own help describes them. */
struct names {
    size_t column; /* 0: none yet */
};

static void print_name(struct names *names, const struct option_entry *entry)
{
    char text[LEFT_BYTES];
    snprintf(text, sizeof(text), "--%s%s%s", entry->name, entry->argument != NULL ? " " : "",
             entry->argument != NULL ? entry->argument : "");
    size_t width = columns(text, strlen(text));
    if (names->column == 0 || names->column + 2 + width > WIDTH) {
        printf("%s      ", names->column != 0 ? "\n" : "");
        names->column = 6;
    } else {
        printf("  ");
        names->column += 2;
    }
    printf("%s", text);
    names->column += width;
}

struct printer {
    const struct option_table *table;
    const struct option_group *group; /* the one whose title was printed last */
    struct names names;
};

static void end_group(struct printer *printer)
{
    if (printer->group == NULL)
        return;
    if (printer->names.column != 0)
        putchar('\n');
    printer->names.column = 0;
    print_paragraph(printer->group->section->after);
}

/* Options that are passed on have one title for each child. */
static void print_title(struct printer *printer, const struct option_group *group)
{
    const struct option_group *before = printer->group;
    if (group->owner == NULL) {
        printf("\n%s\n", group->section->title);
        print_paragraph(group->section->text);
    } else if (before == NULL || before->owner == NULL || strcmp(before->owner, group->owner) != 0) {
        printf("\nPassed on to each %s, whose --help describes them:\n", group->owner);
    }
}

static void print_option(void *context, const struct option_group *group, const struct option_entry *entry)
{
    struct printer *printer = context;
    if (group->refused != NULL)
        return;
    if (printer->group != group) {
        end_group(printer);
        print_title(printer, group);
        printer->group = group;
    }
    if (group->owner != NULL)
        print_name(&printer->names, entry);
    else
        print_entry(printer->table, entry);
}

static void print_examples(const struct option_table *table)
{
    printf("\nExamples:\n");
    for (size_t i = 0; i < OPTION_EXAMPLES && table->examples[i].command != NULL; i++) {
        const struct option_example *example = &table->examples[i];
        char *command = option_text_expand(example->command);
        char *what = option_text_expand(example->what);
        printf("  %s\n      ", command);
        print_wrapped(what, 6, 6);
        free(what);
        free(command);
    }
}

void option_table_help(const struct option_table *table)
{
    struct printer printer = {.table = table};
    printf("Usage: %s %s\n", say_program(), table->usage);
    print_paragraph(table->summary);
    print_verbs(table);
    option_table_walk(table, print_option, &printer);
    end_group(&printer);
    if (table->ending != NULL) {
        putchar('\n');
        print_paragraph(table->ending);
    }
    print_examples(table);
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        exit(EXIT_DONE);
    say_error("standard output: cannot be written: %s", strerrordesc_np(errno));
    exit(EXIT_FAILED);
}
