/* SPDX-License-Identifier: MIT */
#include "common/queue/message_id.h"

#include <string.h>

#include "common/queue/handle.h"

_Static_assert(MESSAGE_ID_BATCH_BYTES + MESSAGE_ID_POSITION_BYTES <= SHMQ_ID_SIZE, "an id has room for its NUL");

/* Whoever forwards messages writes an id into each of them, so this must be fast: no printf, two digits at a time.
 */
size_t message_id_write_position(char *text, uint64_t position)
{
    char digits[MESSAGE_ID_POSITION_BYTES];
    size_t at = sizeof(digits);
    while (position >= 10) {
        const unsigned pair = (unsigned)(position % 100);
        position /= 100;
        digits[--at] = (char)('0' + pair % 10);
        digits[--at] = (char)('0' + pair / 10);
    }
    if (position > 0 || at == sizeof(digits))
        digits[--at] = (char)('0' + position);
    memcpy(text, digits + at, sizeof(digits) - at);
    return sizeof(digits) - at;
}

size_t message_id_write_batch(char *text, uint64_t queue_id, uint32_t lane)
{
    size_t bytes = 16;
    for (size_t i = 0; i < bytes; i++)
        text[i] = "0123456789abcdef"[queue_id >> (60 - 4 * i) & 15];
    text[bytes++] = '-';
    bytes += message_id_write_position(text + bytes, lane);
    text[bytes++] = '-';
    return bytes;
}

void shmq_message_id(const struct shmq *handle, const struct shmq_message *message, char *text)
{
    size_t bytes = message_id_write_batch(text, handle->object.queue_id, message->lane);
    bytes += message_id_write_position(text + bytes, message->position);
    text[bytes] = '\0';
}
