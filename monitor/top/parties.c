/* SPDX-License-Identifier: MIT */
#include "monitor/top/parties.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/cli/units.h"
#include "common/cli/why.h"
#include "monitor/top/text.h"

#define TOLD_NS INT64_C(1000000000) /* what a consumer has had for less is on its way */

enum { WHO_COLUMNS = 13, PID_COLUMNS = 7, PROGRAM_COLUMNS = 15, RATE_COLUMNS = 7, HAS_COLUMNS = 6 };

struct party {
    char who[TEXT_SIZE];
    pid_t pid;
    const char *program;
    double rate;
    uint64_t has;
    enum party_state state;
    char since[TEXT_SIZE + 16]; /* how long it has been doing so; "": unknown */
};

void parties_heading(struct canvas *canvas, int row, const struct snapshot *snapshot, size_t first, int rows)
{
    const size_t count = (size_t)snapshot->lane_count + snapshot->seat_count;
    int at = 0;
    canvas_style_row(canvas, row, STYLE_HEAD);
    canvas_text(canvas, row, at, WHO_COLUMNS, STYLE_HEAD, "WHO");
    canvas_text_right(canvas, row, at += WHO_COLUMNS, PID_COLUMNS, STYLE_HEAD, "PID");
    canvas_text(canvas, row, at += PID_COLUMNS + 1, PROGRAM_COLUMNS, STYLE_HEAD, "PROGRAM");
    canvas_text_right(canvas, row, at += PROGRAM_COLUMNS, RATE_COLUMNS, STYLE_HEAD, "/S");
    canvas_text_right(canvas, row, at += RATE_COLUMNS, HAS_COLUMNS + 1, STYLE_HEAD, "HAS");
    at += HAS_COLUMNS + 2;
    at += canvas_text(canvas, row, at, canvas->columns - at, STYLE_HEAD, "STATE ");
    if (rows > 0 && count > (size_t)rows)
        canvas_print(canvas, row, at, canvas->columns - at, STYLE_HEAD, "(%zu to %zu of %zu)", first + 1,
                     first + (size_t)rows < count ? first + (size_t)rows : count, count);
}

static void describe_producer(struct party *party, const struct shmq_lane_stat *lane, const struct rates *rates)
{
    char text[TEXT_SIZE];
    *party = (struct party){.pid = lane->pid, .program = lane->program, .has = lane->messages};
    snprintf(party->who, sizeof(party->who), "producer %" PRIu32, lane->lane);
    party->rate = rates_of_lane(rates, lane->lane);
    party->state = why_producer(lane);
    if (lane->alive && lane->blocked_for_ns > 0)
        snprintf(party->since, sizeof(party->since), ", for %s", units_age(text, lane->blocked_for_ns));
    else if (!lane->alive && lane->messages > 0)
        snprintf(party->since, sizeof(party->since), ", oldest %s", units_age(text, lane->oldest_ns));
}

static void describe_consumer(struct party *party, const struct shmq_stat *queue,
                              const struct shmq_seat_stat *seat, const struct rates *rates)
{
    char text[TEXT_SIZE];
    *party = (struct party){.pid = seat->pid, .program = seat->program, .has = seat->leased};
    snprintf(party->who, sizeof(party->who), "consumer %" PRIu32, seat->seat);
    party->rate = rates_of_seat(rates, seat->seat);
    party->state = why_consumer(queue, seat);
    if (seat->aside)
        snprintf(party->since, sizeof(party->since), ", %s left", units_age(text, seat->aside_left_ns));
    else if (seat->leased > 0 && seat->leased_ns >= TOLD_NS)
        snprintf(party->since, sizeof(party->since), ", has had %s %s", seat->leased == 1 ? "it" : "them",
                 units_age(text, seat->leased_ns));
}

static enum style style_of(enum party_state state)
{
    switch (state) {
    case PARTY_RUNNING:
        return STYLE_GOOD;
    case PARTY_BLOCKED:
    case PARTY_ASIDE:
    case PARTY_PAUSED:
        return STYLE_WARNING;
    case PARTY_STOPPED:
    case PARTY_DEAD:
        return STYLE_BAD;
    default:
        return STYLE_FAINT;
    }
}

void parties_draw(struct canvas *canvas, int row, const struct watched *watched, size_t index)
{
    const struct snapshot *snapshot = &watched->snapshot;
    struct party party;
    char text[TEXT_SIZE];
    int at = 0;
    if (index < snapshot->lane_count)
        describe_producer(&party, &snapshot->lanes[index], &watched->rates);
    else if (index - snapshot->lane_count < snapshot->seat_count)
        describe_consumer(&party, &snapshot->stat, &snapshot->seats[index - snapshot->lane_count],
                          &watched->rates);
    else
        return;
    canvas_text(canvas, row, at, WHO_COLUMNS, STYLE_PLAIN, party.who);
    snprintf(text, sizeof(text), "%d", (int)party.pid);
    canvas_text_right(canvas, row, at += WHO_COLUMNS, PID_COLUMNS, STYLE_PLAIN, party.pid != 0 ? text : "-");
    canvas_text(canvas, row, at += PID_COLUMNS + 1, PROGRAM_COLUMNS, STYLE_PLAIN, party.program);
    canvas_text_right(canvas, row, at += PROGRAM_COLUMNS, RATE_COLUMNS, STYLE_PLAIN, text_rate(text, party.rate));
    canvas_text_right(canvas, row, at += RATE_COLUMNS, HAS_COLUMNS + 1, STYLE_PLAIN,
                      units_count(text, (double)party.has));
    canvas_print(canvas, row, at + HAS_COLUMNS + 2, canvas->columns, style_of(party.state), "%s%s",
                 why_state_text(party.state), party.since);
}
