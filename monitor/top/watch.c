/* SPDX-License-Identifier: MIT */
#include "monitor/top/watch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/cli/open_error.h"
#include "common/cli/stop.h"

#define LOOKS_NS INT64_C(15000000) /* for queues that are not shown, each time */

int watch_start(struct watch *watch, struct model *model, int wake)
{
    watch->model = model;
    return finder_start(&watch->finder, wake);
}

/* ------------------------------------------------------------------ what was found */

static void look_at(struct watch *watch, struct watched *watched, bool details, int64_t now_ns)
{
    if (watched->handle != NULL && !watched_look(watched, details, now_ns))
        finder_forget(watch->finder, watched->name);
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

static void take_queue(struct watch *watch, const struct found *found, int64_t now_ns)
{
    struct watched *watched = find_or_add(watch, found->name);
    if (watched == NULL) {
        (void)shmq_close(found->handle);
        finder_forget(watch->finder, found->name);
        return;
    }
    watched->listed = found->round;
    if (found->kind != FOUND_QUEUE)
        return;
    watched_opened(watched, found->handle, found->error);
    look_at(watch, watched, false, now_ns);
}

int watch_begin_with(struct watch *watch, const char *name, struct shmq *handle, int64_t now_ns)
{
    struct watched *watched = finder_know(watch->finder, name) ? find_or_add(watch, name) : NULL;
    if (watched == NULL) {
        (void)shmq_close(handle);
        return -ENOMEM;
    }
    watched_opened(watched, handle, 0);
    look_at(watch, watched, true, now_ns);
    model_open(watch->model, name);
    return 0;
}

/* Whose name was not there in a whole round is gone, but what is chosen stays to be seen on its page. */
static void drop_missing(struct watch *watch, uint64_t round)
{
    struct model *model = watch->model;
    const struct watched *kept = model->page == PAGE_QUEUE ? model_chosen(model) : NULL;
    for (size_t i = model->count; i > 0; i--) {
        struct watched *watched = model->queues[i - 1];
        if (watched->handle == NULL && watched->listed < round && watched != kept)
            model_drop(model, watched);
    }
}

static void say_answer(struct watch *watch, const struct found *answer, int64_t now_ns)
{
    if (answer->error == 0)
        model_notice(watch->model, now_ns, "queue '%.100s' is %s", answer->name,
                     answer->pause ? "paused" : "resumed");
    else
        model_notice(watch->model, now_ns, "queue '%.100s': cannot be %s: %s", answer->name,
                     answer->pause ? "paused" : "resumed", open_error_text(answer->name, answer->error));
}

void watch_take_found(struct watch *watch, int64_t now_ns)
{
    struct found found;
    bool any = false;
    const bool first = !watch->model->complete;
    while (finder_take(watch->finder, &found)) {
        any = true;
        if (found.kind == FOUND_ANSWER)
            say_answer(watch, &found, now_ns);
        else if (found.kind != FOUND_ALL)
            take_queue(watch, &found, now_ns);
        else if (found.error == 0) {
            drop_missing(watch, found.round);
            watch->model->complete = true;
        }
    }
    if (!any)
        return;
    /* The first line is chosen until all have been found. */
    if (first && watch->model->page == PAGE_LIST) {
        watch->model->chosen[0] = '\0';
        watch->model->cursor = 0;
    }
    model_sort(watch->model);
}

void watch_carry_out(struct watch *watch, int64_t now_ns)
{
    struct request *request = &watch->model->request;
    if (!request->wanted)
        return;
    request->wanted = false;
    if (!finder_ask(watch->finder, request->name, request->pause))
        model_notice(watch->model, now_ns, "the last request is still under way");
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
        watched_opened(chosen, NULL, -EBADMSG);
        finder_forget(watch->finder, chosen->name);
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
