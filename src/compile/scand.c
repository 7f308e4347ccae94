/* The verdict broker's limits and clamd's whole configuration.
 *
 * scand.json          see daemon/scand.c
 * clamd/clamd.conf    clamd.conf(5); one clamd for all organisations, so its ceilings are the largest of theirs and
 *                     scand keeps each to its own
 * Signatures lie in STATE/feeds/clamav (the directory, or a link to where freshclam writes). */
#include "compile/emit.h"

#include "base/mem.h"

#include <stdio.h>

#define CONNECTIONS 8 /* scans at a time; clamd makes as many threads as it has to */
#define ABSOLUTE_MAX_MIB 1024 /* above, clamd's own arithmetic in 32 bits is near */

static uint64_t mib_of(const struct org *o)
{
	return o->scan_max_mib < ABSOLUTE_MAX_MIB ? o->scan_max_mib : ABSOLUTE_MAX_MIB;
}

static uint64_t largest_mib(const struct model *m)
{
	uint64_t max = 1;
	for (size_t i = 0; i < m->n_orgs; i++)
		max = mib_of(&m->orgs[i]) > max ? mib_of(&m->orgs[i]) : max;
	return max;
}

static void put_path(struct buf *b, const char *key, const char *dir, const char *rest)
{
	char path[512];
	int n = snprintf(path, sizeof path, "%s/%s", dir, rest);
	json_field(b, key, (struct str){ path, n < 0 ? 0 : (size_t)n < sizeof path ? (size_t)n : sizeof path - 1 });
}

static int scand_json(const struct model *m, struct outset *out, struct err *err)
{
	struct buf b;
	buf_init(&b, 16 * MIB);
	buf_puts(&b, "{");
	json_field_u64(&b, "max_bytes", largest_mib(m) * MIB);
	put_path(&b, "clamd_socket", m->service.run_dir, "clamd/clamd.sock");
	put_path(&b, "database", m->service.state_dir, "feeds/clamav");
	json_field_u64(&b, "connections", CONNECTIONS);
	json_field_u64(&b, "queue", 1024);
	json_field_u64(&b, "cache_entries", 262144);
	json_field_u64(&b, "clean_age_s", 86400);
	json_field_u64(&b, "signature_max_age_h", 24);
	json_key(&b, "orgs");
	buf_puts(&b, "{");
	for (size_t i = 0; i < m->n_orgs; i++) {
		json_key(&b, m->orgs[i].code);
		buf_puts(&b, "{");
		json_field_u64(&b, "max_bytes", mib_of(&m->orgs[i]) * MIB);
		buf_puts(&b, "}");
	}
	buf_puts(&b, "}}\n");
	return emit(out, "scand.json", &b, err);
}

/* Whoever reaches the socket commands clamd (SHUTDOWN, SCAN of any path): its directory's group, which the socket inherits,
 * is scand's alone (jail/table.c).
 * AlertExceedsMax and AlertEncrypted: what clamd couldn't look into is told apart from what it found clean; scand
 * makes "unscannable" of both. ConcurrentDatabaseReload: pages go on while new signatures load, for twice the memory. */
static int clamd_conf(const struct model *m, struct outset *out, struct err *err)
{
	struct buf b;
	buf_init(&b, 64 * KIB);
	buf_printf(&b, "Foreground yes\nLogTime no\nLogVerbose no\nPidFile %s/clamd/clamd.pid\n", m->service.run_dir);
	buf_printf(&b, "LocalSocket %s/clamd/clamd.sock\nLocalSocketMode 660\nFixStaleSocket yes\n", m->service.run_dir);
	buf_printf(&b, "TemporaryDirectory %s/clamd\nDatabaseDirectory %s/feeds/clamav\n", m->service.run_dir, m->service.state_dir);
	buf_puts(&b, "SelfCheck 600\nConcurrentDatabaseReload yes\nExitOnOOM yes\n");
	buf_printf(&b, "MaxThreads %d\nMaxQueue %d\nMaxConnectionQueueLength 200\n", CONNECTIONS + 2, 4 * CONNECTIONS);
	buf_puts(&b, "CommandReadTimeout 10\nReadTimeout 120\nIdleTimeout 10\n");
	buf_printf(&b, "MaxFileSize %lluM\nMaxScanSize %lluM\nMaxScanTime 120000\nMaxRecursion 17\nMaxFiles 10000\n",
	           (unsigned long long)largest_mib(m), (unsigned long long)(4 * largest_mib(m) < 4000 ? 4 * largest_mib(m) : 4000));
	buf_puts(&b, "AlertExceedsMax yes\nAlertEncrypted yes\nScanPE yes\nScanELF yes\nScanOLE2 yes\nScanPDF yes\nScanSWF yes\n");
	buf_puts(&b, "ScanXMLDOCS yes\nScanHWP3 yes\nScanOneNote yes\nScanArchive yes\nScanHTML yes\nScanMail yes\n");
	return emit(out, "clamd/clamd.conf", &b, err);
}

int compile_scand(const struct model *m, struct outset *out, struct err *err)
{
	int r = scand_json(m, out, err);
	return r < 0 ? r : clamd_conf(m, out, err);
}
