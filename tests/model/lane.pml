/* SPDX-License-Identifier: MIT */
/*
 * Lanes, leases, seats: what common/core/ring.c and common/queue/{seat,lane_schedule,get,put,lane,end_of_stream}.c do to
 * shared memory, one access per step, with a kill possible at every step. tests/model/model.sh runs it in several sizes,
 * and with planted faults that it must find.
 *
 * It follows these functions store by store, and must be changed with them:
 *
 *   ring.[ch]  ring_producer_init, ring_make_room, refresh_head, ring_append(_cells), ring_publish(_at);
 *              ring_lease, try_lease, fair_share, choose_batch, choose_short, pass_leased, write_intent, help_claim;
 *              ring_is_leased, ring_find_lease; ring_finish, ring_reclaim, reclaim_one; ring_is_drained
 *   put.c      shmq_put_many with put_portion, append_portion, append_short, append_others, publish; shmq_put and
 *              shmq_commit are special cases (the order of payload and descriptor does not matter: both come before
 *              tail)
 *   lane.c     what take_up and lane_finish do to a lane that is taken up again until it is finished
 *   lane_schedule.c  lane_schedule_lease with lease_from
 *   get.c      attempt, acknowledge, finish_batch, finish_in_ring, fill_buffer, shmq_hold
 *   seat.c     take_seat, find_intent, seat_work, claim_work, adopt_claimed, adopt_lease, adopt_held,
 *              seat_release_adopted, seat_detach
 *   end_of_stream.c  count_lanes and end_of_stream_is_drained with lane_is_drained and buffers_are_empty, for the end of
 *              the stream; positions_are_sane and head_can_move (OBSERVER)
 *
 * Not modelled: sleeping and waking (bell.pml, room.pml), attempts and statistics, damaged memory, calls that fail for
 * lack of memory, and several producers of one lane after it was finished. Memory is sequentially consistent;
 * unit_ring_threads.c and unit_litmus.c test weaker orders.
 *
 *   LANES, CELLS, MESSAGES   lanes, with one producer each; cells per lane (2 or 4); messages per lane
 *   CONSUMERS, SEATS         consumer processes, and seats for them
 *   PREFETCH, PORTION        the most records in a lease, and in one publication
 *   SIZES                    bit n: message n takes two cells, not one; -1: the producer chooses
 *   KILLS                    the most kills; -1: any number
 *   KILL_PRODUCERS, KILL_CONSUMERS   0: producers, or consumers, are not killed
 *   HOLD                     consumers may move the last message of a batch into their seat's buffer
 *   CLOSE                    consumers may leave while they hold messages
 *   GONE                     a killed consumer need not be replaced while another is alive
 *   OBSERVER                 an observer checks once, at any moment, whether a lane is drained, and must find no damage
 *   FINE_...                 splits what the other runs do in one step, for a reason that is given there
 *   FAULT_...                a planted fault
 *
 * Several reads are one step here only if what they read cannot change in between: what the holder of a byte reads of
 * its seat or lane, and descriptors between one look at the lease word and the next.
 */

#ifndef LANES
#define LANES 1
#endif
#ifndef CELLS
#define CELLS 2
#endif
#ifndef MESSAGES
#define MESSAGES 4
#endif
#ifndef CONSUMERS
#define CONSUMERS 2
#endif
#ifndef SEATS
#define SEATS CONSUMERS
#endif
#ifndef PREFETCH
#define PREFETCH 2
#endif
#ifndef PORTION
#define PORTION 2
#endif
#ifndef SIZES
#define SIZES 4
#endif
#ifndef KILLS
#define KILLS -1
#endif
#ifndef KILL_PRODUCERS
#define KILL_PRODUCERS 1
#endif
#ifndef KILL_CONSUMERS
#define KILL_CONSUMERS 1
#endif

/* Positions only grow. The first lap is 1, so words of fresh memory are older than any other. */
#define FIRST CELLS
#define INDEX(p) ((p) % CELLS)
#define LAP(p) ((p) / CELLS)

