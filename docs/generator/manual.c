/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/option_text.h"
#include "common/cli/say.h"
#include "docs/generator/generator.h"

enum { LINE = 60 }; /* of source, before what is escaped in it grows */

static const char exit_status[] = "Exit status: ";

/* What roff would take for something else. */
static void print_escaped(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        const bool begins = i == 0 || text[i - 1] == '-' || strchr("'\"([", text[i - 1]) != NULL;
        if (text[i] == '\\')
            printf("\\e");
        else if (text[i] == '\'')
            printf("\\(aq");
        else if (text[i] == '"')
            printf("\\(dq");
        else if (text[i] == '-' && begins)
            printf("\\-");
        else if (text[i] == '.' && i == 0)
            printf("\\&.");
        else
            putchar(text[i]);
    }
}

static bool ends_sentence(const char *word, size_t length)
{
    return length > 1 && strchr(".?!", word[length - 1]) != NULL;
}

/* Prints words up to an empty line, each sentence on a line of its own; returns what follows. */
static const char *print_paragraph(const char *text)
{
    size_t column = 0;
    while (*text != '\0' && strncmp(text, "\n\n", 2) != 0) {
        const size_t length = strcspn(text, " \n");
        if (length > 0 && column > 0 && column + 1 + length > LINE) {
            putchar('\n');
            column = 0;
        }
        if (length > 0 && column > 0)
            putchar(' ');
        print_escaped(text, length);
        column += length + (length > 0 && column > 0);
        if (ends_sentence(text, length)) {
            putchar('\n');
            column = 0;
        }
        text += length;
        if (*text != '\0' && strncmp(text, "\n\n", 2) != 0)
            text++;
    }
    if (column > 0)
        putchar('\n');
    return text + strspn(text, "\n");
}

static void print_text(const char *text)
{
    if (text == NULL)
        return;
    char *named = option_text_expand(text + strspn(text, "\n"));
    for (const char *at = named; *at != '\0';) {
        at = print_paragraph(at);
        if (*at != '\0')
            printf(".Pp\n");
    }
    free(named);
}

/* "[-p N] [-- WORD...] VERB": a word in brackets or without. */
static void print_usage_word(const char *word, size_t length)
{
    const bool repeated = length > 3 && strncmp(word + length - 3, "...", 3) == 0;
    if (word[0] == '-')
        printf(" Fl %.*s", (int)length - 1, word + 1);
    else
        printf(" Ar %.*s%s", (int)(repeated ? length - 3 : length), word, repeated ? " ..." : "");
}

static void print_usage(const char *usage)
{
    while (*usage != '\0') {
        const bool optional = *usage == '[';
        size_t length = optional ? strcspn(usage, "]") : strcspn(usage, " ");
        const char *end = usage + length;
        printf(optional ? ".Op" : ".Ar %.*s", (int)length, usage);
        for (const char *at = usage + 1; optional && at < end; at += length + (at[length] == ' ')) {
            length = strcspn(at, " ]");
            print_usage_word(at, length);
        }
        putchar('\n');
        usage = end + (optional && *end == ']');
        usage += strspn(usage, " ");
    }
}

static void print_verbs(const struct option_table *table)
{
    if (table->verbs == NULL)
        return;
    printf(".Pp\nThe verbs are:\n.Bl -tag -width Ds\n");
    for (const struct option_verb *verb = table->verbs; verb->name != NULL; verb++) {
        printf(".It Cm %s%s%s\n", verb->name, verb->argument != NULL ? " Ar " : "",
               verb->argument != NULL ? verb->argument : "");
        print_text(verb->help);
    }
    printf(".El\n");
}

struct printer {
    const struct option_table *table;
    const struct option_group *group; /* the one whose title was printed last */
};

static void end_group(const struct option_group *group)
{
    if (group == NULL)
        return;
    printf(".El\n");
    if (group->owner == NULL && group->section->after != NULL) {
        printf(".Pp\n");
        print_text(group->section->after);
    }
}

static void begin_group(const struct option_group *group)
{
    const char *title = group->section->title;
    printf(".Ss ");
    if (group->owner != NULL)
        printf("Passed on to each %s: ", group->owner);
    print_escaped(title, strcspn(title, ":"));
    printf("\\&\n"); /* not the end of a sentence, whatever it ends with */
    if (group->owner == NULL)
        print_text(group->section->text);
    printf(".Bl -tag -width Ds\n");
}

static void print_option(void *context, const struct option_group *group, const struct option_entry *entry)
{
    struct printer *printer = context;
    if (group->refused != NULL)
        return;
    if (printer->group != group) {
        end_group(printer->group);
        begin_group(group);
        printer->group = group;
    }
    printf(".It ");
    if (entry->letter != '\0')
        printf("Fl %c , ", entry->letter);
    printf("Fl -%s%s%s\n", entry->name, entry->argument != NULL ? " Ar " : "",
           entry->argument != NULL ? entry->argument : "");
    char *help = option_text_help(printer->table, entry);
    print_text(help);
    free(help);
}

/* The paragraphs of the ending: those of the exit status have a section of their own. */
static void print_ending(const char *ending, bool status)
{
    char *named = option_text_expand(ending);
    bool begun = false;
    for (char *at = named, *next; at != NULL; at = next) {
        next = strstr(at, "\n\n");
        if (next != NULL) {
            *next = '\0';
            next += 2;
        }
        const bool of_status = strncmp(at, exit_status, strlen(exit_status)) == 0;
        if (of_status != status)
            continue;
        printf(begun ? ".Pp\n" : status ? ".Sh EXIT STATUS\n" : ".Ss Notes\n");
        begun = true;
        print_paragraph(of_status ? at + strlen(exit_status) : at);
    }
    free(named);
}

static void print_examples(const struct option_table *table)
{
    printf(".Sh EXAMPLES\n");
    for (size_t i = 0; i < OPTION_EXAMPLES && table->examples[i].command != NULL; i++) {
        char *command = option_text_expand(table->examples[i].command);
        printf("%s", i > 0 ? ".Pp\n" : "");
        print_text(table->examples[i].what);
        printf(".Bd -literal -offset indent\n");
        print_escaped(command, strlen(command));
        printf("\n.Ed\n");
        free(command);
    }
}

static void print_title(const char *date)
{
    printf(".\\\" Made from option_table.c: a change here is lost.\n.Dd %s\n.Dt ", date);
    for (const char *at = say_program(); *at != '\0'; at++)
        putchar(toupper((unsigned char)*at));
    printf(" 1\n.Os\n");
}

void manual_text(const char *text)
{
    print_text(text);
}

void manual_print(const struct option_table *table, const char *date, void (*more)(void))
{
    struct printer printer = {.table = table};
    print_title(date);
    printf(".Sh NAME\n.Nm %s\n.Nd %s\n.Sh SYNOPSIS\n.Nm\n", say_program(), table->purpose);
    print_usage(table->usage);
    printf(".Sh DESCRIPTION\n");
    print_text(table->summary);
    print_verbs(table);
    printf(".Sh OPTIONS\n");
    option_table_walk(table, print_option, &printer);
    end_group(printer.group);
    print_ending(table->ending, false);
    if (more != NULL)
        more();
    printf(".Sh ENVIRONMENT\n.Bl -tag -width SHMQ_QUEUE\n.It Ev SHMQ_QUEUE\nThe queue, without\n.Fl Q .\n.El\n");
    print_ending(table->ending, true);
    print_examples(table);
    printf(".Sh SEE ALSO\n.Xr shmq 3 ,\n.Xr shmq 7\n");
}
