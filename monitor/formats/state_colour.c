/* SPDX-License-Identifier: MIT */
#include "monitor/formats/state_colour.h"

#include <string.h>

static bool is_among(const char *word, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcmp(word, *words) == 0)
            return true;
    return false;
}

enum colour state_colour_of_queue(const struct snapshot *snapshot)
{
    static const char *const good[] = {"empty", "ok", NULL};
    static const char *const warning[] = {"paused", "draining", "unfinished", "shut down", "forbidden", NULL};
    char text[WHY_STATE_BYTES];
    const char *word = why_queue_word(snapshot);
    if (strcmp(word, why_queue_state(snapshot, text, sizeof(text))) != 0) /* nearly full */
        return COLOUR_WARNING;
    if (is_among(word, good))
        return COLOUR_GOOD;
    return is_among(word, warning) ? COLOUR_WARNING : COLOUR_BAD;
}

enum colour state_colour_of_party(enum party_state state)
{
    switch (state) {
    case PARTY_RUNNING:
        return COLOUR_GOOD;
    case PARTY_BLOCKED:
    case PARTY_ASIDE:
    case PARTY_PAUSED:
    case PARTY_GAVE_BACK:
        return COLOUR_WARNING;
    case PARTY_STOPPED:
    case PARTY_DEAD:
        return COLOUR_BAD;
    case PARTY_FINISHED:
    case PARTY_GONE:
    case PARTY_IN_COPY:
        return COLOUR_FAINT;
    case PARTY_ASLEEP:
        break;
    }
    return COLOUR_PLAIN;
}
