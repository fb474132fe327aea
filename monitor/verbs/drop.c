/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/cli/open_error.h"
#include "common/cli/say.h"
#include "monitor/message_ids.h"
#include "monitor/verbs/verbs.h"

#define FOUND 1 /* what the visitor returns when it has seen enough */

/* The message that one id names. */
struct target {
    const char *text;
    uint64_t queue; /* id of the queue */
    struct message_id id;
    struct shmq_peeked peeked; /* who has it */
};

static int look(void *context, const struct shmq_peeked *peeked)
{
    struct target *target = context;
    const struct shmq_message *message = peeked->message;
    if (!message_id_is_of(target->text, target->queue, message))
        return 0;
    target->id.lane = message->lane;
    target->id.position = message->position;
    target->peeked = *peeked;
    return FOUND;
}

/* Looks through all messages. Return: FOUND; 0 if none has the id; negative errno. */
static int find(struct shmq *queue, struct target *target)
{
    int result = 0;
    struct shmq_info info = SHMQ_INFO_INIT;
    (void)shmq_info(queue, &info); /* the handle is an observer's */
    target->queue = info.queue_id;
    for (uint32_t i = 0; i < info.lanes && result != FOUND; i++) {
        const int code = shmq_peek(queue, i, look, target);
        result = code != 0 ? code : result;
    }
    return result;
}

/* An id of this queue says where the message is; another is looked for among those under which messages were put
 * first. Return: as shmq_drop. */
static int drop(const struct options *options, struct shmq *queue, struct target *target)
{
    struct shmq_info info = SHMQ_INFO_INIT;
    (void)shmq_info(queue, &info);
    if (!message_id_read(target->text, &target->id) || target->id.queue != info.queue_id) {
        const int found = find(queue, target);
        if (found != FOUND)
            return found == 0 ? -ENOMSG : found;
    }
    return shmq_drop(options->queue, target->id.lane, target->id.position);
}

static void say_busy(const struct options *options, struct shmq *queue, struct target *target)
{
    char who[80] = "a consumer has it, or has just taken it";
    if (find(queue, target) == FOUND && target->peeked.taken && target->peeked.pid != 0)
        (void)snprintf(who, sizeof(who), "%s (pid %jd) has it", target->peeked.program,
                       (intmax_t)target->peeked.pid);
    say_error("queue '%s': message %s: not dropped: %s", options->queue, target->text, who);
}

/* Return: whether it was dropped. */
static bool say_result(const struct options *options, struct shmq *queue, struct target *target, int error)
{
    if (error == 0)
        say_status("queue '%s': dropped message %s", options->queue, target->text);
    else if (error == -EBUSY)
        say_busy(options, queue, target);
    else if (error == -ENOMSG)
        say_error("queue '%s': message %s: not dropped: not in the queue, or no longer (see '%smonitor peek %s')",
                  options->queue, target->text, say_prefix(), options->queue);
    else
        say_error("queue '%s': message %s: not dropped: %s", options->queue, target->text,
                  open_error_text(options->queue, error));
    return error == 0;
}

static const char *result_word(int error)
{
    return error == 0 ? "dropped" : error == -EBUSY ? "taken" : error == -ENOMSG ? "unknown" : "failed";
}

/* Return: exit status. */
static int drop_each(const struct options *options, struct shmq *queue)
{
    int status = EXIT_DONE;
    for (size_t i = 0; i < options->id_count; i++) {
        struct target target = {.text = options->ids[i]};
        const int error = drop(options, queue, &target);
        if (options->format == FORMAT_JSON)
            printf("%s\n  {\"id\": \"%s\", \"result\": \"%s\"}", i == 0 ? "" : ",", target.text,
                   result_word(error));
        if (!say_result(options, queue, &target, error) && status == EXIT_DONE)
            status = error == -EBUSY || error == -ENOMSG ? EXIT_FAILED : (int)exit_status_of(error);
    }
    return status;
}

int verb_drop(const struct options *options)
{
    struct shmq *queue;
    const int error = shmq_open(&queue, options->queue, SHMQ_OBSERVER, NULL);
    if (error != 0)
        return verb_fail(options, "nothing can be dropped", error);
    if (options->format == FORMAT_JSON)
        putchar('[');
    const int status = drop_each(options, queue);
    if (options->format == FORMAT_JSON)
        fputs("\n]\n", stdout);
    shmq_close(queue);
    return status;
}
