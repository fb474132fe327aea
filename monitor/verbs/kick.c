/* SPDX-License-Identifier: MIT */
/*
 * Moves dead letters back, each once. Works through the queue as a consumer that takes one message at a time. What
 * was chosen in the beginning is moved back; what was not, but is in the way, is put behind. Both are moves
 * (shmq_move), so a kill leaves the message to the next kick, which first completes what was begun.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli/headers.h"
#include "common/cli/open_error.h"
#include "common/cli/say.h"
#include "common/cli/stop.h"
#include "common/cli/units.h"
#include "monitor/homes.h"
#include "monitor/message_ids.h"
#include "monitor/verbs/verbs.h"

#define TIMEOUT_DEFAULT_NS INT64_C(5000000000)
#define MISSING_BYTES 400 /* a sentence with the name of a queue */

/* A message that is to be moved. They are sorted by lane and position, as they were visited. */
struct chosen {
    uint32_t lane;
    uint64_t position;
    size_t home;
    bool done;
};

struct kick {
    const struct options *options;
    struct shmq *queue; /* consumer */
    uint64_t queue_id;
    uint32_t lanes;
    struct homes homes;
    struct shmq_mover *behind; /* to this queue itself */
    struct chosen *chosen;
    size_t count;
    size_t room;
    uint64_t left; /* chosen, and not moved yet */
    uint64_t stays;
    bool *found; /* for each id */
    char headers[SHMQ_HEADERS_MAX];
    uint64_t ends[SHMQ_LANES_MAX]; /* position of the last message of each lane, in the beginning */
};

static int64_t timeout_ns(const struct kick *kick)
{
    return kick->options->timeout_ns >= 0 ? kick->options->timeout_ns : TIMEOUT_DEFAULT_NS;
}

/* ------------------------------------------------------------------ choosing */

static bool is_wanted(struct kick *kick, const struct shmq_message *message)
{
    bool wanted = kick->options->id_count == 0;
    for (size_t i = 0; i < kick->options->id_count; i++) {
        if (!message_id_is_of(kick->options->ids[i], kick->queue_id, message))
            continue;
        kick->found[i] = true;
        wanted = true;
    }
    return wanted;
}

static void say_stays(struct kick *kick, const struct shmq_message *message, const char *why)
{
    char id[SHMQ_ID_SIZE];
    shmq_message_id(kick->queue, message, id);
    say_error("queue '%s': message %s stays: %s", kick->options->queue, id, why);
    kick->stays++;
}

/* Return: 0 with the home's number; -ENOENT if there is none; -ENOMEM. */
static int find_home(struct kick *kick, const struct shmq_message *message, size_t *home)
{
    size_t bytes;
    size_t length;
    const char *headers = shmq_message_headers(message, &bytes);
    const char *name = shmq_header_value(headers, bytes, "Shmq-Queue", &length);
    if (kick->options->to != NULL) {
        name = kick->options->to;
        length = strlen(name);
    }
    return name == NULL ? -ENOENT : homes_find(&kick->homes, name, length, home);
}

static int add(struct kick *kick, const struct shmq_message *message, size_t home)
{
    if (kick->count == kick->room) {
        const size_t room = kick->room == 0 ? 64 : kick->room * 2;
        struct chosen *grown = realloc(kick->chosen, room * sizeof(*grown));
        if (grown == NULL)
            return -ENOMEM;
        kick->chosen = grown;
        kick->room = room;
    }
    kick->chosen[kick->count++] =
        (struct chosen){.lane = message->lane, .position = message->position, .home = home};
    kick->homes.items[home].left++;
    kick->left++;
    return 0;
}

static int choose(void *context, const struct shmq_peeked *peeked)
{
    struct kick *kick = context;
    const struct shmq_message *message = peeked->message;
    size_t home;
    kick->ends[message->lane] = message->position;
    if (!is_wanted(kick, message))
        return 0;
    if (peeked->taken && peeked->alive) {
        say_stays(kick, message, "a consumer has it");
        return 0;
    }
    const int error = find_home(kick, message, &home);
    if (error == -ENOENT) {
        say_stays(kick, message, "it does not say where it came from (no Shmq-Queue header; give --to QUEUE)");
        return 0;
    }
    return error != 0 ? error : add(kick, message, home);
}

static int choose_all(struct kick *kick)
{
    struct shmq_info info = SHMQ_INFO_INIT;
    int error = shmq_info(kick->queue, &info);
    kick->queue_id = info.queue_id;
    kick->lanes = info.lanes;
    for (uint32_t i = 0; error == 0 && i < info.lanes; i++)
        error = shmq_peek(kick->queue, i, choose, kick);
    for (size_t i = 0; error == 0 && i < kick->options->id_count; i++) {
        if (kick->found[i])
            continue;
        say_error("queue '%s': message %s: not in the queue, or no longer (see '%smonitor peek %s')",
                  kick->options->queue, kick->options->ids[i], say_prefix(), kick->options->queue);
        kick->stays++;
    }
    return error;
}

