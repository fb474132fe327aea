/* SPDX-License-Identifier: MIT */
#include "common/cli/open_error.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cli/say.h"
#include "common/cli/units.h"
#include "common/shmq.h"

static const char *explain_file(const struct stat *st)
{
    if (!S_ISREG(st->st_mode))
        return "it is not a plain file (see 'ls -l /dev/shm'; remove it, or use another name)";
    if ((st->st_mode & S_IWOTH) != 0)
        return "anybody may write it (see 'ls -l /dev/shm'; remove it, or use another name)";
    if (st->st_uid != geteuid())
        return "it belongs to another user (use another name; its owner can make it with --mode and --group)";
    return NULL;
}

static const char *explain_damage(void)
{
    static _Thread_local char text[256];
    snprintf(text, sizeof(text),
             "damaged, or not a queue (see '%smonitor check'; '%smonitor remove --force' deletes it)",
             say_prefix(), say_prefix());
    return text;
}

const char *open_error_text(const char *queue, int error)
{
    char path[sizeof("/dev/shm/shmq.") + SHMQ_NAME_MAX];
    struct stat st;
    const char *text = NULL;
    if (error == -EBADMSG)
        return explain_damage();
    snprintf(path, sizeof(path), "/dev/shm/shmq.%s", queue);
    if (error == -EPERM && lstat(path, &st) == 0)
        text = explain_file(&st);
    return text != NULL ? text : shmq_strerror(error);
}

/* Names the owner of a queue that is another user's; else returns NULL. */
static const char *explain_owner(const char *queue, char *text, size_t size)
{
    char path[sizeof("/dev/shm/shmq.") + SHMQ_NAME_MAX];
    struct stat st;
    snprintf(path, sizeof(path), "/dev/shm/shmq.%s", queue);
    if (lstat(path, &st) != 0 || st.st_uid == geteuid())
        return NULL;
    const struct passwd *owner = getpwuid(st.st_uid);
    if (owner != NULL)
        snprintf(text, size, "belongs to %s", owner->pw_name);
    else
        snprintf(text, size, "belongs to user %ju", (uintmax_t)st.st_uid);
    return text;
}

const char *open_error_brief(const char *queue, int error)
{
    static _Thread_local char text[128];
    const char *owner = error == -EACCES ? explain_owner(queue, text, sizeof(text)) : NULL;
    if (owner != NULL)
        return owner;
    const char *full = open_error_text(queue, error);
    const char *advice = strstr(full, " (");
    const int length = advice != NULL ? (int)(advice - full) : (int)strlen(full);
    snprintf(text, sizeof(text), "%.*s", length, full);
    return text;
}

/* Lists that grow: "capacity 8M, not 16M; lanes 16, not 4", and the options concerned: "--capacity and --lanes".
 */
struct difference {
    char text[512];
    char options[128];
};

static void append(char *to, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void append(char *to, size_t size, const char *format, ...)
{
    const size_t used = strlen(to);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(to + used, size - used, format, arguments);
    va_end(arguments);
}

static void add(struct difference *difference, const char *option, const char *present, const char *wanted)
{
    const bool first = difference->text[0] == '\0';
    append(difference->text, sizeof(difference->text), "%s%s %s, not %s", first ? "" : "; ", option, present,
           wanted);
    append(difference->options, sizeof(difference->options), "%s--%s", first ? "" : " and ", option);
}

/* @wanted is 0 if the option was not given. */
static void compare_size(struct difference *difference, const char *option, uint64_t present, uint64_t wanted)
{
    char texts[2][UNITS_SIZE];
    if (wanted != 0 && wanted != present)
        add(difference, option, units_size(texts[0], present), units_size(texts[1], wanted));
}

/* If @given was rounded up, the message shows both values. */
static void compare_capacity(struct difference *difference, uint64_t present, uint64_t given)
{
    char texts[3][UNITS_SIZE];
    char wanted[2 * UNITS_SIZE + sizeof(" ( rounded up)")];
    const uint64_t rounded = options_round_capacity(given);
    if (given == 0 || rounded == present)
        return;
    units_size(texts[0], present);
    units_size(texts[1], rounded);
    units_size(texts[2], given);
    if (rounded == given)
        snprintf(wanted, sizeof(wanted), "%s", texts[1]);
    else
        snprintf(wanted, sizeof(wanted), "%s (%s rounded up)", texts[1], texts[2]);
    add(difference, "capacity", texts[0], wanted);
}

static void compare_number(struct difference *difference, const char *option, const char *format, uint32_t present,
                           uint32_t wanted) __attribute__((format(printf, 3, 0)));

static void compare_number(struct difference *difference, const char *option, const char *format, uint32_t present,
                           uint32_t wanted)
{
    char texts[2][UNITS_SIZE];
    if (wanted == 0 || wanted == present)
        return;
    snprintf(texts[0], UNITS_SIZE, format, present);
    snprintf(texts[1], UNITS_SIZE, format, wanted);
    add(difference, option, texts[0], texts[1]);
}

static void name_group(char *text, size_t size, gid_t gid)
{
    const struct group *group = getgrgid(gid);
    if (group != NULL)
        snprintf(text, size, "%s", group->gr_name);
    else
        snprintf(text, size, "%u", gid);
}

static void compare(struct difference *difference, const struct shmq_options *wanted,
                    const struct shmq_info *present)
{
    compare_capacity(difference, present->capacity_bytes, wanted->capacity_bytes);
    compare_size(difference, "max-message", present->max_message_bytes, wanted->max_message_bytes);
    compare_number(difference, "lanes", "%u", present->lanes, wanted->lanes);
    compare_number(difference, "seats", "%u", present->seats, wanted->seats);
    compare_number(difference, "mode", "%04o", present->mode, wanted->mode);
    if (wanted->group != SHMQ_GROUP_ANY && wanted->group != present->group) {
        char names[2][64];
        name_group(names[0], sizeof(names[0]), present->group);
        name_group(names[1], sizeof(names[1]), wanted->group);
        add(difference, "group", names[0], names[1]);
    }
    if (wanted->tick_ns != 0 && wanted->tick_ns != present->tick_ns) {
        char texts[2][UNITS_SIZE];
        add(difference, "tick", units_time(texts[0], present->tick_ns), units_time(texts[1], wanted->tick_ns));
    }
}

const char *open_error_difference(const struct common_options *options)
{
    static _Thread_local char text[sizeof(struct difference) + 128];
    struct difference difference = {.text = ""};
    struct shmq_info info = SHMQ_INFO_INIT;
    struct shmq *queue;
    if (shmq_open(&queue, options->queue, SHMQ_OBSERVER, NULL) != 0)
        return NULL;
    if (shmq_info(queue, &info) == 0)
        compare(&difference, &options->shmq, &info);
    shmq_close(queue);
    if (difference.text[0] == '\0')
        return NULL;
    snprintf(text, sizeof(text), "exists with %s (drop %s, or remove the queue and start anew)", difference.text,
             difference.options);
    return text;
}
