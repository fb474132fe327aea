/* SPDX-License-Identifier: MIT */
#ifndef MONITOR_TOP_MODEL_H
#define MONITOR_TOP_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor/watched.h"

/* What is shown, without any terminal: the queues in their order, what is chosen, and what lies over it. */

enum page { PAGE_LIST, PAGE_QUEUE };
enum overlay { OVERLAY_NONE, OVERLAY_HELP, OVERLAY_QUESTION, OVERLAY_JUMP };
enum order { ORDER_NAME, ORDER_FILL, ORDER_MESSAGES, ORDER_OLDEST, ORDER_IN, ORDER_OUT, ORDERS };

enum { NOTICE_BYTES = 256 };

/* Whether a queue is to be paused or resumed. */
struct request {
    bool wanted;
    bool pause; /* false: resume */
    char name[SHMQ_NAME_MAX + 1];
};

struct model {
    struct watched **queues; /* in order */
    size_t count;
    size_t room;
    bool complete;  /* all queues were found once */
    int list_error; /* why there may be others now: a negative errno; 0: all are known */
    enum page page;
    enum overlay overlay;
    enum order order;
    bool reversed;
    /* The list: which line is chosen and which is the first that is shown. */
    size_t cursor;
    size_t first;
    size_t visible;
    char chosen[SHMQ_NAME_MAX + 1]; /* name of the chosen queue, which keeps the choice when the order changes */
    /* The page of a queue: the producers and consumers that are shown. */
    size_t party_first;
    size_t party_visible;
    size_t party_count;
    struct request question; /* what is asked while OVERLAY_QUESTION is there */
    struct request request;  /* to be carried out */
    char jump[SHMQ_NAME_MAX + 1];
    char notice[NOTICE_BYTES];
    int64_t notice_until_ns;
    bool quit;
};

/* Adds a queue, which is the model's from now on. Return: false without memory. */
bool model_add(struct model *model, struct watched *watched);
/* Takes a queue out and frees it. */
void model_drop(struct model *model, struct watched *watched);
/* Return: NULL if there is none of that name. */
struct watched *model_find(const struct model *model, const char *name);
/* The one that is chosen in the list or shown on the page; NULL if there is none. */
struct watched *model_chosen(const struct model *model);

/* Sorts anew, with the same queue chosen. */
void model_sort(struct model *model);
/* "name", "fill"... */
const char *model_order_text(enum order order);

/* Chooses by place or by name; the list follows. */
void model_choose_at(struct model *model, size_t index);
void model_choose(struct model *model, const char *name);
/* Chooses the first queue whose name begins with @text, or else contains it. */
void model_jump(struct model *model, const char *text);
/* Shows the page of a queue, which need not exist. */
void model_open(struct model *model, const char *name);
/* Moves the chosen line, or what is shown of the page, by @lines. */
void model_move(struct model *model, ptrdiff_t lines);

/* How many lines there are for the list, and for producers and consumers, on a screen of that size. */
void model_fit(struct model *model, size_t visible, size_t party_visible);

/* Shows a line for a few seconds. */
void model_notice(struct model *model, int64_t now_ns, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Return: it, or NULL. */
const char *model_notice_text(const struct model *model, int64_t now_ns);

void model_free(struct model *model);

#endif
