/* A million addresses in the packet filter: the first load, a day's difference of one in a hundred, the same list again. The peer is the
 * same list as an nft interval set, which can only be replaced as a whole (see apply/feeds.h).
 *
 * usage: bench-feeds STATE HEX-A HEX-B PEER.nft    in a network namespace of its own, as root */
#include "apply/feeds.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "wire/place.h"

#include <stdio.h>
#include <stdlib.h>

static int pin(const char *name, const char *hex_of_list, struct gen *g)
{
	static struct gen_file file = { .path = "nft/feeds.bin" };
	char path[PLACE_MAX], text[33] = { 0 }, hex[65] = { 0 };
	struct buf b;
	buf_init(&b, KIB);
	buf_put(&b, "\1wan0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 19);
	snprintf(text, sizeof text, "%s", name);
	snprintf(hex, sizeof hex, "%s", hex_of_list);
	buf_put(&b, text, sizeof text);
	buf_put(&b, hex, sizeof hex);
	hash_sha256(b.ptr, b.len, file.sha);
	*g = (struct gen){ .files = &file, .n = 1 };
	memset(g->hex, 'a', 64);
	int r = fs_mkdirs(place_in_state(path, sizeof path, "generations/%s/nft", g->hex), 0755, NULL);
	if (r == 0)
		r = fs_write(place_in_state(path, sizeof path, "generations/%s/nft/feeds.bin", g->hex), buf_view(&b), 0644, NULL);
	buf_done(&b);
	return r;
}

static double seconds(const char *hex)
{
	struct gen g;
	struct err err = { 0 };
	if (pin("rep", hex, &g) < 0)
		exit(4);
	int64_t began = clock_mono_ms();
	if (feeds_install(&env_real, &g, &err) < 0) {
		fprintf(stderr, "bench-feeds: %s: %s\n", err.path, err.msg);
		exit(4);
	}
	return (double)(clock_mono_ms() - began) / 1000;
}

static double peer(const char *file)
{
	const char *argv[] = { "nft", "-f", file, NULL };
	struct err err = { 0 };
	int64_t began = clock_mono_ms();
	if (env_run(&env_real, argv, (struct str){ 0 }, 600000, &err) < 0) {
		fprintf(stderr, "bench-feeds: %s: %s\n", err.path, err.msg);
		exit(4);
	}
	return (double)(clock_mono_ms() - began) / 1000;
}

int main(int argc, char **argv)
{
	if (argc != 5)
		return 2;
	setenv("TORIDE_STATE", argv[1], 1);
	double load = seconds(argv[2]), delta = seconds(argv[3]), same = seconds(argv[3]);
	double whole = peer(argv[4]); /* last: with an interval set of that size beside it each change of anything takes nft seconds */
	printf("%.3f %.3f %.3f %.3f\n", load, delta, same, whole);
	return 0;
}
