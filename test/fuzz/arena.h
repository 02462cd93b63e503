/*
 * Memory for what tests without a server read: given back after each test.
 * Blocks are malloc'd one by one, so that ASan guards them.
 */
#ifndef ARENA_H
#define ARENA_H

#include <stdlib.h>

typedef struct Block
{
	struct Block *next;
	double		align;
} Block;

static Block *arena;

static void *
arena_alloc(size_t size)
{
	Block	   *block = malloc(sizeof(Block) + size);

	if (block == NULL)
		exit(2);
	block->next = arena;
	arena = block;
	return block + 1;
}

static void
arena_free(void)
{
	while (arena != NULL)
	{
		Block	   *next = arena->next;

		free(arena);
		arena = next;
	}
}

#endif							/* ARENA_H */