/* The lease word: {lap 3, span - 1 2, seat 2, done 1} */
#define WORD(p, span, seat) ((LAP(p) << 5) | (((span) - 1) << 3) | ((seat) << 1))
#define WORD_LAP(w) ((w) >> 5)
#define WORD_SPAN(w) ((((w) >> 3) & 3) + 1)
#define WORD_SEAT(w) (((w) >> 1) & 3)
#define WORD_DONE(w) ((w) & 1)

typedef Lane {
    byte tail;
    byte claim;
    byte head;
    byte word[CELLS];
    byte tag[CELLS];        /* of the descriptor: its position */
    byte message[CELLS];    /* payload, which says whose the cell is: message + 1 */
    bit large[CELLS];       /* of the descriptor: two cells */
    byte point_tail[2];     /* checkpoints */
    byte point_messages[2];
    bit finished;
    byte committed;         /* ghost: messages published */
};
Lane lane[LANES];

typedef Seat {
    byte holder;            /* of the seat's byte: process + 1; 0: nobody */
    byte intent_lane;
    byte intent_position;   /* 0: none ever */
    byte progress;
#ifdef HOLD
    bit held_valid;
    byte buffer;            /* the bit of the message in it */
#endif
};
Seat seat[SEATS];

/* Ghosts: sets of messages, one bit each. */
#define BIT(l, m) (1 << ((l) * MESSAGES + (m)))
#define EVERYTHING ((1 << (LANES * MESSAGES)) - 1)
byte acknowledged;
byte leased;              /* at any time */
byte moved;               /* out of the ring into a seat buffer */
byte held[CONSUMERS];     /* by a living consumer */
byte alive = CONSUMERS;

#define CHECK_ORDER(l)                                                                                                 \
    assert(lane[l].head <= lane[l].claim && lane[l].claim <= lane[l].tail && lane[l].tail <= lane[l].head + CELLS)

#if KILLS > 0
byte kills;
inline count_kill() {
    kills++
}
#else
#define kills 0
#define count_kill() skip
#endif

/* One step of a process, which may also be killed there. */
#define STEP(...)                                                                                                      \
    if                                                                                                                 \
    :: atomic { __VA_ARGS__ }                                                                                          \
    :: atomic { KILLABLE && (KILLS < 0 || kills < KILLS) -> count_kill(); goto killed }                                \
    fi

#ifdef FINE_LEASE
#define READS(...) __VA_ARGS__
#define READ(...) STEP(__VA_ARGS__)
#else
#define READS(...) STEP(__VA_ARGS__)
#define READ(...) __VA_ARGS__
#endif

#define SIZE_AT(l, p) (1 + lane[l].large[INDEX(p)])
#define RECORD_AT(l, p, limit) (lane[l].tag[INDEX(p)] == (p) && SIZE_AT(l, p) <= (limit) - (p))
#define MESSAGE_AT(l, p) (lane[l].message[INDEX(p)] - 1)

#define DONE_AT_HEAD(l)                                                                                                \
    (WORD_LAP(lane[l].word[INDEX(lane[l].head)]) == LAP(lane[l].head) && WORD_DONE(lane[l].word[INDEX(lane[l].head)]))

#ifdef FAULT_RECLAIM_WITHOUT_LAP
#define RECLAIMABLE(w, p) WORD_DONE(w)
#else
#define RECLAIMABLE(w, p) (WORD_LAP(w) == LAP(p) && WORD_DONE(w))
#endif

/* A compare-and-swap of claim from the value that was read. */
#define HELP_CLAIM(l, from, to)                                                                                        \
    if                                                                                                                 \
    :: lane[l].claim == (from) -> lane[l].claim = to; CHECK_ORDER(l)                                                   \
    :: else                                                                                                            \
    fi

#ifdef FAULT_RECLAIM_WITHOUT_CLAIM
#define CLAIM_FIRST skip
#else
#define CLAIM_FIRST HELP_CLAIM(l, head, head + WORD_SPAN(word))
#endif

#ifdef FINE_RECLAIM
#define H_STEPS(...) __VA_ARGS__
#define H_STEP(...) STEP(__VA_ARGS__)
#else
#define H_STEPS(...) STEP(__VA_ARGS__)
#define H_STEP(...) __VA_ARGS__
#endif

