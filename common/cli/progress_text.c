/* SPDX-License-Identifier: MIT */
#include "common/cli/progress_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/cli/columns.h"
#include "common/cli/units.h"

enum { LONG_BAR = 20, SHORT_BAR = 10, PERCENT = 100, STILL_MOST = 56, STILL_LEAST = 16 };

/* Parts of a line, in the order in which a narrower line leaves them out. From OUT on, they stay although the
 * reason for standing still loses its end. */
enum {
    EXTRA = 1,
    BYTES = 2,
    BAR_IS_LONG = 4,
    NAME = 8,
    OUT_RATE = 16,
    BAR = 32,
    IN_RATE = 64,
    OUT = 128,
    IN = 256,
    FILL = 512,
    LEFT = 1024,
    DONE = 2048,
    PARTS_END = 4096,
};

struct line {
    char *text;
    size_t length;
    size_t reason; /* where the reason for standing still begins; SIZE_MAX: there is none */
};

static void add(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct line *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int added = vsnprintf(line->text + line->length, PROGRESS_TEXT_BYTES - line->length, format, arguments);
    va_end(arguments);
    if (added > 0)
        line->length += (size_t)added;
    if (line->length >= PROGRESS_TEXT_BYTES)
        line->length = PROGRESS_TEXT_BYTES - 1;
}

static void add_count(struct line *line, uint64_t count, double rate, const char *way, bool with_rate)
{
    char texts[2][UNITS_SIZE];
    add(line, "%s %s", units_count(texts[0], (double)count), way);
    if (with_rate)
        add(line, " (%s/s)", units_count(texts[1], rate));
}

static void add_bar(struct line *line, int percent, size_t width)
{
    const size_t filled = percent >= PERCENT ? width : (size_t)percent * width / PERCENT;
    char bar[LONG_BAR + 1];
    memset(bar, '-', width);
    memset(bar, '#', filled);
    bar[width] = '\0';
    add(line, "[%s]", bar);
}

/* @before: what separates it from what stands there already. */
static void begin_part(struct line *line, size_t begin, const char *before)
{
    if (line->length > begin)
        add(line, "%s", before);
}

static void add_fill(struct line *line, size_t begin, const struct progress_view *view, int parts)
{
    if (view->fill_percent < 0 || (parts & FILL) == 0)
        return;
    if ((parts & BAR) != 0) {
        begin_part(line, begin, " ");
        add_bar(line, view->fill_percent, (parts & BAR_IS_LONG) != 0 ? LONG_BAR : SHORT_BAR);
        add(line, " ");
    } else {
        begin_part(line, begin, ", ");
    }
    add(line, "%d %% full", view->fill_percent);
}

/* As much as is known of it. */
static const char *text_of_left(char text[static UNITS_SIZE], int64_t ns)
{
    const int64_t second = INT64_C(1000000000);
    const int64_t tenths = (ns + second / 20) / (second / 10);
    const int64_t seconds = (ns + second / 2) / second;
    if (tenths < 10)
        snprintf(text, UNITS_SIZE, "less than 1 s");
    else if (tenths < 100)
        snprintf(text, UNITS_SIZE, "%" PRId64 ".%" PRId64 " s", tenths / 10, tenths % 10);
    else if (seconds < 60)
        snprintf(text, UNITS_SIZE, "%" PRId64 " s", seconds);
    else if (seconds < 3600)
        snprintf(text, UNITS_SIZE, "%" PRId64 " m %" PRId64 " s", seconds / 60, seconds % 60);
    else if (seconds < 48 * 3600)
        snprintf(text, UNITS_SIZE, "%" PRId64 " h %" PRId64 " m", seconds / 3600, seconds / 60 % 60);
    else
        snprintf(text, UNITS_SIZE, "%" PRId64 " d", (seconds + 12 * 3600) / (24 * 3600));
    return text;
}

/* "100 % full: full: 2 producers wait" says it twice. */
static void add_still(struct line *line, size_t begin, const struct progress_view *view, int parts)
{
    static const char full[] = "full: ";
    const char *still = view->still;
    if (still[0] == '\0')
        return;
    if (view->fill_percent >= 0 && (parts & FILL) != 0 && strncmp(still, full, strlen(full)) == 0)
        still += strlen(full);
    begin_part(line, begin, ": ");
    line->reason = line->length;
    add(line, "%s", still);
}

static void compose(struct line *line, const struct progress_view *view, const char *name, int parts)
{
    char left[UNITS_SIZE];
    line->length = 0;
    line->text[0] = '\0';
    if ((parts & NAME) != 0)
        add(line, "%s", name);
    const size_t begin = line->length;
    if ((parts & IN) != 0)
        add_count(line, view->in, view->in_rate, "in", (parts & IN_RATE) != 0);
    if ((parts & OUT) != 0) {
        begin_part(line, begin, ", ");
        add_count(line, view->out, view->out_rate, "out", (parts & OUT_RATE) != 0);
    }
    if ((parts & BYTES) != 0 && view->byte_rate >= 0) {
        begin_part(line, begin, ", ");
        add(line, "%s/s", units_bytes(left, view->byte_rate));
    }
    add_fill(line, begin, view, parts);
    if ((parts & DONE) != 0 && view->done_percent >= 0) {
        begin_part(line, begin, ", ");
        add(line, "%d %% done", view->done_percent);
    }
    if ((parts & LEFT) != 0 && view->left_ns >= 0) {
        begin_part(line, begin, ", ");
        add(line, "%s left", text_of_left(left, view->left_ns));
    }
    if ((parts & EXTRA) != 0 && view->extra[0] != '\0') {
        begin_part(line, begin, ", ");
        add(line, "%s", view->extra);
    }
    line->reason = SIZE_MAX;
    add_still(line, begin, view, parts);
}

/* Whether enough of the line is seen. @least: so much of the reason has to be */
static bool fits(const struct line *line, size_t columns, size_t least)
{
    char head[PROGRESS_TEXT_BYTES];
    const size_t whole = columns_of(line->text);
    if (whole <= columns || line->reason == SIZE_MAX)
        return whole <= columns;
    snprintf(head, sizeof(head), "%.*s", (int)line->reason, line->text);
    return columns_of(head) + least <= columns;
}

/* How much of the reason has to fit before a line keeps this part. */
static size_t least_reason(int part)
{
    return part < OUT ? SIZE_MAX / 2 : part < FILL ? STILL_MOST : STILL_LEAST;
}

static void compose_to_fit(struct line *line, const struct progress_view *view, const char *name, size_t columns)
{
    int parts = PARTS_END - 1;
    compose(line, view, name, parts);
    columns_clean(line->text);
    for (int part = 1; part < PARTS_END; part <<= 1) {
        if (fits(line, columns, least_reason(part)))
            break;
        parts &= ~part;
        compose(line, view, name, parts);
        columns_clean(line->text);
    }
    columns_cut(line->text, PROGRESS_TEXT_BYTES, columns, line->reason == SIZE_MAX ? 0 : line->reason);
}

static void clean(struct line *line)
{
    for (char *at = line->text; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?';
    }
}

char *progress_text(const struct progress_view *view, const char *name, size_t columns,
                    char text[static PROGRESS_TEXT_BYTES])
{
    struct line line = {.text = text};
    if (columns == SIZE_MAX) {
        compose(&line, view, name, (PARTS_END - 1) & ~BAR_IS_LONG);
        clean(&line);
    } else {
        compose_to_fit(&line, view, name, columns);
    }
    return text;
}
