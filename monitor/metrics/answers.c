/* SPDX-License-Identifier: MIT */
#include "monitor/metrics/answers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/metrics/state.h"
#include "monitor/output.h"

/* What Prometheus asks for is a version of its text format. */
#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define JSON_TYPE "application/json"

/* Only the pointers are copied. Return: false without memory. */
static bool write_metrics(FILE *out, const struct watch *watch)
{
    struct snapshots snapshots = {calloc(watch->count + 1, sizeof(struct snapshot)), watch->count};
    if (snapshots.items == NULL)
        return false;
    for (size_t i = 0; i < watch->count; i++) {
        watched_add_latency(watch->items[i]);
        snapshots.items[i] = watch->items[i]->snapshot;
    }
    output_prometheus(out, &snapshots, true);
    free(snapshots.items);
    return true;
}

static bool write(FILE *out, const struct watch *watch, const struct request *request, struct watched *item)
{
    switch (request->kind) {
    case REQUEST_METRICS:
        return write_metrics(out, watch);
    case REQUEST_QUEUE:
        state_write_queue(out, watch, item);
        return true;
    default:
        state_write_all(out, watch);
        return true;
    }
}

static struct document *make(const struct watch *watch, const struct request *request, struct watched *item)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL)
        return NULL;
    const bool written = write(out, watch, request, item) && ferror(out) == 0;
    if (fclose(out) == 0 && written)
        return document_new(request->kind == REQUEST_METRICS ? METRICS_TYPE : JSON_TYPE, text, length);
    free(text);
    return NULL;
}

static void answer(struct answers *answers, struct server *server, struct request *request)
{
    const enum request_kind kind = request->kind;
    struct watched *item = kind == REQUEST_QUEUE ? watch_find(answers->watch, request->name) : NULL;
    if (kind == REQUEST_QUEUE && item == NULL) {
        server_answer(server, request, NULL);
        return;
    }
    if (answers->looks[kind] != answers->watch->looks || answers->documents[kind] == NULL ||
        (kind == REQUEST_QUEUE && strcmp(answers->name, request->name) != 0)) {
        document_free(answers->documents[kind]);
        answers->documents[kind] = make(answers->watch, request, item);
        answers->looks[kind] = answers->watch->looks;
        if (kind == REQUEST_QUEUE)
            memcpy(answers->name, request->name, sizeof(answers->name));
    }
    if (answers->documents[kind] == NULL)
        server_refuse(server, request);
    else
        server_answer(server, request, answers->documents[kind]);
}

void answers_give(struct answers *answers, struct server *server, struct request *requests)
{
    while (requests != NULL) {
        struct request *next = requests->next; /* an answered request is not ours any more */
        answer(answers, server, requests);
        requests = next;
    }
}

void answers_free(struct answers *answers)
{
    for (int i = 0; i < REQUEST_KINDS; i++)
        document_free(answers->documents[i]);
}
