/* SPDX-License-Identifier: MIT */
/*
 * Messages that are moved to another queue: move.c, with what it relies on in lane.c, source.c and ring.h. Each step is
 * one access to shared memory or one system call, and a mover may be killed between any two.
 *
 * It follows these functions (and has to be changed with them):
 *
 *   move.c     shmq_move, put_once; mover.c: mover_open_lane
 *   lane.c     lane_rank_with_source, lane_rank_without_source, choose_lane, take_up, mark_finished
 *   source.c   source_take_up
 *   ring.h     ring_write_cursor, ring_publish_at; ring.c: find_checkpoint
 *   seat.c     seat_adopt, as one step: who holds a seat's byte acts for the seat
 *
 * Not here: leases, batches and seats themselves (lane.pml); waiting.
 *
 *   MOVERS, SEATS, LANES, MESSAGES
 *   STRANGERS   how often another producer takes a lane of the destination, puts a message and finishes
 *   KILLS       how many at the most
 *   BATCH       movers copy batches of up to so many messages, in portions, and acknowledge them afterwards: forward.c,
 *               and mover.c: mover_came_to, shmq_mover_finish
 *   FAULT_...   a planted mistake
 *
 * Checked: no message is put or acknowledged twice, none is acknowledged before it is put, and in the end all are both.
 * With batches: in the end no lane of a mover is unfinished.
 */

#ifndef MOVERS
#define MOVERS 2
#endif
#ifndef SEATS
#define SEATS 2
#endif
#ifndef LANES
#define LANES 2
#endif
#ifndef MESSAGES
#define MESSAGES 3
#endif
#ifndef STRANGERS
#define STRANGERS 2
#endif
#ifndef KILLS
#define KILLS 3
#endif

#define NOBODY 255
#define STRANGER 100
#define IDENTITY(seat) ((seat) + 1) /* of the source that moves for a seat; 0: none */

#define UNUSED 0
#define ACTIVE 1
#define FINISHED 2

/* The queue that messages come from. */
byte next = 1;             /* message to be leased next */
byte leased[SEATS];        /* the oldest message of the seat's batch; 0: none */
byte seat_byte[SEATS];     /* who holds it */

/* The destination. */
byte lane_byte[LANES];
byte state[LANES];
byte source[LANES];
byte tail[LANES] = 1;
byte checkpoint_tail[LANES * 2];
byte checkpoint_cursor[LANES * 2];

byte kills;
byte strangers;
bit started;
byte ended;

/* Ghosts. */
byte put[MESSAGES + 1];
byte acknowledged[MESSAGES + 1];

#define CURRENT(l) ((checkpoint_tail[(l) * 2] == tail[l]) -> 0 : 1)
#define FREE(l) (lane_byte[l] == NOBODY)

/* A lane that a source without one may take: not one that waits for its own source. */
#ifdef FAULT_GIVES_AWAY_UNFINISHED
#define TAKABLE(l) (FREE(l))
#else
#define TAKABLE(l) (FREE(l) && state[l] != ACTIVE)
#endif
#define HAS(l, id) (state[l] != UNUSED && source[l] == (id))
#define UNFINISHED(l) (state[l] == ACTIVE && (source[l] == IDENTITY(0) || source[l] == IDENTITY(SEATS - 1)))

/* A step, or a death before it: the kernel drops all locks. */
#define STEP(action) \
    if \
    :: d_step { action } \
    :: d_step { kills < KILLS -> kills++; let_go() } -> goto dead \
    fi

inline let_go() {
    i = 0;
    do
    :: i < SEATS -> if :: seat_byte[i] == _pid -> seat_byte[i] = NOBODY :: else fi; i++
    :: else -> break
    od;
    i = 0;
    do
    :: i < LANES -> if :: lane_byte[i] == _pid -> lane_byte[i] = NOBODY :: else fi; i++
    :: else -> break
    od;
    i = 0; l = 0; seat = 0; m = 0; found = 0; identity = 0; turn = 0
}

/* Chooses a lane and locks it; the byte of all choosers makes this one step. Its own source's, or one that is free. */
inline choose(id) {
    if
    :: HAS(0, id) && FREE(0) -> l = 0
    :: !HAS(0, id) && HAS(LANES - 1, id) && FREE(LANES - 1) -> l = LANES - 1
    :: !HAS(0, id) && !HAS(LANES - 1, id) && TAKABLE(0) -> l = 0
    :: !HAS(0, id) && !HAS(LANES - 1, id) && TAKABLE(LANES - 1) -> l = LANES - 1
    fi;
    lane_byte[l] = _pid
}

