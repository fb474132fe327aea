/* SPDX-License-Identifier: MIT */
#include "monitor/top/watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/open_error.h"
#include "common/cli/stop.h"

enum { SPARE_DESCRIPTORS = 8 }; /* for /proc and /dev/shm */

#define LOOKS_NS INT64_C(15000000) /* for queues that are not shown, each time */

int watch_start(struct watch *watch, struct model *model, int wake)
{
    watch->model = model;
    watch->errand.wake = wake;
    return finder_start(&watch->finder, NULL, 0, wake, SPARE_DESCRIPTORS);
}

/* ------------------------------------------------------------------ what was found */

static void look_at(struct watch *watch, struct watched *watched, bool details, int64_t now_ns)
{
    if (watched->handle != NULL && !watched_look(watched, details, now_ns))
        finder_lost(watch->finder, watched->name);
}

/* Return: the queue of that name, which may be new; NULL without memory. */
static struct watched *find_or_add(struct watch *watch, const char *name)
{
    struct watched *watched = model_find(watch->model, name);
    if (watched != NULL)
        return watched;
    watched = watched_new(name);
    if (watched == NULL || model_add(watch->model, watched))
        return watched;
    watched_free(watched);
    return NULL;
}

static void take_finding(struct watch *watch, const struct finding *finding, int64_t now_ns)
{
    struct watched *watched =
        finding->gone ? model_find(watch->model, finding->name) : find_or_add(watch, finding->name);
    if (watched == NULL) {
        (void)shmq_close(finding->handle);
        finder_lost(watch->finder, finding->name);
        return;
    }
    watched_found(watched, finding);
    look_at(watch, watched, false, now_ns);
}

int watch_begin_with(struct watch *watch, const char *name, struct shmq *handle, int64_t now_ns)
{
    const struct finding finding = {.handle = handle};
    struct watched *watched = find_or_add(watch, name);
    if (watched == NULL) {
        (void)shmq_close(handle);
        return -ENOMEM;
    }
    watched_found(watched, &finding);
    look_at(watch, watched, true, now_ns);
    model_open(watch->model, name);
    return 0;
}

/* What is gone leaves the list, but what is chosen stays to be seen on its page. Return: whether any left. */
static bool drop_gone(struct watch *watch)
{
    struct model *model = watch->model;
    const struct watched *kept = model->page == PAGE_QUEUE ? model_chosen(model) : NULL;
    const size_t before = model->count;
    for (size_t i = model->count; i > 0; i--)
        if (model->queues[i - 1]->gone && model->queues[i - 1] != kept)
            model_drop(model, model->queues[i - 1]);
    return model->count != before;
}

static void take_answer(struct watch *watch, int64_t now_ns)
{
    struct errand *errand = &watch->errand;
    const char *done = errand->pause ? "paused" : "resumed";
    if (!errand_is_done(errand))
        return;
    if (errand->error == 0)
        model_notice(watch->model, now_ns, "queue '%.100s' is %s", errand->name, done);
    else
        model_notice(watch->model, now_ns, "queue '%.100s': cannot be %s: %s", errand->name, done,
                     open_error_brief(errand->name, errand->error));
}

/* Return: whether there was any. */
static bool take_findings(struct watch *watch, int64_t now_ns)
{
    struct finding *finding = finder_take(watch->finder);
    const bool any = finding != NULL;
    while (finding != NULL) {
        struct finding *next = finding->next;
        take_finding(watch, finding, now_ns);
        free(finding);
        finding = next;
    }
    return any;
}

void watch_take_found(struct watch *watch, int64_t now_ns)
{
    struct model *model = watch->model;
    const bool first = !model->complete;
    model->complete = finder_has_looked(watch->finder); /* before the last is taken */
    model->list_error = finder_error(watch->finder);
    take_answer(watch, now_ns);
    const bool found = take_findings(watch, now_ns);
    if (!drop_gone(watch) && !found)
        return;
    /* The first line is chosen until all have been found. */
    if (first && model->page == PAGE_LIST) {
        model->chosen[0] = '\0';
        model->cursor = 0;
    }
    model_sort(model);
}

void watch_carry_out(struct watch *watch, int64_t now_ns)
{
    struct request *request = &watch->model->request;
    if (!request->wanted)
        return;
    request->wanted = false;
    const int error = errand_begin(&watch->errand, request->name, request->pause);
    if (error == -EBUSY)
        model_notice(watch->model, now_ns, "the last request is still under way");
    else if (error != 0)
        model_notice(watch->model, now_ns, "no thread can be started: %s", strerrordesc_np(-error));
}

/* ------------------------------------------------------------------ looks */

bool watch_must_look(const struct watch *watch)
{
    const struct watched *chosen = model_chosen(watch->model);
    return strcmp(watch->inspected, watch->model->chosen) != 0 ||
           (watch->model->page == PAGE_QUEUE && chosen != NULL && chosen->handle != NULL &&
            watch->inspection.queue_id != chosen->snapshot.stat.queue_id);
}

void watch_look_closer(struct watch *watch, int64_t now_ns)
{
    struct watched *chosen = model_chosen(watch->model);
    memcpy(watch->inspected, watch->model->chosen, sizeof(watch->inspected));
    if (chosen == NULL)
        return;
    look_at(watch, chosen, true, now_ns);
    if (watch->model->page != PAGE_QUEUE || chosen->handle == NULL)
        return;
    if (!inspection_look(&watch->inspection, chosen->handle, chosen->snapshot.stat.queue_id, now_ns)) {
        watched_drop(chosen, -EBADMSG);
        chosen->snapshot.opened = false; /* that is, it cannot be read at all */
        finder_lost(watch->finder, chosen->name);
    }
}

/* So that many queues take no more time than a few: those that are not shown take turns. */
static void look_at_others(struct watch *watch, int64_t now_ns)
{
    struct model *model = watch->model;
    const int64_t until_ns = stop_now_ns() + LOOKS_NS;
    for (size_t i = 0; i < model->count && stop_now_ns() < until_ns; i++) {
        const size_t at = watch->next++ % model->count;
        const bool shown = model->page == PAGE_LIST && at >= model->first && at < model->first + model->visible;
        if (!shown && strcmp(model->queues[at]->name, model->chosen) != 0)
            look_at(watch, model->queues[at], false, now_ns);
    }
}

void watch_look(struct watch *watch, int64_t now_ns)
{
    struct model *model = watch->model;
    watch_look_closer(watch, now_ns);
    for (size_t i = model->first;
         model->page == PAGE_LIST && i < model->count && i < model->first + model->visible; i++)
        if (strcmp(model->queues[i]->name, model->chosen) != 0)
            look_at(watch, model->queues[i], false, now_ns);
    look_at_others(watch, now_ns);
    model_sort(model);
}

void watch_stop(struct watch *watch)
{
    finder_stop(watch->finder);
}
