/* SPDX-License-Identifier: MIT */
#include "consumer/forward_list.h"

#include <string.h>

struct forward_queue *forward_list_find(struct forward_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->queues[i].name, name) == 0)
            return &list->queues[i];
    return NULL;
}

/* Return: NULL; what is wrong with the name. */
static const char *add(struct forward_list *list, const char *name, size_t length)
{
    struct forward_queue *queue = &list->queues[list->count];

    if (list->count == FORWARD_MAX)
        return "at most 64 queues (forward one of them further)";
    if (length > SHMQ_NAME_MAX)
        return "queues' names have at most 200 characters";
    *queue = (struct forward_queue){0};
    memcpy(queue->name, name, length);
    if (length == 0 || shmq_name_check(queue->name) != 0)
        return "QUEUE[,QUEUE...], names of letters, digits, '.', '_', '-'";
    if (forward_list_find(list, queue->name))
        return "a queue is named twice (it gets each message once)";
    list->count++;
    return NULL;
}

const char *forward_list_read(struct forward_list *list, const char *text)
{
    const char *wrong = NULL;

    for (;;) {
        size_t length = strcspn(text, ",");

        wrong = add(list, text, length);
        if (wrong || text[length] == '\0')
            return wrong;
        text += length + 1;
    }
}
