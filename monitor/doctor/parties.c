/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "common/cli/process_state.h"
#include "common/cli/say.h"
#include "common/cli/units.h"
#include "common/cli/why.h"
#include "monitor/doctor/doctor.h"

/* What a consumer has had for so long is told; and for so long, somebody should look at it. */
#define LEASE_TOLD_NS INT64_C(10000000000)
#define LONG_LEASE_NS INT64_C(60000000000)

enum { NEARLY_FULL_PERCENT = 75 };
enum { REMEDY_BYTES = SHMQ_NAME_MAX + 160 };

static uint32_t count_producers(const struct patient *patient, enum party_state state)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < patient->snapshot.lane_count; i++)
        count += why_producer(&patient->snapshot.lanes[i]) == state;
    return count;
}

/* @place: "lane" or "seat"; @role: whose it is */
static void say_all_taken(struct doctor *doctor, const char *name, const char *place, const char *role,
                          uint32_t count)
{
    char check[8];
    char remedy[48];
    char all[32] = "its only";
    (void)snprintf(check, sizeof(check), "%ss", place);
    (void)snprintf(remedy, sizeof(remedy), "make the queue with more --%ss", place);
    if (count > 1)
        (void)snprintf(all, sizeof(all), "all %" PRIu32, count);
    doctor_say(doctor, VERDICT_WARNING, name, check, remedy, "%s %s%s taken: another %s has to wait", all, place,
               count == 1 ? " is" : "s are", role);
}

/* ------------------------------------------------------------------ producers */

static void say_stopped_producer(struct doctor *doctor, const char *name, const struct shmq_lane_stat *lane)
{
    char remedy[64];
    (void)snprintf(remedy, sizeof(remedy), "'kill -CONT %jd'", (intmax_t)lane->pid);
    doctor_say(doctor, VERDICT_WARNING, name, "stopped", remedy, "producer %" PRIu32 " (%s, pid %jd) is stopped",
               lane->lane, lane->program, (intmax_t)lane->pid);
}

static void say_unfinished(struct doctor *doctor, const struct patient *patient)
{
    const struct shmq_stat *stat = &patient->snapshot.stat;
    char remedy[REMEDY_BYTES];
    (void)snprintf(remedy, sizeof(remedy),
                   "'%sproducer --resume' goes on, '%smonitor finish %s' ends the stream%s", say_prefix(),
                   say_prefix(), patient->name, stat->unfinished == 1 ? "" : "s");
    doctor_say(doctor, VERDICT_WARNING, patient->name, "unfinished", remedy,
               "%" PRIu32 " producer%s died before %s stream ended, so consumers end with 3", stat->unfinished,
               units_plural(stat->unfinished), stat->unfinished == 1 ? "its" : "their");
}

/* Puts without room are of no account as long as nothing was lost and there is room now: who tries again gets in.
 */
static void say_no_room(struct doctor *doctor, const struct patient *patient)
{
    const struct shmq_stat *stat = &patient->snapshot.stat;
    char also[64] = "";
    if (stat->refused == 0 || (stat->dropped == 0 && stat->fill_percent < NEARLY_FULL_PERCENT))
        return;
    if (stat->dropped > 0)
        (void)snprintf(also, sizeof(also), ", and %" PRIu64 " message%s dropped", stat->dropped,
                       stat->dropped == 1 ? " was" : "s were");
    else
        (void)snprintf(also, sizeof(also), ", and it is %" PRIu32 " %% full now", stat->fill_percent);
    doctor_say(doctor, VERDICT_WARNING, patient->name, "no-room",
               "start more consumers, or make the queue with a larger --capacity",
               "%" PRIu64 " put%s found no room%s", stat->refused, units_plural(stat->refused), also);
}

