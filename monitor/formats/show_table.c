/* SPDX-License-Identifier: MIT */
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/cli/percentile.h"
#include "common/cli/units.h"
#include "common/cli/why.h"
#include "monitor/formats/state_colour.h"
#include "monitor/output.h"

enum { COLUMNS = 80, LABEL = 16, ITEM_BYTES = 512, DATE_BYTES = 32 };

struct page {
    FILE *out;
    bool colours;
};

static const char *code(const struct page *page, enum colour colour)
{
    return colour_code(page->colours, colour);
}

/* ------------------------------------------------------------------ the queue: an item a line, wrapped at blanks
 */

/* How much of a text stands in a line of so many columns. */
static size_t line_length(const char *text, size_t columns)
{
    size_t length = strlen(text);
    if (length <= columns)
        return length;
    for (length = columns; length > 0 && text[length] != ' '; length--)
        ;
    return length > 0 ? length : strcspn(text, " ");
}

static void print_item(const struct page *page, enum colour colour, const char *label, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void print_item(const struct page *page, enum colour colour, const char *label, const char *format, ...)
{
    char text[ITEM_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    for (const char *at = text; *at != '\0'; label = "") {
        const size_t length = line_length(at, COLUMNS - LABEL);
        fprintf(page->out, "  %-*s%s%.*s%s\n", LABEL - 2, label, code(page, colour), (int)length, at,
                colour != COLOUR_PLAIN ? code(page, COLOUR_PLAIN) : "");
        at += length;
        at += strspn(at, " ");
    }
}

static void print_access(const struct page *page, const struct shmq_stat *stat)
{
    const struct passwd *user = getpwuid(stat->owner);
    const struct group *group = getgrgid(stat->group);
    char names[2][64];
    snprintf(names[0], sizeof(names[0]), "%ju", (uintmax_t)stat->owner);
    snprintf(names[1], sizeof(names[1]), "%ju", (uintmax_t)stat->group);
    print_item(page, COLOUR_PLAIN, "access", "%04" PRIo32 ", %s:%s%s", stat->mode,
               user != NULL ? user->pw_name : names[0], group != NULL ? group->gr_name : names[1],
               stat->copy ? " (of the file)" : "");
}

static void print_messages(const struct page *page, const struct shmq_stat *stat)
{
    char text[2][UNITS_SIZE];
    print_item(page, COLOUR_PLAIN, "messages",
               "%" PRIu64 " waiting or in flight, payload %s; %" PRIu64 " put so far, stream %s", stat->messages,
               units_bytes(text[0], (double)stat->message_bytes), stat->put_messages,
               units_bytes(text[1], (double)stat->put_bytes));
    if (stat->aside > 0)
        print_item(page, COLOUR_WARNING, "aside", "%" PRIu32 " of them put aside, the first due in %s",
                   stat->aside, units_duration(text[0], stat->aside_left_ns));
    if (stat->messages > 0 && stat->oldest_ns >= 0)
        print_item(page, COLOUR_PLAIN, "oldest", "put %s %s", units_age(text[0], stat->oldest_ns),
                   stat->copy ? "earlier" : "ago");
}

/* Of a copy that is cut off. */
static void print_missing(const struct page *page, const struct snapshot *snapshot)
{
    const uint32_t used = snapshot->stat.lanes_used;
    const uint64_t missing = used > snapshot->lane_count ? used - snapshot->lane_count : 1;
    print_item(page, COLOUR_WARNING, "messages", "not known: %" PRIu64 " of %" PRIu32 " lane%s cannot be read",
               missing, used, units_plural(used));
    print_item(page, COLOUR_WARNING, "producers", "not known");
}

static void print_fill(const struct page *page, const struct shmq_stat *stat)
{
    char text[3][UNITS_SIZE];
    char most[UNITS_SIZE + 32] = "";
    if (stat->high_water_bytes > 0)
        snprintf(most, sizeof(most), "; up to %s of a lane so far", units_memory(text[2], stat->high_water_bytes));
    if (stat->room_bytes > 0)
        print_item(page, COLOUR_PLAIN, "fill", "%" PRIu32 " %%: %s of the %s of the lanes in use%s",
                   stat->fill_percent, units_memory(text[0], stat->used_bytes),
                   units_memory(text[1], stat->room_bytes), most);
}

static void print_time_in_queue(const struct page *page, const struct snapshot *snapshot)
{
    static const double percents[] = {50, 90, 99, 100};
    char text[4][UNITS_SIZE];
    uint64_t counted = 0;
    for (size_t i = 0; snapshot->latency != NULL && i < SHMQ_LATENCY_BUCKETS; i++)
        counted += snapshot->latency[i];
    if (counted == 0)
        return;
    for (size_t i = 0; i < 4; i++)
        units_milliseconds(text[i], percentile_ms(snapshot->latency, percents[i]));
    print_item(page, COLOUR_PLAIN, "time in queue",
               "put to acknowledgement: 50 %% in %s, 90 %% in %s, 99 %% in %s, all in %s", text[0], text[1],
               text[2], text[3]);
}

/* What happened so far and should not, as far as it did. */
static void print_troubles(const struct page *page, const struct shmq_stat *stat)
{
    const struct {
        uint64_t count;
        const char *one;
        const char *many;
    } troubles[] = {
        {stat->failed, "failed", "failed"},
        {stat->redelivered, "redelivered", "redelivered"},
        {stat->dead_letters, "given up", "given up"},
        {stat->dropped, "dropped", "dropped"},
        {stat->refused, "refused", "refused"},
        {stat->too_long, "too long", "too long"},
        {stat->adopted, "batch adopted", "batches adopted"},
        {stat->deaths, "death found", "deaths found"},
        {stat->bells_replaced, "semaphore replaced", "semaphores replaced"},
    };
    char text[ITEM_BYTES] = "";
    char blocked[UNITS_SIZE];
    size_t used = 0;
    for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++)
        if (troubles[i].count > 0)
            used +=
                (size_t)snprintf(text + used, sizeof(text) - used, "%s%" PRIu64 " %s", used > 0 ? ", " : "",
                                 troubles[i].count, troubles[i].count == 1 ? troubles[i].one : troubles[i].many);
    if (stat->full_times > 0)
        used +=
            (size_t)snprintf(text + used, sizeof(text) - used, "%sblocked %" PRIu64 " time%s for room, %s in all",
                             used > 0 ? ", " : "", stat->full_times, units_plural(stat->full_times),
                             units_duration(blocked, (int64_t)stat->blocked_ns));
    if (used > 0)
        print_item(page, COLOUR_PLAIN, "so far", "%s", text);
}

/* "2026-11-27 06:12:03", local; "" if it is not known. */
static const char *date_of(int64_t seconds, char text[DATE_BYTES])
{
    const time_t then = (time_t)seconds;
    struct tm local;
    if (seconds <= 0 || localtime_r(&then, &local) == NULL ||
        strftime(text, DATE_BYTES, "%Y-%m-%d %H:%M:%S", &local) == 0)
        text[0] = '\0';
    return text;
}

/* In a copy, time stands still. */
static void print_creation(const struct page *page, const struct shmq_stat *stat)
{
    char age[UNITS_SIZE];
    char date[DATE_BYTES];
    const char *when = date_of(stat->created_s, date);
    if (stat->created_s <= 0)
        print_item(page, COLOUR_PLAIN, "id", "%016" PRIx64, stat->queue_id);
    else if (stat->copy || stat->created_ns < 0)
        print_item(page, COLOUR_PLAIN, "id", "%016" PRIx64 ", created %s by pid %jd", stat->queue_id, when,
                   (intmax_t)stat->creator);
    else
        print_item(page, COLOUR_PLAIN, "id", "%016" PRIx64 ", created %s ago by pid %jd", stat->queue_id,
                   units_age(age, stat->created_ns), (intmax_t)stat->creator);
}

static void print_geometry(const struct page *page, const struct shmq_stat *stat)
{
    char text[2][UNITS_SIZE];
    print_item(page, COLOUR_PLAIN, "lanes", "%" PRIu32 " of %" PRIu32 " used, %s each, largest message %s",
               stat->lanes_used, stat->lanes, units_memory(text[0], stat->capacity_bytes),
               units_memory(text[1], stat->max_message_bytes));
    print_item(page, COLOUR_PLAIN, "seats", "%" PRIu32 ", tick %s%s", stat->seats,
               units_duration(text[0], stat->tick_ns),
               stat->full_fences ? ", full fences (membarrier is not available)" : "");
    print_item(page, COLOUR_PLAIN, "memory", "%s of at most %s%s", units_memory(text[0], stat->reserved_bytes),
               units_memory(text[1], stat->object_bytes), stat->copy ? " (of the file)" : "");
}

static void print_parties(const struct page *page, const struct snapshot *snapshot)
{
    const struct shmq_stat *stat = &snapshot->stat;
    const pid_t pid = why_only_pid(snapshot);
    char jobs[48] = "";
    if (pid != 0)
        snprintf(jobs, sizeof(jobs), " (jobs of pid %jd)", (intmax_t)pid);
    print_item(page, stat->unfinished > 0 ? COLOUR_WARNING : COLOUR_PLAIN, "producers",
               "%" PRIu32 " alive, %" PRIu64 " finished, %" PRIu32 " died unfinished", stat->producers,
               stat->finished, stat->unfinished);
    print_item(page, COLOUR_PLAIN, "consumers", "%" PRIu32 " alive%s, %" PRIu32 " of them asleep", stat->consumers,
               jobs, stat->sleepers);
}

/* Which moment the copy shows. */
static void print_moment(const struct page *page, const struct shmq_stat *stat)
{
    char date[DATE_BYTES];
    if (date_of(stat->as_of_s, date)[0] == '\0')
        print_item(page, COLOUR_PLAIN, "as of", "an unknown time");
    else
        print_item(page, COLOUR_PLAIN, "as of", "%s, %s", date,
                   stat->saved_s != 0 ? "when it was saved" : "the latest time in it");
}

/* Locks are not copied. Who was alive is known only if shmq_save wrote it down. */
static void print_parties_of_copy(const struct page *page, const struct snapshot *snapshot)
{
    const struct shmq_stat *stat = &snapshot->stat;
    uint32_t producers[2] = {0, 0}; /* alive; died unfinished, or unknown */
    uint32_t consumers = 0;
    bool known = true;
    for (uint32_t i = 0; i < snapshot->lane_count; i++) {
        const struct shmq_lane_stat *lane = &snapshot->lanes[i];
        known = known && lane->in_copy != SHMQ_IN_COPY_UNKNOWN;
        producers[lane->in_copy != SHMQ_IN_COPY_ALIVE] += !lane->finished;
    }
    for (uint32_t i = 0; i < snapshot->seat_count; i++) {
        const struct shmq_seat_stat *seat = &snapshot->seats[i];
        known = known && seat->in_copy != SHMQ_IN_COPY_UNKNOWN;
        consumers += seat->taken && !seat->aside && seat->in_copy != SHMQ_IN_COPY_GONE;
    }
    if (known && !snapshot->lanes_missing)
        print_item(page, COLOUR_PLAIN, "producers",
                   "%" PRIu32 " alive, %" PRIu64 " finished, %" PRIu32 " died unfinished", producers[0],
                   stat->finished, producers[1]);
    else if (!snapshot->lanes_missing)
        print_item(page, COLOUR_PLAIN, "producers", "%" PRIu32 " at work or dead, %" PRIu64 " finished",
                   producers[0] + producers[1], stat->finished);
    if (snapshot->lanes_missing && consumers == 0)
        print_item(page, COLOUR_WARNING, "consumers", "not known");
    else
        print_item(page, COLOUR_PLAIN, "consumers", "%" PRIu32 " %s", consumers,
                   known ? "alive" : "at work or dead");
}

/* "queue orders", "queue orders (a copy in FILE)" */
static void print_title(const struct page *page, const struct snapshot *snapshot)
{
    const struct shmq_stat *stat = &snapshot->stat;
    if (!stat->copy)
        fprintf(page->out, "queue %s: ", snapshot->name);
    else if (stat->name[0] != '\0')
        fprintf(page->out, "queue %s (a copy in %s): ", stat->name, snapshot->file);
    else
        fprintf(page->out, "copy %s: ", snapshot->file);
}

static void print_queue(const struct page *page, const struct snapshot *snapshot)
{
    const struct shmq_stat *stat = &snapshot->stat;
    char state[WHY_STATE_BYTES];
    char why[WHY_BYTES];
    /* Only a pause is told before it. */
    const bool drains = stat->shut_down == SHMQ_DRAIN && strcmp(why_queue_word(snapshot), "paused") == 0;
    const enum colour colour = state_colour_of_queue(snapshot);
    print_title(page, snapshot);
    fprintf(page->out, "%s%s%s%s\n", code(page, colour), why_queue_state(snapshot, state, sizeof(state)),
            code(page, COLOUR_PLAIN), drains ? ", draining" : "");
    print_item(page, colour == COLOUR_GOOD ? COLOUR_WARNING : colour, "why", "%s",
               why_it_waits(snapshot, why, sizeof(why)));
    if (stat->copy)
        print_moment(page, stat);
    if (stat->lost)
        print_item(page, COLOUR_BAD, "loss", "acknowledged data is no longer where a consumer wrote it");
    if (snapshot->lanes_missing)
        print_missing(page, snapshot);
    else
        print_messages(page, stat);
    if (!snapshot->lanes_missing)
        print_fill(page, stat);
    print_time_in_queue(page, snapshot);
    if (stat->copy)
        print_parties_of_copy(page, snapshot);
    else
        print_parties(page, snapshot);
    print_troubles(page, stat);
    print_geometry(page, stat);
    print_access(page, stat);
    print_creation(page, stat);
}

/* ------------------------------------------------------------------ lanes and seats */

static void print_head(const struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void print_head(const struct page *page, const char *format, ...)
{
    va_list arguments;
    fprintf(page->out, "\n%s", code(page, COLOUR_HEAD));
    va_start(arguments, format);
    vfprintf(page->out, format, arguments);
    va_end(arguments);
    fprintf(page->out, "%s\n", code(page, COLOUR_PLAIN));
}

static void print_party(const struct page *page, uint32_t number, enum party_state state, pid_t pid)
{
    fprintf(page->out, "%4" PRIu32 " %s%-8s%s %8jd", number, code(page, state_colour_of_party(state)),
            why_state_word(state), code(page, COLOUR_PLAIN), (intmax_t)pid);
}

static void print_lanes(const struct page *page, const struct snapshot *snapshot)
{
    char age[UNITS_SIZE];
    if (snapshot->lane_count == 0)
        return;
    print_head(page, "%4s %-8s %8s %-13s %4s %9s %6s %3s %6s %10s", "LANE", "STATE", "PID", "PROGRAM", "PRIO",
               "MESSAGES", "LEASED", "%", "OLDEST", "PUT");
    for (uint32_t i = 0; i < snapshot->lane_count; i++) {
        const struct shmq_lane_stat *lane = &snapshot->lanes[i];
        const uint64_t capacity = snapshot->stat.capacity_bytes;
        const uint64_t used = lane->used_bytes < capacity ? lane->used_bytes : capacity;
        const enum party_state state = why_producer(lane);
        print_party(page, lane->lane, state, lane->pid);
        fprintf(page->out, " %-13s %4" PRIu32 " %9" PRIu64 " %6" PRIu64 " %3" PRIu64 " %6s %10" PRIu64 "\n",
                lane->program, lane->priority, lane->messages, lane->leased,
                capacity > 0 ? used * 100 / capacity : 0,
                units_age(age, lane->messages > 0 ? lane->oldest_ns : -1), lane->put_messages);
    }
}

static void print_seats(const struct page *page, const struct snapshot *snapshot)
{
    if (snapshot->seat_count == 0)
        return;
    print_head(page, "%4s %-8s %8s %-13s %6s %4s %8s %6s %10s", "SEAT", "STATE", "PID", "PROGRAM", "LEASED",
               "LANE", "ATTEMPTS", "FOR", "DELIVERED");
    for (uint32_t i = 0; i < snapshot->seat_count; i++) {
        const struct shmq_seat_stat *seat = &snapshot->seats[i];
        char age[UNITS_SIZE];
        char lane[16] = "-";
        char left[UNITS_SIZE];
        char due[UNITS_SIZE + 8];
        snprintf(due, sizeof(due), "in %s", units_duration(left, seat->aside_left_ns));
        if (seat->leased > 0)
            snprintf(lane, sizeof(lane), "%" PRIu32, seat->lane);
        print_party(page, seat->seat, why_consumer(&snapshot->stat, seat), seat->pid);
        fprintf(page->out, " %-13s %6" PRIu64 " %4s %8" PRIu32 " %6s %10" PRIu64 "\n",
                seat->aside ? due : seat->program, seat->leased, lane, seat->attempts,
                units_age(age, seat->leased > 0 ? seat->leased_ns : -1), seat->delivered);
    }
}

void output_show_table(FILE *out, const struct snapshot *snapshot)
{
    const struct page page = {out, colour_wanted(STDOUT_FILENO)};
    print_queue(&page, snapshot);
    print_lanes(&page, snapshot);
    print_seats(&page, snapshot);
}
