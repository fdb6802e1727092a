/* Stands between a program and the kernel's ioctl, as a serial driver that has an RS-485 mode would: writes down what is asked of
 * it with TIOCSRS485, byte by byte, says yes, and with TIOCGRS485 what it was asked last. Loaded with LD_PRELOAD; FOREBAY_RS485
 * names the file; with FOREBAY_RS485_DEAF it says yes and stays as it was. */
#define _GNU_SOURCE
#include <linux/serial.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* <asm-generic/ioctls.h>; the C library's own header can't be had beside a function called ioctl. */
#define GET_RS485 0x542E
#define SET_RS485 0x542F

/* Of the one port of such a test. */
static struct serial_rs485 mode;

int ioctl(int fd, unsigned long request, ...)
{
	va_list more;
	va_start(more, request);
	void *argument = va_arg(more, void *);
	va_end(more);
	const char *path = getenv("FOREBAY_RS485");
	if (request == SET_RS485 && path != NULL) {
		unsigned char bytes[sizeof(struct serial_rs485)];
		memcpy(bytes, argument, sizeof bytes);
		if (getenv("FOREBAY_RS485_DEAF") == NULL)
			memcpy(&mode, argument, sizeof mode);
		FILE *file = fopen(path, "a");
		if (file == NULL)
			return -1;
		for (size_t n = 0; n < sizeof bytes; n++)
			fprintf(file, "%02x", bytes[n]);
		/* And of which port. */
		char link[64], name[256];
		snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
		ssize_t length = readlink(link, name, sizeof name - 1);
		fprintf(file, " %.*s\n", (int)(length > 0 ? length : 0), name);
		return fclose(file);
	}
	if (request == GET_RS485 && path != NULL) {
		memcpy(argument, &mode, sizeof mode);
		return 0;
	}
	return (int)syscall(SYS_ioctl, fd, request, argument);
}
