/* SPDX-License-Identifier: MIT */
#include "monitor/formats/event.h"

#include <inttypes.h>
#include <stdbool.h>
#include <time.h>

#include "common/cli/units.h"
#include "monitor/formats/json_string.h"

#define SECOND_NS INT64_C(1000000000)
#define PARTY_SIZE 48

/* ------------------------------------------------------------------ parties */

static const char *party_word(uint32_t party)
{
    switch (party) {
    case SHMQ_PARTY_PRODUCER:
        return "producer";
    case SHMQ_PARTY_CONSUMER:
        return "consumer";
    case SHMQ_PARTY_SUPERVISOR:
        return "supervisor";
    case SHMQ_PARTY_OBSERVER:
        return "observer";
    default:
        return NULL;
    }
}

static bool has_number(uint32_t party)
{
    return party == SHMQ_PARTY_PRODUCER || party == SHMQ_PARTY_CONSUMER;
}

/* "consumer 2 (pid 71)"; "process 71" for one without a place in the queue. */
static const char *name_party(char text[PARTY_SIZE], uint32_t party, uint32_t index, int64_t pid)
{
    if (has_number(party) && pid > 0)
        (void)snprintf(text, PARTY_SIZE, "%s %" PRIu32 " (pid %" PRId64 ")", party_word(party), index, pid);
    else if (has_number(party))
        (void)snprintf(text, PARTY_SIZE, "%s %" PRIu32, party_word(party), index);
    else if (party == SHMQ_PARTY_SUPERVISOR)
        (void)snprintf(text, PARTY_SIZE, "supervisor (pid %" PRId64 ")", pid);
    else
        (void)snprintf(text, PARTY_SIZE, "process %" PRId64, pid);
    return text;
}

static bool is_about_itself(const struct shmq_event *event)
{
    return event->about_party == event->party && event->about == event->index;
}

/* ------------------------------------------------------------------ sentences */

/* What a sentence is made of: who did it, whom it is about, and a time. */
struct words {
    const struct shmq_event *event;
    char *text;
    size_t size;
    char who[PARTY_SIZE];
    char whom[PARTY_SIZE];
    char duration[UNITS_SIZE];
    char count[UNITS_SIZE];
};

#define SAY(words, ...) ((void)snprintf((words)->text, (words)->size, __VA_ARGS__))

static void say_life(struct words *w)
{
    const struct shmq_event *e = w->event;
    switch (e->kind) {
    case SHMQ_EVENT_CREATED:
        SAY(w, "created by %s", w->who);
        break;
    case SHMQ_EVENT_ATTACHED:
        SAY(w, "%s attached", w->who);
        break;
    case SHMQ_EVENT_DETACHED:
        SAY(w, "%s %s", w->who,
            e->party != SHMQ_PARTY_PRODUCER ? "left"
            : e->value != 0                 ? "finished and left"
                                            : "left without finishing");
        break;
    case SHMQ_EVENT_DEATH:
        name_party(w->whom, e->about_party, e->about, e->value <= INT32_MAX ? (int64_t)e->value : 0);
        SAY(w, "%s was found dead by %s", w->whom, w->who);
        break;
    case SHMQ_EVENT_ADOPTED:
        SAY(w, "%s took over %s message%s of %s", w->who, w->count, units_plural(e->value),
            is_about_itself(e) ? "its predecessor" : w->whom);
        break;
    default:
        SAY(w, "%s finished the stream of %s", w->who, w->whom);
    }
}

static void say_flow(struct words *w)
{
    switch (w->event->kind) {
    case SHMQ_EVENT_FULL:
        SAY(w, "full: %s has had no room for a second", w->who);
        break;
    case SHMQ_EVENT_ROOM:
        SAY(w, "%s goes on, after %s without room", w->who, w->duration);
        break;
    default:
        if (w->event->value < (uint64_t)SECOND_NS)
            SAY(w, "empty: %s found nothing left", w->who);
        else
            SAY(w, "empty: %s has found nothing left for %s", w->who, w->duration);
    }
}

static void say_control(struct words *w)
{
    switch (w->event->kind) {
    case SHMQ_EVENT_PAUSED:
        SAY(w, "paused by %s", w->who);
        break;
    case SHMQ_EVENT_RESUMED:
        SAY(w, "resumed by %s", w->who);
        break;
    case SHMQ_EVENT_SHUT_DOWN:
        SAY(w, "shut down%s by %s", w->event->value == SHMQ_NOW ? " at once" : "", w->who);
        break;
    default:
        SAY(w, "removed by %s", w->who);
    }
}

static void say_damage(struct words *w)
{
    const struct shmq_event *e = w->event;
    if (has_number(e->about_party))
        SAY(w, "%s found damage in %s %" PRIu32, w->who, e->about_party == SHMQ_PARTY_PRODUCER ? "lane" : "seat",
            e->about);
    else
        SAY(w, "%s found damage", w->who);
}

static void say_trouble(struct words *w)
{
    const struct shmq_event *e = w->event;
    switch (e->kind) {
    case SHMQ_EVENT_DEAD_LETTER:
        SAY(w, "%s gave up %s message%s (dead letter%s)", w->who, w->count, units_plural(e->value),
            units_plural(e->value));
        break;
    case SHMQ_EVENT_DROPPED:
        SAY(w, "%s dropped the message at %" PRIu64 " of lane %" PRIu32, w->who, e->value, e->about);
        break;
    case SHMQ_EVENT_DAMAGE:
        say_damage(w);
        break;
    case SHMQ_EVENT_LOSS:
        SAY(w, "%s lost something that it had acknowledged", w->who);
        break;
    default:
        SAY(w, "%s replaced the semaphore of %s", w->who,
            e->about_party == SHMQ_PARTY_PRODUCER ? w->whom : "the consumers");
    }
}