void doctor_producers(struct doctor *doctor, const struct patient *patient)
{
    const struct shmq_stat *stat = &patient->snapshot.stat;
    const char *name = patient->name;
    const uint32_t stopped = count_producers(patient, PARTY_STOPPED);
    for (uint32_t i = 0; i < patient->snapshot.lane_count; i++)
        if (why_producer(&patient->snapshot.lanes[i]) == PARTY_STOPPED)
            say_stopped_producer(doctor, name, &patient->snapshot.lanes[i]);
    if (stat->unfinished > 0)
        say_unfinished(doctor, patient);
    if (stat->producers >= stat->lanes)
        say_all_taken(doctor, name, "lane", "producer", stat->lanes);
    if (stat->blocked > 0 && stat->consumers == 0)
        doctor_say(doctor, VERDICT_WARNING, name, "full", "start a consumer",
                   "%" PRIu32 " producer%s for room, and no consumer is attached", stat->blocked,
                   stat->blocked == 1 ? " waits" : "s wait");
    say_no_room(doctor, patient);
    if (stopped == 0 && stat->unfinished == 0)
        doctor_say(doctor, VERDICT_OK, name, "producers", NULL,
                   "%" PRIu32 " producer%s alive, %" PRIu64 " finished", stat->producers,
                   units_plural(stat->producers), stat->finished);
}

/* ------------------------------------------------------------------ consumers */

static const struct shmq_lane_stat *find_lane(const struct patient *patient, uint32_t lane)
{
    for (uint32_t i = 0; i < patient->snapshot.lane_count; i++)
        if (patient->snapshot.lanes[i].lane == lane)
            return &patient->snapshot.lanes[i];
    return NULL;
}

/* Room that comes free only when the seat's batch is done: all that was leased behind it is done or not. */
static uint64_t held_up_bytes(const struct patient *patient, const struct shmq_seat_stat *seat)
{
    const struct shmq_lane_stat *lane = find_lane(patient, seat->lane);
    const bool first = lane != NULL && !seat->holding && seat->position == lane->head_position;
    return first && lane->claim_position > lane->head_position ? (lane->claim_position - lane->head_position) * 64
                                                               : 0;
}

static void say_holder(struct doctor *doctor, const struct patient *patient, const struct shmq_seat_stat *seat,
                       enum party_state state)
{
    const char *name = patient->name;
    const uint64_t bytes = held_up_bytes(patient, seat);
    char size[UNITS_SIZE];
    char room[UNITS_SIZE + 64] = "";
    char remedy[REMEDY_BYTES] = "start a consumer, which takes them over";
    if (bytes > 0)
        (void)snprintf(room, sizeof(room), "; until these are done, %s of lane %" PRIu32 " cannot be used again",
                       units_memory(size, bytes), seat->lane);
    if (state == PARTY_STOPPED) {
        (void)snprintf(remedy, sizeof(remedy), "'kill -CONT %jd', or 'kill -KILL %jd' to give them to others",
                       (intmax_t)seat->pid, (intmax_t)seat->pid);
        doctor_say(doctor, VERDICT_WARNING, name, "stopped", remedy,
                   "consumer %" PRIu32 " (%s, pid %jd) is stopped with %" PRIu64 " message%s%s", seat->seat,
                   seat->program, (intmax_t)seat->pid, seat->leased, units_plural(seat->leased), room);
        return;
    }
    doctor_say(doctor, VERDICT_WARNING, name, "left-behind", remedy,
               "consumer %" PRIu32 " %s with %" PRIu64 " message%s, which nobody has taken over%s", seat->seat,
               state == PARTY_DEAD ? "died" : "left", seat->leased, units_plural(seat->leased), room);
}

/* It may hang, or just take so long: that is for its user to say. Return: whether it has had something for long.
 */