/* A compare-and-swap before head cannot succeed, so span and seat there no longer mean anything. */
inline forget_words() {
    do
    :: head < lane[l].head -> lane[l].word[INDEX(head)] = (LAP(head) << 5) | 1; head++
    :: else -> break
    od;
    head = 0
}

/* ring_reclaim, on lane l, with the locals head and word. */
inline reclaim(KILLABLE) {
    do
    :: H_STEPS(
       H_STEP(head = lane[l].head);
       H_STEP(word = lane[l].word[INDEX(head)];
            if
            :: RECLAIMABLE(word, head)
            :: else -> head = 0; word = 0; break
            fi);
       H_STEP(assert(head + WORD_SPAN(word) <= lane[l].tail); CLAIM_FIRST);
       H_STEP(if
            :: lane[l].head == head -> lane[l].head = head + WORD_SPAN(word); CHECK_ORDER(l); forget_words()
            :: else
            fi))
    od
}

/* ------------------------------------------------------------------ producers */

#define KILLABLE KILL_PRODUCERS

#ifdef FAULT_FULL_WITHOUT_RECLAIM
#define ROOM_MAY_COME(l) (lane[l].head != seen_head)
#else
#define ROOM_MAY_COME(l) (lane[l].head != seen_head || DONE_AT_HEAD(l))
#endif

inline write_cell(p) {
    assert(lane[l].message[INDEX(p)] == 0 || lane[l].message[INDEX(p)] - 1 >= lane[l].committed ||
           ((acknowledged | moved) & BIT(l, lane[l].message[INDEX(p)] - 1)) != 0);
    lane[l].message[INDEX(p)] = messages + 1
}

inline store_tail() {
    STEP(lane[l].tail = next; lane[l].committed = messages; CHECK_ORDER(l))
}

proctype Producer(byte l)
{
    byte next, messages, seen_head, head, word;
    byte portion;
    bit turn, large;

killed:
    /* The kernel has dropped the lock on the lane's byte, and a producer takes the lane up: ring_producer_init. */
    atomic {
        do
        :: next > lane[l].tail -> next--; lane[l].message[INDEX(next)] = 0
        :: else -> break
        od;
        next = lane[l].tail;
        seen_head = lane[l].head;
        head = 0;
        word = 0;
        portion = 0;
        large = 0;
        if
        :: lane[l].point_tail[0] == next -> turn = 1
        :: else -> turn = 0; assert(lane[l].point_tail[1] == next)
        fi;
        messages = lane[l].point_messages[1 - turn];
        assert(messages == lane[l].committed)
    }

    do
    :: messages == MESSAGES && portion == 0 -> break
    :: messages < MESSAGES && portion < PORTION ->
       if
       :: SIZES < 0 || (SIZES >> messages & 1) == 0 -> large = 0
       :: SIZES < 0 || (SIZES >> messages & 1) == 1 -> large = 1
       fi;
       if
       :: next + 1 + large <= seen_head + CELLS
       :: else ->
          if
          :: portion > 0 -> large = 0; goto publish
          :: else
          fi;
          do
          :: STEP(seen_head = lane[l].head);
             if
             :: next + 1 + large <= seen_head + CELLS -> break
             :: else
             fi;
#ifndef FAULT_FULL_WITHOUT_RECLAIM
             reclaim(KILL_PRODUCERS);
#endif
             STEP(seen_head = lane[l].head);
             if
             :: next + 1 + large <= seen_head + CELLS -> break
             :: else
             fi;
             /* Sleeps until another look would show something new. */
             ROOM_MAY_COME(l)
          od
       fi;
       STEP(write_cell(next); /* descriptor and payload */
            if
            :: large -> write_cell(next + 1)
            :: else
            fi;
            lane[l].tag[INDEX(next)] = next;
            lane[l].large[INDEX(next)] = large;
            next = next + 1 + large;
            messages++;
            portion++;
            large = 0)
    :: portion > 0 ->
publish:
#ifdef FAULT_TAIL_BEFORE_CHECKPOINT
       store_tail();
#endif
       STEP(lane[l].point_messages[turn] = messages);
       STEP(lane[l].point_tail[turn] = next; turn = 1 - turn);
#ifndef FAULT_TAIL_BEFORE_CHECKPOINT
       store_tail();
#endif
       portion = 0
    od;
    STEP(lane[l].finished = 1)
}

