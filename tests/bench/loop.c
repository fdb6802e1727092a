/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The least a Modbus master can do: reads all registers of a device in requests of 125, again and again, until it is killed.
 *
 *   loop PORT REGISTERS
 */
#include <errno.h>
#include <modbus.h>
#include <stdio.h>
#include <stdlib.h>

int main(int count, char **words)
{
    uint16_t registers[MODBUS_MAX_READ_REGISTERS];
    modbus_t *modbus = count == 3 ? modbus_new_tcp("127.0.0.1", atoi(words[1])) : NULL;
    if (modbus != NULL && modbus_set_slave(modbus, 1) == 0 && modbus_connect(modbus) == 0) {
        int last = atoi(words[2]) - MODBUS_MAX_READ_REGISTERS, read = 0;
        while (read >= 0) {
            for (int first = 0; first <= last && read >= 0; first += MODBUS_MAX_READ_REGISTERS) {
                read = modbus_read_registers(modbus, first, MODBUS_MAX_READ_REGISTERS, registers);
            }
        }
    }
    fprintf(stderr, "loop: %s\n", modbus_strerror(errno));
    return 1;
}