static bool say_busy(struct doctor *doctor, const struct patient *patient, const struct shmq_seat_stat *seat)
{
    const struct shmq_stat *stat = &patient->snapshot.stat;
    const bool is_long = seat->leased_ns >= LONG_LEASE_NS;
    const uint64_t behind = stat->messages > stat->leased ? stat->messages - stat->leased : 0;
    char age[UNITS_SIZE];
    char rest[48] = "";
    char remedy[REMEDY_BYTES];
    if (behind > 0)
        (void)snprintf(rest, sizeof(rest), ", and %" PRIu64 " more wait%s", behind, behind == 1 ? "s" : "");
    (void)snprintf(remedy, sizeof(remedy),
                   "see what it does; 'kill -KILL %jd' gives %s to others; consumer --exec-timeout ends a command "
                   "that hangs",
                   (intmax_t)seat->pid, seat->leased == 1 ? "it" : "them");
    doctor_say(doctor, is_long ? VERDICT_WARNING : VERDICT_OK, patient->name, "held-long", is_long ? remedy : NULL,
               "consumer %" PRIu32 " (%s, pid %jd) has had %" PRIu64 " message%s for %s%s", seat->seat,
               seat->program, (intmax_t)seat->pid, seat->leased, units_plural(seat->leased),
               units_age(age, seat->leased_ns), rest);
    return is_long;
}

static bool is_busy(const struct shmq_seat_stat *seat, enum party_state state)
{
    return (state == PARTY_RUNNING || state == PARTY_ASLEEP) && seat->leased > 0 &&
           seat->leased_ns >= LEASE_TOLD_NS;
}

/* What a consumer is that others wait for. A living consumer takes over what the dead left within a tick. */
static bool is_ill(const struct patient *patient, const struct shmq_seat_stat *seat, enum party_state state)
{
    if (state == PARTY_STOPPED)
        return true;
    return (state == PARTY_DEAD || state == PARTY_GAVE_BACK) && patient->snapshot.stat.consumers == 0 &&
           seat->leased > 0;
}

static uint32_t count_hidden(const struct patient *patient)
{
    uint32_t hidden = 0;
    for (uint32_t i = 0; i < patient->snapshot.lane_count; i++) {
        const struct shmq_lane_stat *lane = &patient->snapshot.lanes[i];
        const enum process_state state = lane->alive ? process_state_of(lane->pid, lane->program) : PROCESS_RUNS;
        hidden += state == PROCESS_UNKNOWN || state == PROCESS_GONE;
    }
    for (uint32_t i = 0; i < patient->snapshot.seat_count; i++) {
        const struct shmq_seat_stat *seat = &patient->snapshot.seats[i];
        const bool own = seat->alive && seat->taken;
        const enum process_state state = own ? process_state_of(seat->pid, seat->program) : PROCESS_RUNS;
        hidden += state == PROCESS_UNKNOWN || state == PROCESS_GONE;
    }
    return hidden;
}

void doctor_consumers(struct doctor *doctor, const struct patient *patient)
{
    const struct shmq_stat *stat = &patient->snapshot.stat;
    const char *name = patient->name;
    const uint32_t hidden = count_hidden(patient);
    bool ill = false;
    for (uint32_t i = 0; i < patient->snapshot.seat_count; i++) {
        const struct shmq_seat_stat *seat = &patient->snapshot.seats[i];
        const enum party_state state = why_consumer(stat, seat);
        if (is_busy(seat, state))
            ill = say_busy(doctor, patient, seat) || ill;
        if (!is_ill(patient, seat, state))
            continue;
        say_holder(doctor, patient, seat, state);
        ill = true;
    }
    if (stat->consumers >= stat->seats)
        say_all_taken(doctor, name, "seat", "consumer", stat->seats);
    if (hidden > 0)
        doctor_say(doctor, VERDICT_OK, name, "hidden", "run this as root, where its processes run",
                   "%" PRIu32 " of its processes %s not visible here (another pid namespace, or hidepid): whether "
                   "they are stopped cannot be told",
                   hidden, hidden == 1 ? "is" : "are");
    if (!ill)
        doctor_say(doctor, VERDICT_OK, name, "consumers", NULL, "%" PRIu32 " consumer%s alive", stat->consumers,
                   units_plural(stat->consumers));
}
