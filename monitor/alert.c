/* SPDX-License-Identifier: MIT */
#include "monitor/alert.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/cli/parse.h"
#include "common/cli/say.h"
#include "common/cli/units.h"

enum unit { UNIT_COUNT, UNIT_PERCENT, UNIT_SIZE, UNIT_TIME };

static bool is_dead(const struct shmq_seat_stat *seat)
{
    return seat->taken && !seat->alive && !seat->aside && seat->leased > 0;
}

/* Producers that died without finishing, and consumers that died with messages. */
static int64_t count_dead(const struct snapshot *snapshot)
{
    int64_t dead = snapshot->stat.unfinished;
    for (uint32_t i = 0; i < snapshot->seat_count; i++)
        dead += is_dead(&snapshot->seats[i]);
    return dead;
}

enum { FIELD_DEAD = 9 };

static const struct {
    const char *name;
    enum unit unit;
} fields[] = {
    {"full", UNIT_PERCENT},    {"oldest", UNIT_TIME},
    {"messages", UNIT_COUNT},  {"leased", UNIT_COUNT},
    {"bytes", UNIT_SIZE},      {"memory", UNIT_SIZE},
    {"producers", UNIT_COUNT}, {"consumers", UNIT_COUNT},
    {"blocked", UNIT_COUNT},   [FIELD_DEAD] = {"dead", UNIT_COUNT},
};

enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

/* Negative: there is no such value, or it is not known. */
static int64_t value_of(size_t field, const struct snapshot *snapshot)
{
    const struct shmq_stat *stat = &snapshot->stat;
    const int64_t values[] = {
        stat->fill_percent,
        stat->oldest_ns,
        (int64_t)stat->messages,
        (int64_t)stat->leased,
        (int64_t)stat->message_bytes,
        (int64_t)stat->reserved_bytes,
        stat->producers,
        stat->consumers,
        stat->blocked,
        count_dead(snapshot),
    };
    _Static_assert(sizeof(values) / sizeof(values[0]) == FIELDS, "each field has a value");
    return field == 1 && stat->messages == 0 ? -1 : values[field];
}

/* ------------------------------------------------------------------ reading them */

/* The first @length bytes of @text without the blanks around them, as a string. Returns false if it is too long.
 */
static bool copy_word(char word[ALERT_TEXT], const char *text, size_t length)
{
    while (length > 0 && *text == ' ') {
        text++;
        length--;
    }
    while (length > 0 && text[length - 1] == ' ')
        length--;
    if (length >= ALERT_TEXT)
        return false;
    memcpy(word, text, length);
    word[length] = '\0';
    return true;
}

static bool read_limit(enum unit unit, char *word, uint64_t *limit)
{
    int64_t ns = 0;
    const size_t length = strlen(word);
    switch (unit) {
    case UNIT_COUNT:
        return parse_count(word, 0, INT64_MAX, limit) == 0;
    case UNIT_PERCENT:
        if (length > 0 && word[length - 1] == '%')
            word[length - 1] = '\0';
        return parse_count(word, 0, 100, limit) == 0;
    case UNIT_SIZE:
        return parse_size(word, limit) == 0;
    case UNIT_TIME:
        if (parse_duration(word, &ns) != 0)
            return false;
        *limit = (uint64_t)ns;
        return true;
    }
    return false;
}

static bool find_field(const char *name, size_t *field)
{
    if (strcmp(name, "fill") == 0) /* as in fill_percent; "full" is what it is called everywhere else */
        name = "full";
    for (*field = 0; *field < FIELDS; ++*field)
        if (strcmp(fields[*field].name, name) == 0)
            return true;
    return false;
}

static bool read_condition(struct alert_condition *condition)
{
    char word[ALERT_TEXT];
    const size_t name = strcspn(condition->text, "<>,");
    const bool equal = name < condition->length && condition->text[name + 1] == '=';
    if (name >= condition->length || !copy_word(word, condition->text, name) ||
        !find_field(word, &condition->field))
        return false;
    if (condition->text[name] == '>')
        condition->comparison = equal ? ALERT_AT_LEAST : ALERT_MORE;
    else
        condition->comparison = equal ? ALERT_AT_MOST : ALERT_LESS;
    const size_t begin = name + 1 + equal;
    return begin <= condition->length && copy_word(word, condition->text + begin, condition->length - begin) &&
           read_limit(fields[condition->field].unit, word, &condition->limit);
}

int alert_add(struct alert *alert, const char *text)
{
    for (;;) {
        struct alert_condition condition = {.text = text, .length = strcspn(text, ",")};
        if (!read_condition(&condition))
            return -EINVAL;
        if (alert->count == ALERT_CONDITIONS)
            return -E2BIG;
        alert->conditions[alert->count++] = condition;
        text += condition.length;
        if (*text++ == '\0')
            return 0;
    }
}

/* ------------------------------------------------------------------ looking whether they hold */

bool alert_needs_details(const struct alert *alert)
{
    for (size_t i = 0; i < alert->count; i++)
        if (alert->conditions[i].field == FIELD_DEAD)
            return true;
    return false;
}

static bool holds(const struct alert_condition *condition, const struct snapshot *snapshot)
{
    const int64_t value = value_of(condition->field, snapshot);
    if (value < 0)
        return false;
    switch (condition->comparison) {
    case ALERT_MORE:
        return (uint64_t)value > condition->limit;
    case ALERT_AT_LEAST:
        return (uint64_t)value >= condition->limit;
    case ALERT_LESS:
        return (uint64_t)value < condition->limit;
    case ALERT_AT_MOST:
        return (uint64_t)value <= condition->limit;
    }
    return false;
}

static void print_value(char text[UNITS_SIZE], enum unit unit, int64_t value)
{
    switch (unit) {
    case UNIT_COUNT:
        snprintf(text, UNITS_SIZE, "%" PRId64, value);
        break;
    case UNIT_PERCENT:
        snprintf(text, UNITS_SIZE, "%" PRId64 " %%", value);
        break;
    case UNIT_SIZE:
        units_memory(text, (uint64_t)value);
        break;
    case UNIT_TIME:
        units_age(text, value);
        break;
    }
}

bool alert_holds(const struct alert *alert, const struct snapshot *snapshot, char text[static ALERT_TEXT])
{
    char value[UNITS_SIZE];
    if (alert->count > 0 && snapshot->error == -EBADMSG) {
        snprintf(text, ALERT_TEXT, "damaged: %s", snapshot_reason(snapshot));
        return true;
    }
    for (size_t i = 0; i < alert->count && snapshot->error == 0; i++) {
        const struct alert_condition *condition = &alert->conditions[i];
        if (!holds(condition, snapshot))
            continue;
        print_value(value, fields[condition->field].unit, value_of(condition->field, snapshot));
        snprintf(text, ALERT_TEXT, "%.*s: %s", (int)condition->length, condition->text, value);
        return true;
    }
    return false;
}

bool alert_report(const struct alert *alert, const struct snapshot *snapshot)
{
    char text[ALERT_TEXT];
    if (!alert_holds(alert, snapshot, text))
        return false;
    say_status("queue '%s': alert: %s", snapshot->name, text);
    return true;
}

bool alert_is_silent(const struct alert *alert)
{
    return alert->count > 0 && say_get_level() == SAY_ERRORS;
}
