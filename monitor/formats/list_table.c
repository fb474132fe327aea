/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/units.h"
#include "common/cli/why.h"
#include "monitor/formats/state_colour.h"
#include "monitor/output.h"

enum { NOTE_BYTES = 128, OWNER_BYTES = 64 };

/* The name of a user. That of the last one is kept, because looking it up may take long. */
static const char *owner_name(uid_t owner)
{
    static char name[OWNER_BYTES];
    static uid_t known = (uid_t)-1;
    if (name[0] != '\0' && owner == known)
        return name;
    const struct passwd *user = getpwuid(owner);
    if (user != NULL)
        snprintf(name, sizeof(name), "%s", user->pw_name);
    else
        snprintf(name, sizeof(name), "%ju", (uintmax_t)owner);
    known = owner;
    return name;
}

static void add(char note[NOTE_BYTES], const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(char note[NOTE_BYTES], const char *format, ...)
{
    const size_t used = strlen(note);
    va_list arguments;
    snprintf(note + used, NOTE_BYTES - used, "%s", used > 0 ? ", " : "  ");
    va_start(arguments, format);
    const size_t begun = strlen(note);
    vsnprintf(note + begun, NOTE_BYTES - begun, format, arguments);
    va_end(arguments);
}

/* What the state does not say. */
static const char *make_note(char note[NOTE_BYTES], const struct snapshot *snapshot)
{
    const struct shmq_stat *stat = &snapshot->stat;
    const char *word = why_queue_word(snapshot);
    note[0] = '\0';
    if (snapshot->error != 0)
        add(note, "%s", snapshot_reason(snapshot));
    if (stat->shut_down == SHMQ_DRAIN && strcmp(word, "paused") == 0)
        add(note, "draining");
    if (stat->aside > 0)
        add(note, "%" PRIu32 " aside", stat->aside);
    if (stat->unfinished > 0 && strcmp(word, "unfinished") != 0)
        add(note, "%" PRIu32 " unfinished", stat->unfinished);
    if (stat->lost)
        add(note, "data lost");
    return note;
}

/* "NAME  forbidden: belongs to root" */
static void print_reason(FILE *out, const struct snapshot *snapshot, int width, bool colours)
{
    fprintf(out, "%-*s  %s%s%s: %s\n", width, snapshot->name,
            colour_code(colours, state_colour_of_queue(snapshot)), why_queue_word(snapshot),
            colour_code(colours, COLOUR_PLAIN), snapshot_reason(snapshot));
}

static void print_line(FILE *out, const struct snapshot *snapshot, int width, bool colours)
{
    const struct shmq_stat *stat = &snapshot->stat;
    char state[WHY_STATE_BYTES];
    char age[UNITS_SIZE];
    char memory[UNITS_SIZE];
    char note[NOTE_BYTES];
    if (!snapshot->opened) {
        print_reason(out, snapshot, width, colours);
        return;
    }
    fprintf(out, "%-*s  %s%-10s%s %9" PRIu64 " %6s %4" PRIu32 " %4" PRIu32 " %8s  %s%s\n", width, snapshot->name,
            colour_code(colours, state_colour_of_queue(snapshot)), why_queue_state(snapshot, state, sizeof(state)),
            colour_code(colours, COLOUR_PLAIN), stat->messages,
            units_age(age, stat->messages > 0 ? stat->oldest_ns : -1), stat->producers, stat->consumers,
            units_memory(memory, stat->reserved_bytes), owner_name(stat->owner), make_note(note, snapshot));
}

void output_list_table(FILE *out, const struct snapshots *snapshots)
{
    const bool colours = colour_wanted(STDOUT_FILENO);
    int width = (int)sizeof("NAME") - 1;
    for (size_t i = 0; i < snapshots->count; i++) {
        int length = (int)strlen(snapshots->items[i].name);
        width = length > width ? length : width;
    }
    fprintf(out, "%s%-*s  %-10s %9s %6s %4s %4s %8s  %s%s\n", colour_code(colours, COLOUR_HEAD), width, "NAME",
            "STATE", "MESSAGES", "OLDEST", "PROD", "CONS", "MEMORY", "OWNER", colour_code(colours, COLOUR_PLAIN));
    for (size_t i = 0; i < snapshots->count; i++)
        print_line(out, &snapshots->items[i], width, colours);
}