/* ------------------------------------------------------------------ consumers */

#undef KILLABLE
#define KILLABLE KILL_CONSUMERS

#define WORD_OF(s) lane[seat[s].intent_lane].word[INDEX(seat[s].intent_position)]
#define HOLDS_LEASE(s)                                                                                                 \
    (seat[s].intent_position != 0 && WORD_LAP(WORD_OF(s)) == LAP(seat[s].intent_position) && !WORD_DONE(WORD_OF(s)) && \
     WORD_SEAT(WORD_OF(s)) == (s))
#ifdef HOLD
#define HOLDS_MESSAGE(s) seat[s].held_valid
#else
#define HOLDS_MESSAGE(s) 0
#endif
#define LOADED(s) (HOLDS_LEASE(s) || HOLDS_MESSAGE(s))
#define LOOKS_ORPHANED(s) ((s) < SEATS && (s) != own && seat[(s) % SEATS].holder == 0 && LOADED((s) % SEATS))

#define NOTHING_TO_LEASE (lane[0].claim == lane[0].tail && lane[LANES - 1].claim == lane[LANES - 1].tail)
#define ALL_FINISHED (lane[0].finished && lane[LANES - 1].finished)
#define LOOKS_ENDED(l) (lane[l].head == lane[l].tail || DONE_AT_HEAD(l))
#define BUFFERS_EMPTY (!HOLDS_MESSAGE(0) && !HOLDS_MESSAGE(SEATS - 1) && !HOLDS_MESSAGE(SEATS / 2))

/* From here on the consumer holds @set, which comes from the descriptors of a batch of one or two records. */
inline take_held(set) {
    held[me] = set;
    assert(held[me] != 0);
    assert((held[me] & acknowledged) == 0);
    assert(CONSUMERS < 2 || (held[0] & held[CONSUMERS - 1]) == 0)
}

/* Messages of the batch [start, end) after the first `done`. */
inline take_batch() {
    assert(RECORD_AT(l, start, end) && MESSAGE_AT(l, start) >= 0 && MESSAGE_AT(l, start) < lane[l].committed);
    if
    :: start + SIZE_AT(l, start) == end -> assert(done == 0); take_held(BIT(l, MESSAGE_AT(l, start)))
    :: else ->
       assert(RECORD_AT(l, start + SIZE_AT(l, start), end));
       assert(start + SIZE_AT(l, start) + SIZE_AT(l, start + SIZE_AT(l, start)) == end);
       assert(MESSAGE_AT(l, start) + 1 < lane[l].committed);
       assert(done < 2);
       if
       :: done == 0 -> take_held(BIT(l, MESSAGE_AT(l, start)) | BIT(l, MESSAGE_AT(l, start) + 1))
       :: else -> take_held(BIT(l, MESSAGE_AT(l, start) + 1))
       fi
    fi
}

#define NEXT_HELD (held[me] & -held[me])

inline acknowledge_next() {
    assert((acknowledged & NEXT_HELD) == 0);
    assert(CONSUMERS > 1 || LANES > 1 || acknowledged == NEXT_HELD - 1); /* in order */
    acknowledged = acknowledged | NEXT_HELD;
    held[me] = held[me] & ~NEXT_HELD
}

inline release(s) {
    assert(seat[s].holder == me + 1);
    seat[s].holder = 0
}

#ifdef CLOSE
#define CLOSING 1
#else
#define CLOSING 0
#endif

/* Clears locals that no longer mean anything, so that equivalent states are equal. */
inline forget() {
    from = 0;
    l = 0;
    start = 0;
    end = 0;
    done = 0;
    tail = 0;
    word = 0;
    head = 0;
    i = 0;
    in_buffer = 0
}

#ifdef FINE_SEAT
#define forget_intent(s) skip
#define S_STEPS(...) __VA_ARGS__
#define S_STEP(...) STEP(__VA_ARGS__)
#else
#define S_STEPS(...) STEP(__VA_ARGS__)
#define S_STEP(...) __VA_ARGS__
inline forget_intent(s) {
    seat[s].intent_lane = 0;
    seat[s].intent_position = 0;
    seat[s].progress = 0
}
#endif

