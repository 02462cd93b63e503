/*
 * attribute.h
 *		The type datom.attribute: a keyword such as ":person/name".
 */
#ifndef DATOM_ATTRIBUTE_H
#define DATOM_ATTRIBUTE_H

#include "postgres.h"

/* Longest attribute, colon included, in bytes. */
#define DATOM_ATTRIBUTE_MAX 255

/* Is the text a keyword that can name an attribute? */
extern bool datom_attribute_valid(const char *text, int len);

/* The text as a datom.attribute, palloc'd; 22P02 unless it is valid. */
extern struct varlena *datom_attribute_make(const char *text, int len);

#endif							/* DATOM_ATTRIBUTE_H */