static int compare(const void *one, const void *other)
{
    const struct chosen *a = one;
    const struct chosen *b = other;
    if (a->lane != b->lane)
        return a->lane < b->lane ? -1 : 1;
    return a->position < b->position ? -1 : a->position > b->position;
}

static struct chosen *find_chosen(const struct kick *kick, const struct shmq_message *message)
{
    const struct chosen key = {.lane = message->lane, .position = message->position};
    struct chosen *found =
        kick->count == 0 ? NULL : bsearch(&key, kick->chosen, kick->count, sizeof(key), compare);
    return found != NULL && !found->done && kick->homes.items[found->home].error == 0 ? found : NULL;
}

/* ------------------------------------------------------------------ moving */

static const char *describe(const struct home *home)
{
    static char text[MISSING_BYTES];
    switch (home->error) {
    case -EAGAIN:
    case -ETIMEDOUT:
        return "it is full, or all its lanes are in use (consume what is in it; or give a longer --timeout)";
    case -ENOENT:
        snprintf(text, sizeof(text),
                 "there is no such queue (make it with '%sproducer -Q %s </dev/null', or give "
                 "--to QUEUE)",
                 say_prefix(), home->name);
        return text;
    default:
        return open_error_text(home->name, home->error);
    }
}

/* From now on nothing is moved there. */
static void give_up(struct kick *kick, struct home *home)
{
    say_error("queue '%s': takes no messages back: %s; %" PRIu64 " message%s in queue '%s'", home->name,
              describe(home), home->left, home->left == 1 ? " stays" : "s stay", kick->options->queue);
    kick->left -= home->left;
    kick->stays += home->left;
    home->left = 0;
}

static void note_moved(struct kick *kick, struct chosen *chosen)
{
    struct home *home = &kick->homes.items[chosen->home];
    chosen->done = true;
    home->left--;
    home->moved++;
    kick->left--;
}

/* Return: 0 if it was moved, or put behind, or nothing is left to do; negative errno. */
static int put_behind(struct kick *kick, const struct shmq_message *message)
{
    size_t bytes;
    const char *headers = shmq_message_headers(message, &bytes);
    return kick->left == 0 ? 0 : shmq_move(kick->behind, headers, bytes, timeout_ns(kick));
}

/* An error that concerns this queue, or that the user has asked for. */
static bool ends_all(int error)
{
    return error == -EINTR || error == -EBADMSG || error == -EINVAL || error == -ECHILD;
}

static int move_home(struct kick *kick, struct chosen *chosen, const struct shmq_message *message)
{
    struct home *home = &kick->homes.items[chosen->home];
    size_t bytes;
    const char *headers = shmq_message_headers(message, &bytes);
    bytes = headers_write_retried(kick->headers, headers, bytes);
    const int error = shmq_move(home->mover, kick->headers, bytes, timeout_ns(kick));
    if (error == 0)
        note_moved(kick, chosen);
    if (error == 0 || ends_all(error))
        return error;
    if (error == -EMSGSIZE) {
        say_stays(kick, message, shmq_strerror(error));
        chosen->done = true;
        home->left--;
        kick->left--;
    } else {
        home->error = error;
        give_up(kick, home);
    }
    return put_behind(kick, message);
}

/* ------------------------------------------------------------------ what a dead one began */

/* Return: 0; negative errno. */
static int complete_in(struct kick *kick, const char *name, bool *moved)
{
    struct shmq_mover *mover;
    int error = shmq_mover_open(&mover, kick->queue, name, NULL);
    if (error == 0)
        error = shmq_complete_move(mover, moved, timeout_ns(kick));
    shmq_mover_close(mover);
    return error == -ENOENT ? 0 : error; /* nothing was put there, or it is gone with the queue */
}

/* A message that was delivered before may have been moved by one who died. */
static int complete(struct kick *kick, const struct shmq_message *message, bool *moved)
{
    size_t home;
    struct chosen *chosen = find_chosen(kick, message);
    *moved = false;
    int error = complete_in(kick, kick->options->queue, moved);
    if (error != 0 || *moved)
        return error;
    error = find_home(kick, message, &home);
    if (error != 0)
        return error == -ENOENT ? 0 : error;
    if (kick->homes.items[home].error != 0 || shmq_name_check(kick->homes.items[home].name) != 0)
        return 0; /* nothing can have been put there */
    error = complete_in(kick, kick->homes.items[home].name, moved);
    if (*moved && chosen != NULL)
        note_moved(kick, chosen);
    return error;
}