inline store_done() {
    assert(lane[l].word[INDEX(start)] == WORD(start, end - start, from));
    lane[l].word[INDEX(start)] = lane[l].word[INDEX(start)] | 1;
    forget_intent(from)
}

inline take_leased() {
    done = 0;
    word = 0;
    assert(!HOLDS_MESSAGE(own));
    take_batch();
    assert((leased & held[me]) == 0);
    leased = leased | held[me]
}
#ifdef FAULT_PROGRESS_NOT_RESET
#define RESET_PROGRESS skip
#else
#define RESET_PROGRESS seat[own].progress = 0
#endif

inline write_intent() {
    S_STEPS(S_STEP(seat[own].intent_lane = l);
    S_STEP(seat[own].intent_position = start);
    S_STEP(RESET_PROGRESS))
}

proctype Consumer(byte me)
{
    byte own;              /* seat */
    byte from;             /* the seat that it acts for, or looks at */
    byte l;
    byte start, end, done; /* the batch */
    byte tail, word, head;
    byte i;
    bit own_done; /* nothing is left in the own seat of its last owner */
    bit looked, in_buffer;

    goto attach;
killed:
    atomic {
        i = 0;
        do
        :: i < SEATS ->
           if
           :: seat[i].holder == me + 1 ->
              seat[i].holder = 0;
              if
              :: !HOLDS_LEASE(i) -> forget_intent(i)
              :: else
              fi
           :: else
           fi;
           i++
        :: else -> break
        od;
        held[me] = 0;
    }
#ifdef GONE
    if
    :: true
    :: atomic { alive > 1 -> alive--; forget(); goto gone }
    fi;
#endif
attach:
    atomic { forget(); own = 0 }
    do
    :: atomic { own < SEATS && seat[own].holder == 0 -> seat[own].holder = me + 1; break }
    :: atomic { own < SEATS && seat[own].holder != 0 -> own++ }
    :: atomic { own == SEATS -> seat[0].holder == 0 || seat[SEATS - 1].holder == 0 || seat[SEATS / 2].holder == 0; own = 0 }
    od;
    own_done = 0;
#ifdef FAULT_NEWCOMER_LEASES_FIRST
    own_done = 1;
#endif

idle: /* what the seat's last owner left may come after what other dead consumers left, but before any lease */
    if
    :: atomic { !own_done -> from = own; own_done = 1; goto adopt }
    :: atomic { own_done && lane[0].claim != lane[0].tail -> l = 0; goto lease }
#if LANES == 2
    :: atomic { own_done && lane[1].claim != lane[1].tail -> l = 1; goto lease }
#endif
    :: atomic { LOOKS_ORPHANED(0) -> from = 0; goto lock_orphan }
    :: atomic { LOOKS_ORPHANED(1) -> from = 1; goto lock_orphan }
    :: atomic { LOOKS_ORPHANED(2) -> from = 2; goto lock_orphan }
    :: atomic {
           own_done && NOTHING_TO_LEASE && ALL_FINISHED &&
               (!looked || (LOOKS_ENDED(0) && LOOKS_ENDED(LANES - 1) && BUFFERS_EMPTY)) -> l = 0; looked = 1; goto end_of_stream
       }
    fi;

    /* ---------------------------------------------------------------- try_lease, ring.c; start is the claim that was read */
lease:
    READS(READ(start = lane[l].claim);
    READ(tail = lane[l].tail;
         if
         :: start == tail -> forget(); goto idle
         :: else
         fi);
    READ(word = lane[l].word[INDEX(start)]);
    if
    :: WORD_LAP(word) == LAP(start) ->
       READ(assert(start + WORD_SPAN(word) <= lane[l].tail); HELP_CLAIM(l, start, start + WORD_SPAN(word)); forget(); goto idle)
    :: else
    fi;
    READ(if
         :: tail > start && tail - start <= CELLS && WORD_LAP(word) < LAP(start) && RECORD_AT(l, start, tail) ->
            end = start + SIZE_AT(l, start);
            if
            :: true /* a fair share of one record */
            :: PREFETCH == 2 && end < tail ->
               if
               :: RECORD_AT(l, end, tail) -> end = end + SIZE_AT(l, end)
               :: else -> end = 0
               fi
            fi
         :: else -> end = 0
         fi);
    if
    :: end == 0 -> /* a sound queue must not be called damaged */
       READ(assert(lane[l].word[INDEX(start)] != word || lane[l].claim != start); forget(); goto idle)
    :: else
    fi;
    tail = 0);
#ifdef FAULT_CLAIM_IS_TRUTH
    write_intent();
    STEP(if
         :: lane[l].claim == start -> lane[l].claim = end
         :: else -> forget(); goto idle
         fi);
    STEP(lane[l].word[INDEX(start)] = WORD(start, end - start, own); take_leased());
#else
#ifndef FAULT_LEASE_BEFORE_INTENT
    write_intent();
#endif
    STEP(if /* L1 */
         :: lane[l].word[INDEX(start)] == word ->
            lane[l].word[INDEX(start)] = WORD(start, end - start, own);
            take_leased()
         :: else -> forget_intent(own); forget(); goto idle
         fi);
#ifdef FAULT_LEASE_BEFORE_INTENT
    write_intent();
#endif
    STEP(HELP_CLAIM(l, start, end));
#endif
    from = own;
    looked = 0;

    /* ---------------------------------------------------------------- acknowledging, get.c */
work:
    word = 0;
    do
    :: held[me] != NEXT_HELD -> STEP(done++; seat[from].progress = done; acknowledge_next())
    :: held[me] == NEXT_HELD -> break
#ifdef CLOSE
    :: goto close
#endif
    od;
#ifdef HOLD
    if
    :: in_buffer -> goto finish_held
    :: else
    fi;
#endif
    if
    :: true
#ifdef CLOSE
    :: goto close
#endif
#ifdef HOLD
    :: STEP(seat[from].buffer = held[me]);
       STEP(seat[from].held_valid = 1);
       STEP(store_done(); moved = moved | held[me]; in_buffer = 1);
       goto finished
#endif
    fi;
#ifdef FAULT_HEAD_BEFORE_DONE
    STEP(if
         :: lane[l].head == start -> lane[l].head = end; CHECK_ORDER(l)
         :: else
         fi);
#endif
    STEP(store_done(); acknowledge_next()); /* A1 */
finished:
    atomic { start = 0; end = 0; done = 0 }
    reclaim(KILL_CONSUMERS);
#ifdef HOLD
    if
    :: in_buffer ->
finish_held:
#ifdef CLOSE
       if
       :: true
       :: goto close
       fi;
#endif
       STEP(seat[from].held_valid = 0; seat[from].buffer = 0; acknowledge_next(); in_buffer = 0)
    :: else
    fi;
#endif
    if
    :: from != own -> STEP(release(from))
    :: else
    fi;
    forget();
    goto idle;

    /* ---------------------------------------------------------------- adopting, seat.c */
lock_orphan:
#ifdef FAULT_ADOPT_WITHOUT_RECHECK
    atomic { l = seat[from].intent_lane; start = seat[from].intent_position; end = start + WORD_SPAN(WORD_OF(from)) }
#endif
    STEP(if
         :: seat[from].holder == 0 -> seat[from].holder = me + 1
#ifdef FAULT_ADOPT_WITHOUT_BYTE
         :: seat[from].holder != 0
#else
         :: else -> forget(); goto idle
#endif
         fi);
#ifdef FAULT_ADOPT_WITHOUT_RECHECK
    STEP(done = seat[from].progress; take_batch(); looked = 0);
    goto work;
#endif
adopt:
    STEP(if
#ifdef FAULT_BUFFER_BEFORE_WORD
         :: HOLDS_LEASE(from) && !HOLDS_MESSAGE(from) ->
#else
         :: HOLDS_LEASE(from) ->
#endif
            l = seat[from].intent_lane;
            start = seat[from].intent_position;
            end = start + WORD_SPAN(WORD_OF(from));
            done = seat[from].progress;
            assert(KILLS != 0 || CLOSING);
            take_batch();
            looked = 0
#ifdef HOLD
#ifdef FAULT_BUFFER_BEFORE_WORD
         :: HOLDS_MESSAGE(from) ->
#else
         :: !HOLDS_LEASE(from) && HOLDS_MESSAGE(from) ->
#endif
            take_held(seat[from].buffer);
            in_buffer = 1;
            looked = 0
#endif
         :: !LOADED(from) -> 
            if
            :: from != own && seat[from].holder == me + 1 -> release(from)
            :: else
            fi;
            forget();
            goto idle
         fi);
#ifdef HOLD
    if
    :: !in_buffer -> STEP(seat[from].held_valid = 0; seat[from].buffer = 0)
    :: else
    fi;
#endif
    goto work;

    /* ---------------------------------------------------------------- the end of the stream, end_of_stream.c; all lanes were seen finished */
end_of_stream:
#ifdef FAULT_BUFFERS_BEFORE_LANES
    STEP(if
         :: BUFFERS_EMPTY
         :: else -> forget(); goto idle
         fi);
#endif
    do
    :: l < LANES ->
       i = 0;
       do
       :: STEP(head = lane[l].head);
          STEP(if
               :: head == lane[l].tail -> head = 0; break
               :: head != lane[l].tail && i == 0 -> i = 1; head = 0
               :: head != lane[l].tail && i == 1 -> forget(); goto idle
               fi);
          reclaim(KILL_CONSUMERS)
       od;
       l++
    :: else -> break
    od;
    i = 0;
#if defined(HOLD) && !defined(FAULT_BUFFERS_BEFORE_LANES)
    do
    :: i < SEATS ->
       STEP(if
            :: HOLDS_MESSAGE(i) -> forget(); goto idle
            :: else -> i++
            fi)
    :: else -> break
    od;
#endif
    atomic {
        assert(acknowledged == EVERYTHING);
        forget();
        release(own);
        own = 0;
        goto gone
    }

    /* ---------------------------------------------------------------- seat_detach; the mark that it leaves is only for people */
close:
    atomic { held[me] = 0; start = 0; end = 0; done = 0; in_buffer = 0 }
    if
    :: from != own -> STEP(release(from))
    :: else
    fi;
    STEP(release(own));
    goto attach;

gone:
    skip
}