/* lane_attach */
inline attach() {
    if
    :: atomic { (HAS(0, identity) || HAS(LANES - 1, identity) || TAKABLE(0) || TAKABLE(LANES - 1)) -> choose(identity) }
    :: d_step { kills < KILLS -> kills++; let_go() } -> goto dead
    fi;
    turn = CURRENT(l) ^ 1;
    STEP(checkpoint_cursor[l * 2 + turn] = checkpoint_cursor[l * 2 + (turn ^ 1)]);
    if
    :: source[l] != identity ->
        STEP(source[l] = 0);
        STEP(checkpoint_cursor[l * 2] = 0);
        STEP(checkpoint_cursor[l * 2 + 1] = 0);
        STEP(source[l] = identity)
    :: else
    fi;
    STEP(state[l] = ACTIVE);
}

#ifndef BATCH

active [MOVERS] proctype mover() {
    byte i, l, seat, m, found, identity, turn;

    started;
dead:
idle:
    /* A lease of its own, or what a dead one left: whoever holds the seat's byte acts for the seat. */
    do
    :: atomic { seat_byte[0] == NOBODY && (leased[0] != 0 || next <= MESSAGES) -> seat = 0; seat_byte[0] = _pid; break }
    :: atomic { seat_byte[SEATS - 1] == NOBODY && (leased[SEATS - 1] != 0 || next <= MESSAGES) ->
        seat = SEATS - 1; seat_byte[SEATS - 1] = _pid; break }
    :: atomic { next > MESSAGES && leased[0] == 0 && leased[SEATS - 1] == 0 -> goto done }
    od;
    if
    :: d_step { leased[seat] == 0 && next <= MESSAGES -> leased[seat] = next; next++ }
    :: d_step { leased[seat] == 0 && next > MESSAGES -> seat_byte[seat] = NOBODY; seat = 0 } -> goto idle
    :: leased[seat] != 0
    fi;
    m = leased[seat];
#ifdef FAULT_OWN_IDENTITY
    identity = IDENTITY(_pid + SEATS);
#else
    identity = IDENTITY(seat);
#endif

#ifdef FAULT_ACKNOWLEDGES_FIRST
    STEP(leased[seat] = 0; acknowledged[m]++);
#endif

    attach();

    /* put_once */
    STEP(found = checkpoint_cursor[l * 2 + (turn ^ 1)]);
    if
#ifdef FAULT_IGNORES_CURSOR
    :: true ->
#else
    :: found != m ->
#endif
#ifdef FAULT_CURSOR_AFTER_PUBLISHING
        STEP(checkpoint_tail[l * 2 + turn] = tail[l] + 1);
        STEP(tail[l] = tail[l] + 1; put[m]++);
        STEP(checkpoint_cursor[l * 2 + turn] = m)
#else
        STEP(checkpoint_cursor[l * 2 + turn] = m);
        STEP(checkpoint_tail[l * 2 + turn] = tail[l] + 1);
        STEP(tail[l] = tail[l] + 1; put[m]++)
#endif
    :: else
    fi;
    assert(put[m] <= 1);

#ifdef FAULT_FINISHES_FIRST
    STEP(state[l] = FINISHED);
    STEP(lane_byte[l] = NOBODY);
#endif

#ifndef FAULT_ACKNOWLEDGES_FIRST
    STEP(leased[seat] = 0; acknowledged[m]++);
#endif
    assert(acknowledged[m] <= 1 && put[m] == 1);

#ifndef FAULT_FINISHES_FIRST
    STEP(state[l] = FINISHED);
    STEP(lane_byte[l] = NOBODY);
#endif
    d_step { seat_byte[seat] = NOBODY; i = 0; l = 0; seat = 0; m = 0; found = 0; identity = 0; turn = 0 };
    goto idle;

done:
    ended++
}

#else /* BATCH */

byte first[SEATS]; /* of the seat's batch */
byte last[SEATS];

inline acknowledge_all() {
    do
    :: leased[seat] != 0 ->
        STEP(acknowledged[leased[seat]]++; leased[seat] = (leased[seat] == last[seat] -> 0 : leased[seat] + 1))
    :: else -> break
    od
}

