/* SPDX-License-Identifier: MIT */
#include "monitor/metrics/watch.h"

#include <stdlib.h>
#include <string.h>

#include "common/cli/stop.h"

/* Return: the place of @name, or where it would stand. */
static size_t place_of(const struct watch *watch, const char *name)
{
    size_t low = 0;
    size_t high = watch->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(watch->items[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct watched *watch_find(const struct watch *watch, const char *name)
{
    const size_t place = place_of(watch, name);
    const bool there = place < watch->count && strcmp(watch->items[place]->name, name) == 0;
    return there ? watch->items[place] : NULL;
}

static struct watched *add(struct watch *watch, const char *name)
{
    const size_t place = place_of(watch, name);
    if (watch->count == watch->room) {
        const size_t room = watch->room * 2 + 16;
        struct watched **more = realloc(watch->items, room * sizeof(struct watched *));
        if (more == NULL)
            return NULL;
        watch->items = more;
        watch->room = room;
    }
    struct watched *item = watched_new(name);
    if (item == NULL)
        return NULL;
    memmove(&watch->items[place + 1], &watch->items[place], (watch->count - place) * sizeof(struct watched *));
    watch->items[place] = item;
    watch->count++;
    return item;
}

static void forget(struct watch *watch, const char *name)
{
    const size_t place = place_of(watch, name);
    if (watch_find(watch, name) == NULL)
        return;
    struct watched *item = watch->items[place];
    watched_free(item);
    watch->count--;
    memmove(&watch->items[place], &watch->items[place + 1], (watch->count - place) * sizeof(struct watched *));
}

static void take_finding(struct watch *watch, const struct finding *finding)
{
    if (finding->gone) {
        forget(watch, finding->name);
        return;
    }
    struct watched *item = watch_find(watch, finding->name);
    if (item == NULL)
        item = add(watch, finding->name);
    if (item == NULL) {
        (void)shmq_close(finding->handle);
        finder_lost(watch->finder, finding->name);
        return;
    }
    watched_found(item, finding);
}

void watch_look(struct watch *watch, bool details)
{
    struct finding *finding = finder_take(watch->finder);
    while (finding != NULL) {
        struct finding *next = finding->next;
        take_finding(watch, finding);
        free(finding);
        finding = next;
    }
    const int64_t now_ns = stop_now_ns();
    for (size_t i = 0; i < watch->count; i++)
        if (watch->items[i]->handle != NULL && !watched_look(watch->items[i], details, now_ns))
            finder_lost(watch->finder, watch->items[i]->name);
    watch->looks++;
    watch->looked_ns = now_ns;
    watch->details = details;
}

void watch_free(struct watch *watch)
{
    while (watch->count > 0) {
        char name[SHMQ_NAME_MAX + 1];
        memcpy(name, watch->items[watch->count - 1]->name, sizeof(name));
        forget(watch, name);
    }
    free(watch->items);
    watch->items = NULL;
}
