/* SPDX-License-Identifier: MIT */
#include "common/cli/option_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/options.h"
#include "common/cli/say.h"

_Noreturn static void out_of_memory(void)
{
    say_error("memory: %s", strerrordesc_np(ENOMEM));
    exit(EXIT_FAILED);
}

/* If @text starts with a placeholder, returns its replacement and the placeholder's @length; otherwise NULL. */
static const char *find_placeholder(const char *text, size_t *length)
{
    static const char self[] = "{self}";
    static const char prefix[] = "{prefix}";
    const bool is_self = strncmp(text, self, strlen(self)) == 0;
    if (!is_self && strncmp(text, prefix, strlen(prefix)) != 0)
        return NULL;
    *length = strlen(is_self ? self : prefix);
    return is_self ? say_program() : say_prefix();
}

static void write_expanded(FILE *file, const char *text)
{
    for (size_t length; *text != '\0'; text += length) {
        const char *name = find_placeholder(text, &length);
        if (name != NULL) {
            fputs(name, file);
        } else {
            length = 1 + strcspn(text + 1, "{");
            fwrite(text, 1, length, file);
        }
    }
}

static void write_verbs(FILE *file, const struct option_table *table, const struct option_entry *entry)
{
    const char *separator = "";
    for (const struct option_verb *verb = table->verbs; verb != NULL && verb->name != NULL; verb++) {
        if (entry->verbs == 0 || !option_applies_to(entry, verb->code))
            continue;
        fprintf(file, "%s%s", separator, verb->name);
        separator = ", ";
    }
    fputs(*separator != '\0' ? ": " : "", file);
}

static char *compose(const struct option_table *table, const struct option_entry *entry, const char *text)
{
    char *composed = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&composed, &size);
    if (file == NULL)
        out_of_memory();
    if (entry != NULL)
        write_verbs(file, table, entry);
    write_expanded(file, text);
    if (fclose(file) != 0)
        out_of_memory();
    return composed;
}

char *option_text_expand(const char *text)
{
    return compose(NULL, NULL, text);
}

char *option_text_help(const struct option_table *table, const struct option_entry *entry)
{
    return compose(table, entry, entry->help);
}
