/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cli/columns.h"
#include "common/cli/units.h"
#include "common/cli/why.h"
#include "monitor/formats/state_colour.h"
#include "monitor/output.h"

enum { NOTE_BYTES = 128, OWNER_BYTES = 64, NAME_BYTES = 2 * SHMQ_NAME_MAX };
enum { BESIDE_NAME = 60, NAME_LEAST = 12 }; /* columns for the rest of a line; for a name if there are fewer */

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

/* The name, without its middle if it is too wide, and with blanks behind it if it is not wide enough. */
static const char *shown_name(char text[NAME_BYTES], const char *name, int width)
{
    (void)snprintf(text, NAME_BYTES, "%s", name);
    columns_cut_middle(text, NAME_BYTES, (size_t)width);
    const size_t length = strlen(text);
    const size_t columns = columns_of(text);
    const size_t blank = columns < (size_t)width ? (size_t)width - columns : 0;
    if (length + blank < NAME_BYTES) {
        memset(text + length, ' ', blank);
        text[length + blank] = '\0';
    }
    return text;
}

/* How wide the names are; on a screen, the rest of the line is to fit beside them. @columns: see output.h */
static int width_of_names(const struct snapshots *snapshots, unsigned columns)
{
    int width = (int)sizeof("NAME") - 1;
    for (size_t i = 0; i < snapshots->count; i++) {
        const int length = (int)strlen(snapshots->items[i].name);
        width = length > width ? length : width;
    }
    const int most = columns < BESIDE_NAME + NAME_LEAST ? NAME_LEAST : (int)columns - BESIDE_NAME;
    return columns > 0 && width > most ? most : width;
}

/* "NAME  forbidden: belongs to root" */
static void print_reason(FILE *out, const struct snapshot *snapshot, int width, bool colours)
{
    char name[NAME_BYTES];
    fprintf(out, "%s  %s%s%s: %s\n", shown_name(name, snapshot->name, width),
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
    char name[NAME_BYTES];
    if (!snapshot->opened) {
        print_reason(out, snapshot, width, colours);
        return;
    }
    fprintf(out, "%s  %s%-10s%s %9" PRIu64 " %6s %4" PRIu32 " %4" PRIu32 " %8s  %s%s\n",
            shown_name(name, snapshot->name, width), colour_code(colours, state_colour_of_queue(snapshot)),
            why_queue_state(snapshot, state, sizeof(state)), colour_code(colours, COLOUR_PLAIN), stat->messages,
            units_age(age, stat->messages > 0 ? stat->oldest_ns : -1), stat->producers, stat->consumers,
            units_memory(memory, stat->reserved_bytes), owner_name(stat->owner), make_note(note, snapshot));
}

void output_list_table(FILE *out, const struct snapshots *snapshots, unsigned columns)
{
    const bool colours = colour_wanted(STDOUT_FILENO);
    const int width = width_of_names(snapshots, columns);
    fprintf(out, "%s%-*s  %-10s %9s %6s %4s %4s %8s  %s%s\n", colour_code(colours, COLOUR_HEAD), width, "NAME",
            "STATE", "MESSAGES", "OLDEST", "PROD", "CONS", "MEMORY", "OWNER", colour_code(colours, COLOUR_PLAIN));
    for (size_t i = 0; i < snapshots->count; i++)
        print_line(out, &snapshots->items[i], width, colours);
}