/* lane_is_drained, end_of_stream.c: whatever happens between two loads, a sound lane is not called damaged. */
proctype Observer()
{
    byte head, claim, tail, word, s;

    head = lane[0].head;
    claim = lane[0].claim;
    tail = lane[0].tail;
    atomic { assert(head <= claim && claim <= tail && (tail - head <= CELLS || lane[0].head != head)); tail = 0 }
    head = lane[0].head;
    claim = lane[0].claim;
    atomic {
        word = lane[0].word[INDEX(head)];
        if
        :: head == claim || WORD_DONE(word) -> goto sound
        :: head != claim && !WORD_DONE(word) && WORD_LAP(word) != LAP(head) -> goto look_again
        :: else -> s = WORD_SEAT(word); assert(s < SEATS); claim = 0
        fi
    }
    if
    :: atomic { seat[s].intent_position == head -> goto sound }
    :: atomic { seat[s].intent_position != head -> s = 0 }
    fi;
look_again:
    if
    :: atomic { lane[0].head != head -> goto sound }
    :: atomic { lane[0].head == head -> assert(lane[0].word[INDEX(head)] != word) }
    fi;
sound:
    atomic { head = 0; claim = 0; tail = 0; word = 0; s = 0 }
}

init {
    atomic {
        byte n = 0;
        do
        :: n < LANES ->
           lane[n].tail = FIRST;
           lane[n].claim = FIRST;
           lane[n].head = FIRST;
           lane[n].point_tail[0] = FIRST;
           run Producer(n);
           n++
        :: else -> break
        od;
        n = 0;
        do
        :: n < CONSUMERS -> run Consumer(n); n++
        :: else -> break
        od;
        n = 0;
#ifdef OBSERVER
        run Observer()
#endif
    }
    _nr_pr == 1;
    assert(acknowledged == EVERYTHING && lane[0].head == lane[0].tail)
}