active [MOVERS] proctype mover() {
    byte i, l, seat, m, p, found, identity, turn;

    started;
dead:
idle:
    do
    :: atomic { seat_byte[0] == NOBODY && (leased[0] != 0 || next <= MESSAGES) -> seat = 0; seat_byte[0] = _pid; break }
    :: atomic { seat_byte[SEATS - 1] == NOBODY && (leased[SEATS - 1] != 0 || next <= MESSAGES) ->
        seat = SEATS - 1; seat_byte[SEATS - 1] = _pid; break }
    :: atomic { next > MESSAGES && leased[0] == 0 && leased[SEATS - 1] == 0 -> goto finish }
    od;
    if
    :: d_step { leased[seat] == 0 && next <= MESSAGES ->
        first[seat] = next;
        last[seat] = (next + BATCH - 1 < MESSAGES -> next + BATCH - 1 : MESSAGES);
        leased[seat] = next;
        next = last[seat] + 1 }
    :: d_step { leased[seat] == 0 && next > MESSAGES -> seat_byte[seat] = NOBODY; seat = 0 } -> goto idle
    :: leased[seat] != 0
    fi;
#ifdef FAULT_OWN_IDENTITY
    identity = IDENTITY(_pid + SEATS);
#else
    identity = IDENTITY(seat);
#endif
    attach();

    /* mover_came_to */
    STEP(found = checkpoint_cursor[l * 2 + (turn ^ 1)]);
    m = leased[seat];
#ifndef FAULT_IGNORES_CURSOR
    if
    :: found >= m && found <= last[seat] -> m = found + 1
    :: else
    fi;
#endif

#ifdef FAULT_ACKNOWLEDGES_FIRST
    acknowledge_all();
#endif

    /* put_portion: one message, or all that are left */
    do
    :: m <= last[seat] ->
        if
        :: p = m
        :: m < last[seat] -> p = last[seat]
        fi;
#ifdef FAULT_CURSOR_OF_THE_FIRST
        STEP(checkpoint_cursor[l * 2 + turn] = m);
#else
        STEP(checkpoint_cursor[l * 2 + turn] = p);
#endif
        STEP(checkpoint_tail[l * 2 + turn] = tail[l] + (p - m + 1));
        STEP(tail[l] = tail[l] + (p - m + 1); do :: m <= p -> put[m]++; assert(put[m] == 1); m++ :: else -> break od);
        turn = turn ^ 1
    :: else -> break
    od;

#ifndef FAULT_ACKNOWLEDGES_FIRST
    acknowledge_all();
#endif

    /* It lets go of the lane, which stays unfinished, then of the seat. */
    STEP(lane_byte[l] = NOBODY);
    d_step { seat_byte[seat] = NOBODY; i = 0; l = 0; seat = 0; m = 0; p = 0; found = 0; identity = 0; turn = 0 };
    goto idle;

finish:
    l = 0;
#ifndef FAULT_LEAVES_DEAD
    do
    :: l < LANES ->
        if
        :: !(FREE(l) && UNFINISHED(l))
        :: atomic { FREE(l) && UNFINISHED(l) -> lane_byte[l] = _pid };
            STEP(state[l] = FINISHED);
            STEP(lane_byte[l] = NOBODY)
        fi;
        l++
    :: else -> break
    od;
#endif
    ended++
}

#endif

/* Another producer, which takes whatever lane it may have. */
active proctype stranger() {
    byte l, turn;

    started;
    do
    :: strangers < STRANGERS ->
        if
        :: atomic { TAKABLE(0) -> l = 0; lane_byte[0] = _pid; strangers++ }
        :: atomic { TAKABLE(LANES - 1) -> l = LANES - 1; lane_byte[LANES - 1] = _pid; strangers++ }
        :: atomic { next > MESSAGES && leased[0] == 0 && leased[SEATS - 1] == 0 -> break }
        fi;
        turn = CURRENT(l) ^ 1;
        checkpoint_cursor[l * 2 + turn] = checkpoint_cursor[l * 2 + (turn ^ 1)];
        source[l] = 0;
        checkpoint_cursor[l * 2] = 0;
        checkpoint_cursor[l * 2 + 1] = 0;
        source[l] = STRANGER;
        state[l] = ACTIVE;
        checkpoint_tail[l * 2 + turn] = tail[l] + 1;
        tail[l] = tail[l] + 1;
        state[l] = FINISHED;
        lane_byte[l] = NOBODY
    :: else -> break
    od
}

init {
    byte i;
    d_step {
        do
        :: i < SEATS -> seat_byte[i] = NOBODY; i++
        :: else -> break
        od;
        i = 0;
        do
        :: i < LANES -> lane_byte[i] = NOBODY; checkpoint_tail[i * 2] = 1; i++
        :: else -> break
        od;
        i = 0
    };
    started = 1;
    ended == MOVERS;
    do
    :: i < MESSAGES -> i++; assert(put[i] == 1 && acknowledged[i] == 1)
    :: else -> break
    od;
#ifdef BATCH
    i = 0;
    do
    :: i < LANES -> assert(!UNFINISHED(i)); i++
    :: else -> break
    od
#endif
}