/* ------------------------------------------------------------------ working through the queue */

/* Whether all that is left was taken by others, so that it never comes. */
static bool is_passed(struct kick *kick)
{
    for (size_t i = 0; i < kick->count; i++) {
        struct shmq_lane_stat lane = SHMQ_LANE_STAT_INIT;
        const struct chosen *chosen = &kick->chosen[i];
        if (chosen->done || kick->homes.items[chosen->home].error != 0)
            continue;
        if (shmq_stat_lane(kick->queue, chosen->lane, &lane) != 0 || lane.claim_position <= chosen->position)
            return false;
    }
    return true;
}

/* Return: 0; -EAGAIN when there is no more to do; negative errno. */
static int handle(struct kick *kick, const struct shmq_message *message)
{
    bool moved = false;
    int error = message->redelivered ? complete(kick, message, &moved) : 0;
    if (error != 0 || moved)
        return error;
    struct chosen *chosen = find_chosen(kick, message);
    if (chosen != NULL)
        return move_home(kick, chosen, message);
    if (message->position > kick->ends[message->lane] && is_passed(kick))
        return -EAGAIN;
    return put_behind(kick, message);
}

static int work(struct kick *kick)
{
    struct shmq_message message;
    int error = 0;
    while (error == 0 && kick->left > 0 && !stop_requested) {
        error = shmq_lease(kick->queue, &message, 0);
        if (error == 0)
            error = handle(kick, &message);
    }
    return error == -EAGAIN || error == -ENODATA || error == -EOWNERDEAD || error == -EINTR ? 0 : error;
}

/* ------------------------------------------------------------------ */

static void refuse_homes(struct kick *kick)
{
    for (size_t i = 0; i < kick->homes.count; i++)
        if (kick->homes.items[i].error != 0 && kick->homes.items[i].left > 0)
            give_up(kick, &kick->homes.items[i]);
}

/* Return: exit status. */
static int say_result(const struct kick *kick)
{
    const uint64_t stays = kick->stays + kick->left;
    uint64_t moved = 0;
    for (size_t i = 0; i < kick->homes.count; i++) {
        const struct home *home = &kick->homes.items[i];
        moved += home->moved;
        if (home->moved > 0)
            say_status("queue '%s': moved %" PRIu64 " message%s to queue '%s'", kick->options->queue, home->moved,
                       units_plural(home->moved), home->name);
    }
    if (kick->options->format == FORMAT_JSON)
        printf("{\"moved\": %" PRIu64 ", \"left\": %" PRIu64 "}\n", moved, stays);
    if (kick->left > 0)
        say_error("queue '%s': %" PRIu64 " message%s: %s", kick->options->queue, kick->left,
                  kick->left == 1 ? " stays" : "s stay", stop_requested ? "stopped" : "consumers have taken them");
    if (kick->count == 0 && stays == 0)
        say_status("queue '%s': nothing to move: no message is in it", kick->options->queue);
    return stays > 0 ? EXIT_FAILED : EXIT_DONE;
}

static int run(struct kick *kick)
{
    struct shmq_options last = SHMQ_OPTIONS_INIT;
    last.priority = SHMQ_PRIORITIES - 1; /* what is put behind must not come before what is there */
    int error = choose_all(kick);
    if (error != 0)
        return error;
    homes_open(&kick->homes, kick->queue);
    refuse_homes(kick);
    error = shmq_mover_open(&kick->behind, kick->queue, kick->options->queue, &last);
    return error != 0 ? error : work(kick);
}

int verb_kick(const struct options *options)
{
    static struct kick kick;
    const struct shmq_options one_by_one = {SHMQ_OPTIONS_DEFAULTS, .prefetch = 1, .follow = true,
                                            .consumer_flags = SHMQ_CONSUMER_EAGER, .stop = stop_flag()};
    kick.options = options;
    kick.found = calloc(options->id_count + 1, sizeof(*kick.found));
    int error = kick.found != NULL ? shmq_open(&kick.queue, options->queue, SHMQ_CONSUMER, &one_by_one) : -ENOMEM;
    if (error != 0)
        return verb_fail(options, "messages cannot be moved back", error);
    error = run(&kick);
    const int status = say_result(&kick);
    homes_close(&kick.homes);
    shmq_mover_close(kick.behind);
    (void)shmq_close(kick.queue); /* gives back what it has in hand */
    free(kick.chosen);
    free(kick.found);
    return error != 0 ? verb_fail(options, "messages cannot be moved back", error) : status;
}
