/* Runs a fuzz target over seed files: what `make test` does in place of libFuzzer. Prints TAP. */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *path)
{
	FILE *f = fopen(path, "rb");
	if (!f)
		return -1;
	static uint8_t data[1 << 20];
	size_t n = fread(data, 1, sizeof data, f);
	fclose(f);
	uint8_t *exact = malloc(n ? n : 1); /* so that a read past the end is seen */
	if (!exact)
		return -1;
	memcpy(exact, data, n);
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	return 0;
}

int main(int argc, char **argv)
{
	struct dirent **names;
	int n = argc == 2 ? scandir(argv[1], &names, NULL, alphasort) : -1, count = 0, bad = 0;
	for (int i = 0; i < n; i++) {
		char path[4096];
		snprintf(path, sizeof path, "%s/%s", argv[1], names[i]->d_name);
		bool hidden = names[i]->d_name[0] == '.';
		free(names[i]);
		if (hidden)
			continue;
		count++;
		bad += replay(path) < 0;
	}
	if (n >= 0)
		free(names);
	int ok = count > 0 && bad == 0;
	printf("%sok 1 - %d seeds of %s replayed\n1..1\n", ok ? "" : "not ", count, argc == 2 ? argv[1] : "?");
	return !ok;
}