const char *event_sentence(const struct shmq_event *event, char *text, size_t size)
{
    struct words words = {.event = event, .text = text, .size = size};
    struct words *const w = &words;
    name_party(w->who, event->party, event->index, event->pid);
    name_party(w->whom, event->about_party, event->about, 0);
    units_duration(w->duration, event->value <= INT64_MAX ? (int64_t)event->value : INT64_MAX);
    (void)snprintf(w->count, sizeof(w->count), "%" PRIu64, event->value);
    if (event->kind == SHMQ_EVENT_UNREADABLE)
        SAY(w, "event %" PRIu64 " cannot be read: half written, or damaged", event->number);
    else if (event->kind >= SHMQ_EVENT_CREATED && event->kind <= SHMQ_EVENT_FINISHED)
        say_life(w);
    else if (event->kind >= SHMQ_EVENT_FULL && event->kind <= SHMQ_EVENT_EMPTY)
        say_flow(w);
    else if (event->kind >= SHMQ_EVENT_PAUSED && event->kind <= SHMQ_EVENT_REMOVED)
        say_control(w);
    else if (event->kind >= SHMQ_EVENT_DEAD_LETTER && event->kind <= SHMQ_EVENT_BELL_REPLACED)
        say_trouble(w);
    else
        SAY(w, "%s: event of the unknown kind %" PRIu32, w->who, event->kind);
    return text;
}

/* ------------------------------------------------------------------ times */

/* Return: false if it has none that makes sense. */
static bool local_time(const struct shmq_event *event, struct tm *local)
{
    const time_t seconds = (time_t)(event->realtime_ns / SECOND_NS);
    return event->kind != SHMQ_EVENT_UNREADABLE && event->realtime_ns >= 0 && localtime_r(&seconds, local) != NULL;
}

const char *event_date(const struct shmq_event *event, char *text, size_t size)
{
    struct tm local;
    if (!local_time(event, &local) || strftime(text, size, "%Y-%m-%d", &local) == 0)
        text[0] = '\0';
    return text;
}

const char *event_describe(const struct shmq_event *event, char *text, size_t size)
{
    struct tm local;
    int length;
    if (local_time(event, &local))
        length = snprintf(text, size, "%02d:%02d:%02d.%03d  ", local.tm_hour, local.tm_min, local.tm_sec,
                          (int)(event->realtime_ns % SECOND_NS / 1000000));
    else
        length = snprintf(text, size, "%-12s  ", "?");
    if (length > 0 && (size_t)length < size)
        (void)event_sentence(event, text + length, size - (size_t)length);
    return text;
}

/* ------------------------------------------------------------------ JSON */

const char *event_word(const struct shmq_event *event)
{
    static const char *const kinds[] = {
        [SHMQ_EVENT_CREATED] = "created",
        [SHMQ_EVENT_ATTACHED] = "attached",
        [SHMQ_EVENT_DETACHED] = "detached",
        [SHMQ_EVENT_DEATH] = "death",
        [SHMQ_EVENT_ADOPTED] = "adopted",
        [SHMQ_EVENT_FINISHED] = "finished",
        [SHMQ_EVENT_FULL] = "full",
        [SHMQ_EVENT_ROOM] = "room",
        [SHMQ_EVENT_EMPTY] = "empty",
        [SHMQ_EVENT_PAUSED] = "paused",
        [SHMQ_EVENT_RESUMED] = "resumed",
        [SHMQ_EVENT_SHUT_DOWN] = "shut_down",
        [SHMQ_EVENT_REMOVED] = "removed",
        [SHMQ_EVENT_DEAD_LETTER] = "dead_letter",
        [SHMQ_EVENT_DROPPED] = "dropped",
        [SHMQ_EVENT_DAMAGE] = "damage",
        [SHMQ_EVENT_LOSS] = "loss",
        [SHMQ_EVENT_BELL_REPLACED] = "semaphore_replaced",
        [SHMQ_EVENT_UNREADABLE] = "unreadable",
    };
    const char *word = event->kind < sizeof(kinds) / sizeof(kinds[0]) ? kinds[event->kind] : NULL;
    return word != NULL ? word : "unknown";
}

static void print_party(FILE *out, const char *name, uint32_t party, uint32_t index)
{
    const char *word = party_word(party);
    if (word == NULL)
        fprintf(out, ", \"%s\": null", name);
    else
        fprintf(out, ", \"%s\": \"%s\"", name, word);
    if (has_number(party))
        fprintf(out, ", \"%s_number\": %" PRIu32, name, index);
    else
        fprintf(out, ", \"%s_number\": null", name);
}

void event_print_json(FILE *out, const struct shmq_event *event)
{
    char text[EVENT_TEXT_SIZE];
    fprintf(out, "{\"number\": %" PRIu64 ", \"kind\": \"%s\"", event->number, event_word(event));
    print_party(out, "party", event->party, event->index);
    fprintf(out, ", \"pid\": %jd", (intmax_t)event->pid);
    print_party(out, "about", event->about_party, event->about);
    fprintf(out,
            ", \"value\": %" PRIu64 ", \"monotonic_ns\": %" PRId64 ", \"realtime_ns\": %" PRId64 ", \"text\": ",
            event->value, event->monotonic_ns, event->realtime_ns);
    json_string(out, event_sentence(event, text, sizeof(text)));
    fputs("}\n", out);
}
