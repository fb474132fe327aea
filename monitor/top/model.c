/* SPDX-License-Identifier: MIT */
#include "monitor/top/model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTICE_NS INT64_C(4000000000)

/* ------------------------------------------------------------------ order */

static int compare_numbers(double a, double b)
{
    return (a > b) - (a < b);
}

static double number_of(const struct watched *watched, enum order order)
{
    const struct snapshot *snapshot = &watched->snapshot;
    if (watched->handle == NULL)
        return -2;
    switch (order) {
    case ORDER_FILL:
        return snapshot->stat.fill_percent;
    case ORDER_MESSAGES:
        return (double)snapshot->stat.messages;
    case ORDER_OLDEST:
        return (double)snapshot->stat.oldest_ns;
    case ORDER_IN:
        return rates_in(&watched->rates);
    case ORDER_OUT:
        return rates_out(&watched->rates);
    default:
        return 0;
    }
}

/* Numbers descend, names ascend; the other way round if reversed. */
static int compare(const void *a, const void *b, void *context)
{
    const struct model *model = context;
    const struct watched *one = *(struct watched *const *)a;
    const struct watched *other = *(struct watched *const *)b;
    int result = compare_numbers(number_of(other, model->order), number_of(one, model->order));
    if (model->order == ORDER_NAME)
        result = strcmp(one->name, other->name);
    if (model->reversed)
        result = -result;
    return result != 0 ? result : strcmp(one->name, other->name);
}

static size_t index_of(const struct model *model, const char *name)
{
    size_t i = 0;
    while (i < model->count && strcmp(model->queues[i]->name, name) != 0)
        i++;
    return i;
}

/* The chosen line is shown, and no line is left blank while there are more. */
static void scroll(struct model *model)
{
    const size_t visible = model->visible > 0 ? model->visible : 1;
    if (model->cursor < model->first)
        model->first = model->cursor;
    if (model->cursor >= model->first + visible)
        model->first = model->cursor - visible + 1;
    if (model->first + visible > model->count)
        model->first = model->count > visible ? model->count - visible : 0;
}

void model_sort(struct model *model)
{
    if (model->count > 1)
        qsort_r(model->queues, model->count, sizeof(struct watched *), compare, model);
    const size_t i = index_of(model, model->chosen);
    if (i < model->count)
        model->cursor = i;
    else if (model->page == PAGE_LIST)
        model_choose_at(model, model->cursor);
    scroll(model);
}

const char *model_order_text(enum order order)
{
    static const char *const texts[ORDERS] = {"name", "fill", "messages", "oldest", "in", "out"};
    return texts[order];
}

/* ------------------------------------------------------------------ queues */

bool model_add(struct model *model, struct watched *watched)
{
    if (model->count == model->room) {
        const size_t room = model->room > 0 ? 2 * model->room : 16;
        struct watched **more = realloc(model->queues, room * sizeof(struct watched *));
        if (more == NULL)
            return false;
        model->queues = more;
        model->room = room;
    }
    model->queues[model->count++] = watched;
    return true;
}

void model_drop(struct model *model, struct watched *watched)
{
    for (size_t i = 0; i < model->count; i++) {
        if (model->queues[i] != watched)
            continue;
        memmove(&model->queues[i], &model->queues[i + 1], (model->count - i - 1) * sizeof(struct watched *));
        model->count--;
        watched_free(watched);
        return;
    }
}

struct watched *model_find(const struct model *model, const char *name)
{
    const size_t i = index_of(model, name);
    return i < model->count ? model->queues[i] : NULL;
}

struct watched *model_chosen(const struct model *model)
{
    return model_find(model, model->chosen);
}

/* ------------------------------------------------------------------ choosing */

void model_choose_at(struct model *model, size_t index)
{
    if (model->count == 0) {
        model->cursor = 0;
        return;
    }
    model->cursor = index < model->count ? index : model->count - 1;
    if (strcmp(model->chosen, model->queues[model->cursor]->name) != 0)
        model->party_first = 0;
    snprintf(model->chosen, sizeof(model->chosen), "%s", model->queues[model->cursor]->name);
    scroll(model);
}

void model_choose(struct model *model, const char *name)
{
    const size_t i = index_of(model, name);
    if (i < model->count)
        model_choose_at(model, i);
}

void model_jump(struct model *model, const char *text)
{
    size_t contains = model->count;
    if (text[0] == '\0')
        return;
    for (size_t i = 0; i < model->count; i++) {
        const char *at = strstr(model->queues[i]->name, text);
        if (at == model->queues[i]->name) {
            model_choose_at(model, i);
            return;
        }
        if (at != NULL && contains == model->count)
            contains = i;
    }
    if (contains < model->count)
        model_choose_at(model, contains);
}

void model_open(struct model *model, const char *name)
{
    if (name != model->chosen)
        snprintf(model->chosen, sizeof(model->chosen), "%s", name);
    model_choose(model, model->chosen);
    model->page = PAGE_QUEUE;
    model->party_first = 0;
}

/* Moves @at by @lines, from 0 to @last at the most. */
static size_t moved(size_t at, ptrdiff_t lines, size_t last)
{
    if (lines < 0)
        return (size_t)-lines > at ? 0 : at - (size_t)-lines;
    return (size_t)lines > last - (at < last ? at : last) ? last : at + (size_t)lines;
}

static size_t last_party_first(const struct model *model)
{
    return model->party_count > model->party_visible ? model->party_count - model->party_visible : 0;
}

void model_move(struct model *model, ptrdiff_t lines)
{
    if (model->page == PAGE_QUEUE)
        model->party_first = moved(model->party_first, lines, last_party_first(model));
    else
        model_choose_at(model, moved(model->cursor, lines, model->count > 0 ? model->count - 1 : 0));
}

void model_fit(struct model *model, size_t visible, size_t party_visible)
{
    const struct watched *chosen = model_chosen(model);
    model->visible = visible;
    model->party_visible = party_visible;
    model->party_count = chosen != NULL ? chosen->snapshot.lane_count + chosen->snapshot.seat_count : 0;
    if (model->party_first > last_party_first(model))
        model->party_first = last_party_first(model);
    scroll(model);
}

/* ------------------------------------------------------------------ notice */

void model_notice(struct model *model, int64_t now_ns, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(model->notice, sizeof(model->notice), format, arguments);
    va_end(arguments);
    model->notice_until_ns = now_ns + NOTICE_NS;
}

const char *model_notice_text(const struct model *model, int64_t now_ns)
{
    return now_ns < model->notice_until_ns ? model->notice : NULL;
}

void model_free(struct model *model)
{
    for (size_t i = 0; i < model->count; i++)
        watched_free(model->queues[i]);
    free(model->queues);
    *model = (struct model){0};
}
