/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A master nobody here wrote: libmodbus's client, asking the gateway's own Modbus server.
 *
 *   client [--stale] tcp PORT
 *   client [--stale] rtu DEVICE BAUD PARITY
 *
 * The site it expects: `level` (float32, 12.5, only read) in 4x:1, `gate_sp` (int16, 7, up to 100, written) in 4x:3,
 * nothing in 4x:5, `pump` (bool, off, written) in 0x:1, and 4x:100 not there at all. With --stale the device behind
 * `level` is gone. One JSON line per check, as the other peers print them; exit code 0 when all held.
 */
#include <errno.h>
#include <math.h>
#include <modbus.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* No peer runs past its deadline. */
enum { DEADLINE_S = 60 };

static int passed, failed;

static void check(const char *what, bool good)
{
    if (good) {
        passed++;
        printf("{\"check\": \"%s\", \"ok\": true}\n", what);
    } else {
        failed++;
        printf("{\"check\": \"%s\", \"ok\": false, \"got\": \"%s\"}\n", what, modbus_strerror(errno));
    }
    fflush(stdout);
}

/* Whether a call failed with this exception of the other side. */
static bool refused(int result, int with) { return result == -1 && errno == with; }

static void reads(modbus_t *modbus)
{
    uint16_t words[5] = {0};
    check("a float's two registers", modbus_read_registers(modbus, 0, 2, words) == 2);
    check("and its value", fabsf(modbus_get_float_abcd(words) - 12.5f) < 1e-6f);
    check("the whole span", modbus_read_registers(modbus, 0, 5, words) == 5 && words[2] == 7 && words[4] == 0);
    check("no such register", refused(modbus_read_registers(modbus, 99, 1, words), EMBXILADD));
    check("no such file", refused(modbus_read_input_registers(modbus, 0, 1, words), EMBXILADD));
    check("no such function", refused(modbus_write_and_read_registers(modbus, 2, 1, words, 2, 1, words), EMBXILFUN));
}

static void writes(modbus_t *modbus)
{
    uint16_t word = 0, two[2] = {43, 0};
    uint8_t bit = 0, on = 1;
    check("one register", modbus_write_register(modbus, 2, 42) == 1);
    check("reads back", modbus_read_registers(modbus, 2, 1, &word) == 1 && word == 42);
    check("registers as a block", modbus_write_registers(modbus, 2, 1, two) == 1);
    check("reads back as well", modbus_read_registers(modbus, 2, 1, &word) == 1 && word == 43);
    check("over its limit: the owner refuses", refused(modbus_write_register(modbus, 2, 101), EMBXSFAIL));
    check("what was refused isn't there", modbus_read_registers(modbus, 2, 1, &word) == 1 && word == 43);
    check("a register without a tag isn't written", refused(modbus_write_register(modbus, 4, 1), EMBXILADD));
    check("half a number isn't written", refused(modbus_write_register(modbus, 0, 1), EMBXILVAL));
    check("one coil", modbus_write_bit(modbus, 0, true) == 1);
    check("reads back on", modbus_read_bits(modbus, 0, 1, &bit) == 1 && bit == 1);
    on = 0;
    check("coils as a block", modbus_write_bits(modbus, 0, 1, &on) == 1);
    check("reads back off", modbus_read_bits(modbus, 0, 1, &bit) == 1 && bit == 0);
}

/* To all units of a serial line: nobody answers, and it is done. */
static void broadcast(modbus_t *modbus)
{
    uint16_t word = 0;
    int answered;
    modbus_set_slave(modbus, MODBUS_BROADCAST_ADDRESS);
    modbus_set_response_timeout(modbus, 0, 500000);
    answered = modbus_write_register(modbus, 2, 44);
    check("a broadcast has no answer", refused(answered, ETIMEDOUT));
    modbus_set_slave(modbus, 1);
    modbus_set_response_timeout(modbus, 10, 0);
    /* Its owner reads it back, and then it is there. The alarm ends this if it never is. */
    while (modbus_read_registers(modbus, 2, 1, &word) == 1 && word != 44) usleep(50000);
    check("a broadcast is carried out", word == 44);
    check("and undone", modbus_write_register(modbus, 2, 43) == 1);
}

static void stale(modbus_t *modbus)
{
    uint16_t words[2];
    check("an old number is an exception", refused(modbus_read_registers(modbus, 0, 2, words), EMBXSFAIL));
    check("a register of no tag goes on", modbus_read_registers(modbus, 4, 1, words) == 1);
    check("nothing is written to a device that is gone", refused(modbus_write_register(modbus, 2, 1), EMBXSFAIL));
}

int main(int count, char **words)
{
    bool is_stale = count > 1 && strcmp(words[1], "--stale") == 0, is_serial;
    modbus_t *modbus = NULL;
    count -= is_stale;
    words += is_stale;
    is_serial = count == 5 && strcmp(words[1], "rtu") == 0;
    if (count == 3 && strcmp(words[1], "tcp") == 0) {
        modbus = modbus_new_tcp("127.0.0.1", atoi(words[2]));
    } else if (is_serial) {
        modbus = modbus_new_rtu(words[2], atoi(words[3]), words[4][0], 8, 1);
    } else {
        fputs("usage: client [--stale] tcp PORT | client [--stale] rtu DEVICE BAUD PARITY\n", stderr);
        return 2;
    }
    alarm(DEADLINE_S);
    /* A write is answered when the device behind the gateway has read it back. */
    if (modbus != NULL) modbus_set_response_timeout(modbus, 10, 0);
    if (modbus == NULL || modbus_set_slave(modbus, 1) != 0 || modbus_connect(modbus) != 0) {
        fprintf(stderr, "client: connecting: %s\n", modbus_strerror(errno));
        return 1;
    }
    if (is_stale) {
        stale(modbus);
    } else {
        reads(modbus);
        writes(modbus);
        if (is_serial) broadcast(modbus);
    }
    modbus_close(modbus);
    modbus_free(modbus);
    printf("{\"passed\": %d, \"failed\": %d}\n", passed, failed);
    return passed > 0 && failed == 0 ? 0 : 1;
}
