/* SPDX-License-Identifier: MIT */
#include "monitor/homes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int homes_find(struct homes *homes, const char *name, size_t length, size_t *index)
{
    struct home *items;
    for (*index = 0; *index < homes->count; ++*index)
        if (strlen(homes->items[*index].name) == length && memcmp(homes->items[*index].name, name, length) == 0)
            return 0;
    items = realloc(homes->items, (homes->count + 1) * sizeof(*items));
    if (items == NULL)
        return -ENOMEM;
    homes->items = items;
    items[homes->count] = (struct home){.error = length > SHMQ_NAME_MAX ? -ENAMETOOLONG : 0};
    memcpy(items[homes->count].name, name, length < SHMQ_NAME_MAX ? length : SHMQ_NAME_MAX);
    homes->count++;
    return 0;
}

/* Whether messages may be put there. Takes no lane, which a kill just then would leave unfinished. */
static int check(const char *name)
{
    struct shmq_info info = SHMQ_INFO_INIT;
    struct shmq *observer;
    int error = shmq_open(&observer, name, SHMQ_OBSERVER, NULL);
    if (error != 0)
        return error;
    error = shmq_info(observer, &info);
    (void)shmq_close(observer);
    if (error == 0 && info.shut_down != 0)
        error = -ESHUTDOWN;
    return error == 0 ? shmq_create(name, NULL) : error; /* an observer may only read */
}

void homes_open(struct homes *homes, struct shmq *consumer)
{
    for (size_t i = 0; i < homes->count; i++) {
        struct home *home = &homes->items[i];
        if (home->error == 0)
            home->error = shmq_name_check(home->name);
        if (home->error == 0)
            home->error = check(home->name);
        if (home->error == 0)
            home->error = shmq_mover_open(&home->mover, consumer, home->name, NULL);
    }
}

void homes_close(struct homes *homes)
{
    for (size_t i = 0; i < homes->count; i++)
        shmq_mover_close(homes->items[i].mover);
    free(homes->items);
    *homes = (struct homes){0};
}
