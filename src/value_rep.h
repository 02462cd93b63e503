/*
 * value_rep.h
 *		The bytes of a datom.value, for the value*.c files only.
 *
 *		header		varlena, 1 or 4 bytes
 *		kind		1 byte: DatomKind, and the flags below
 *		payload		boolean: 1 byte
 *					long, ref, instant: int64	date: int32		double: float8
 *					string, keyword, bytes, uuid (16): as they are
 *					bigdec, json: numeric, jsonb without their varlena header
 *		source		only with VALUE_LITERAL: the text that was read
 *		source_len	only with VALUE_LITERAL: uint32, its bytes; SOURCE_IS_PAYLOAD
 *					if the payload is that text, which is then not repeated
 *
 * Integers are in the machine's order and nothing is aligned: copy, don't cast.
 */
#ifndef DATOM_VALUE_REP_H
#define DATOM_VALUE_REP_H

#include "kind.h"

#define VALUE_LITERAL		0x80	/* a source follows the payload */
#define VALUE_NUMBER_ONLY	0x40	/* its source may be read as a number only */
#define VALUE_KIND_MASK		0x3F

#define SOURCE_IS_PAYLOAD	PG_UINT32_MAX

static inline uint8
value_head(const DatomValue *v)
{
	return *(const uint8 *) VARDATA_ANY(v);
}

static inline DatomKind
value_kind(const DatomValue *v)
{
	return (DatomKind) (value_head(v) & VALUE_KIND_MASK);
}

/* The payload; its length is that of the kind, or value_payload_len(). */
static inline const char *
value_payload(const DatomValue *v)
{
	return VARDATA_ANY(v) + 1;
}

/* The source's length word; the value must be a literal. */
static inline uint32
value_source_word(const DatomValue *v)
{
	uint32		word;

	memcpy(&word, VARDATA_ANY(v) + VARSIZE_ANY_EXHDR(v) - sizeof(word), sizeof(word));
	return word;
}

static inline int
value_payload_len(const DatomValue *v)
{
	int			len = VARSIZE_ANY_EXHDR(v) - 1;
	uint32		word;

	if ((value_head(v) & VALUE_LITERAL) == 0)
		return len;
	word = value_source_word(v);
	return len - (int) sizeof(word) - (word == SOURCE_IS_PAYLOAD ? 0 : (int) word);
}

static inline int64
value_int64(const DatomValue *v)
{
	int64		number;

	memcpy(&number, value_payload(v), sizeof(number));
	return number;
}

static inline double
value_double(const DatomValue *v)
{
	double		number;

	memcpy(&number, value_payload(v), sizeof(number));
	return number;
}

static inline int32
value_int32(const DatomValue *v)
{
	int32		number;

	memcpy(&number, value_payload(v), sizeof(number));
	return number;
}

#endif							/* DATOM_VALUE_REP_H */
