/* SPDX-License-Identifier: GPL-2.0-only */
/* What the requests of one file need of another. */
#ifndef ORACLE_INIT_H
#define ORACLE_INIT_H

#include <stddef.h>

/* Puts bytes, or a text, behind what is answered. */
void add(const void *data, size_t len);
void addf(const char *format, ...);

/* Turns a word into the bytes that it stands for, in place; ends them with 0. */
size_t decode(char *word);

/* What is done with a socket; returns the errno, EINVAL if it is nothing of that. */
int socket_request(char *words[], int count);

#endif
