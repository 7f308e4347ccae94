/* The schema of the desk, in steps; see schema.h. All times are ms UTC since 1970 (columns …_ms): the clock is
 * base/clock, never the server's, so that tests hold it and one clock judges every delay.
 *
 * Row-level security: each table with a column `org` is FORCEd, so that the owner (toride_respond) is subject to
 * it as well; only a superuser isn't, and none of ours is one. The setting toride.org is '' or unset outside
 * store_begin(): then no row is seen at all. Rows of org '' belong to the service itself: only '*' sees them. */
#include "store/schema.h"

const char schema_base[] = "CREATE TABLE IF NOT EXISTS schema_version ("
			   " version int PRIMARY KEY, name text NOT NULL, applied_ms bigint NOT NULL)";

static const char tables[] =
	/* the bodies, as the description in force names them; kept in step by respondd at each configuration */
	"CREATE TABLE org (code text PRIMARY KEY, name text NOT NULL, name_en text NOT NULL, org text NOT NULL"
	" GENERATED ALWAYS AS (code) STORED);"
	/* 事前承認 as the description gives it */
	"CREATE TABLE consent (org text PRIMARY KEY, given boolean NOT NULL, min_severity int NOT NULL,"
	" given_by text NOT NULL, given_date text NOT NULL, noted_ms bigint NOT NULL);"
	/* numbers of incidents and blocks: one series a day (Japan) and kind */
	"CREATE TABLE counter (kind text, day text, n bigint NOT NULL, PRIMARY KEY (kind, day));"

	"CREATE TABLE incident (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, number text NOT NULL UNIQUE,"
	" org text NOT NULL,"
	" state text NOT NULL CHECK (state IN ('received','analysing','handling','recovering','closed')),"
	" title text NOT NULL, title_ja text NOT NULL, rule text NOT NULL, opened_by text NOT NULL,"
	" severity int NOT NULL CHECK (severity BETWEEN 0 AND 3), reasons text NOT NULL,"   /* provisional, JSON */
	" signature_level text NOT NULL,"                                                  /* never the severity */
	" terminal text NOT NULL, observable_type text NOT NULL, observable text NOT NULL," /* the main one */
	" findings bigint NOT NULL DEFAULT 0, events bigint NOT NULL DEFAULT 0,"
	" created_ms bigint NOT NULL, first_ms bigint NOT NULL, last_ms bigint NOT NULL, found_ms bigint NOT NULL,"
	" judged int CHECK (judged BETWEEN 0 AND 3), judged_by text, judged_ms bigint, judged_reason text,"
	" notice_due_ms bigint, notice_started_ms bigint, notice_sent_ms bigint, notice_late boolean NOT NULL DEFAULT false,"
	" escalation int NOT NULL DEFAULT 0,"                                              /* contacts asked so far */
	" acked_ms bigint, acked_by text, call_sheet text NOT NULL DEFAULT '',"
	" report_first_ms bigint, report_follow_ms bigint, report_final_ms bigint,"        /* 速報・続報・確報 */
	" closed_ms bigint, closed_by text);"
	"CREATE INDEX incident_open ON incident (org, last_ms) WHERE state <> 'closed';"

	"CREATE TABLE finding (uid text PRIMARY KEY, org text NOT NULL, incident bigint NOT NULL REFERENCES incident(id),"
	" fingerprint text NOT NULL, rule text NOT NULL, level text NOT NULL, action text NOT NULL, time_ms bigint NOT NULL,"
	" last_ms bigint NOT NULL, received_ms bigint NOT NULL, main_value text NOT NULL, body text NOT NULL);"
	"CREATE INDEX finding_fingerprint ON finding (fingerprint, received_ms);"
	"CREATE INDEX finding_main ON finding (main_value, received_ms);"

	"CREATE TABLE incident_event (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
	" incident bigint NOT NULL REFERENCES incident(id), org text NOT NULL, at_ms bigint NOT NULL, actor text NOT NULL,"
	" kind text NOT NULL, args text NOT NULL);" /* words: incident/timeline.h */
	"CREATE INDEX incident_event_of ON incident_event (incident, id);"

	"CREATE TABLE observable (incident bigint NOT NULL REFERENCES incident(id), org text NOT NULL, type text NOT NULL,"
	" value text NOT NULL, groups boolean NOT NULL, first_ms bigint NOT NULL, last_ms bigint NOT NULL,"
	" PRIMARY KEY (incident, type, value));"
	"CREATE INDEX observable_value ON observable (org, type, value);"
	/* names of records: the evidence lies in the sealed segments, not here */
	"CREATE TABLE evidence (incident bigint NOT NULL REFERENCES incident(id), org text NOT NULL, record text NOT NULL,"
	" finding text NOT NULL, PRIMARY KEY (incident, record));"
	/* which names an address was seen with: two or more make it shared */
	"CREATE TABLE sighting (address text, hostname text, org text NOT NULL, first_ms bigint NOT NULL,"
	" PRIMARY KEY (address, hostname, org));"

	"CREATE TABLE judgement (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
	" incident bigint NOT NULL REFERENCES incident(id), org text NOT NULL, at_ms bigint NOT NULL,"
	" by_name text NOT NULL, severity int NOT NULL CHECK (severity BETWEEN 0 AND 3), provisional int NOT NULL,"
	" reason text NOT NULL);"

	"CREATE TABLE notice (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, incident bigint REFERENCES incident(id),"
	" org text NOT NULL, step text NOT NULL, reference text NOT NULL UNIQUE, recipient text NOT NULL, mail text NOT NULL,"
	" phone text NOT NULL, subject text NOT NULL, body text NOT NULL,"
	" state text NOT NULL CHECK (state IN ('queued','sent','failed','cancelled')), attempts int NOT NULL DEFAULT 0,"
	" created_ms bigint NOT NULL, next_ms bigint NOT NULL, sent_ms bigint, last_error text NOT NULL DEFAULT '');"
	"CREATE INDEX notice_queue ON notice (next_ms) WHERE state = 'queued';"

	"CREATE TABLE block (id text PRIMARY KEY, incident bigint REFERENCES incident(id), org text NOT NULL,"
	" origin boolean NOT NULL,"  /* this body's own incident; false: taken over from another's by consent */
	" incident_number text NOT NULL, kind text NOT NULL CHECK (kind IN ('address','name','url','terminal')),"
	" value text NOT NULL, author text NOT NULL, reason text NOT NULL,"
	" state text NOT NULL CHECK (state IN ('ordered','requested','active','removing','removed','expired','failed')),"
	" found_ms bigint NOT NULL, created_ms bigint NOT NULL, expires_ms bigint NOT NULL, acted_ms bigint,"
	" removed_ms bigint, removed_by text, consent text NOT NULL DEFAULT '', attempts int NOT NULL DEFAULT 0,"
	" next_ms bigint NOT NULL, verified_ms bigint, verified text NOT NULL DEFAULT '', last_error text NOT NULL DEFAULT '');"
	"CREATE UNIQUE INDEX block_once ON block (org, kind, value)"
	" WHERE state IN ('ordered','requested','active','removing');";

static const char security[] =
	"CREATE FUNCTION toride_sees(row_org text) RETURNS boolean LANGUAGE sql STABLE AS"
	" $$ SELECT current_setting('toride.org', true) = '*'"
	"   OR (row_org <> '' AND current_setting('toride.org', true) = row_org) $$;"
	"DO $$ DECLARE t text; BEGIN"
	" FOREACH t IN ARRAY ARRAY['org','consent','incident','finding','incident_event','observable','evidence',"
	"  'sighting','judgement','notice','block'] LOOP"
	"  EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);"
	"  EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);"
	"  EXECUTE format('CREATE POLICY own_rows ON %I USING (toride_sees(org)) WITH CHECK (toride_sees(org))', t);"
	"  EXECUTE format('GRANT SELECT ON %I TO toride_portal', t);"
	" END LOOP; END $$;"
	"GRANT SELECT ON schema_version TO toride_portal;"
	/* what was written on a timeline or judged stays written */
	"CREATE FUNCTION toride_refuse() RETURNS trigger LANGUAGE plpgsql AS"
	" $$ BEGIN RAISE EXCEPTION 'append only' USING ERRCODE = '42501'; END $$;"
	"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON incident_event FOR EACH ROW EXECUTE FUNCTION toride_refuse();"
	"CREATE TRIGGER no_truncate BEFORE TRUNCATE ON incident_event EXECUTE FUNCTION toride_refuse();"
	"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON judgement FOR EACH ROW EXECUTE FUNCTION toride_refuse();"
	"CREATE TRIGGER no_truncate BEFORE TRUNCATE ON judgement EXECUTE FUNCTION toride_refuse();";

/* the system's own reasons, to be shown in the reader's language; '' for a person's */
static const char reason_code[] = "ALTER TABLE block ADD COLUMN reason_code text NOT NULL DEFAULT ''";

/* the clocks of the configuration in force, one row: the page tells the time left by them */
static const char clock_row[] = "CREATE TABLE clock (one boolean PRIMARY KEY DEFAULT true CHECK (one),"
				" escalate1_ms bigint NOT NULL, escalate2_ms bigint NOT NULL);"
				"GRANT SELECT ON clock TO toride_portal";

/* what became of traffic after a block acted, by terminal and outcome, as detectd counts it; the last count is kept apart
 * because a crash of detectd may tell it again, grown (detect/tally.h) */
static const char calls[] =
	"ALTER TABLE block ADD COLUMN check_ms bigint, ADD COLUMN calls_told_ms bigint;"
	"CREATE TABLE block_call (block text NOT NULL REFERENCES block(id), org text NOT NULL, terminal text NOT NULL,"
	" passed boolean NOT NULL, n bigint NOT NULL, first_ms bigint NOT NULL, last_ms bigint NOT NULL, heard_ms bigint NOT NULL,"
	" record text NOT NULL, last_uid text NOT NULL, last_n bigint NOT NULL, PRIMARY KEY (block, terminal, passed));"
	"ALTER TABLE block_call ENABLE ROW LEVEL SECURITY; ALTER TABLE block_call FORCE ROW LEVEL SECURITY;"
	"CREATE POLICY own_rows ON block_call USING (toride_sees(org)) WITH CHECK (toride_sees(org));"
	"GRANT SELECT ON block_call TO toride_portal;";

/* how far the wall clock was ahead of the monotonic one, in which boot: respond/clock.c notices by it that it was set */
static const char clock_set[] = "ALTER TABLE clock ADD COLUMN boot text NOT NULL DEFAULT '', ADD COLUMN ahead_ms bigint";

/* rows of a new table are seen as those of the others are */
#define KEPT_APART(table)                                                                                              \
	"ALTER TABLE " table " ENABLE ROW LEVEL SECURITY; ALTER TABLE " table " FORCE ROW LEVEL SECURITY;"             \
	"CREATE POLICY own_rows ON " table " USING (toride_sees(org)) WITH CHECK (toride_sees(org));"                  \
	"GRANT SELECT ON " table " TO toride_portal;"
#define APPEND_ONLY(table)                                                                                             \
	"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON " table " FOR EACH ROW EXECUTE FUNCTION toride_refuse();" \
	"CREATE TRIGGER no_truncate BEFORE TRUNCATE ON " table " EXECUTE FUNCTION toride_refuse();"

/* the work on an incident: steps of its playbook, duties, tasks; what people reported; files by hash; what was looked for in the log */
static const char life[] =
	"ALTER TABLE incident ADD COLUMN playbook text NOT NULL DEFAULT '';"
	"CREATE TABLE task (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, incident bigint NOT NULL REFERENCES incident(id),"
	" org text NOT NULL, list text NOT NULL CHECK (list IN ('playbook','duty','task')), step text NOT NULL, nth int NOT NULL,"
	" role text NOT NULL, owner text NOT NULL DEFAULT '', title text NOT NULL DEFAULT '', created_ms bigint NOT NULL,"
	" created_by text NOT NULL, done_ms bigint, done_by text NOT NULL DEFAULT '', result text NOT NULL DEFAULT '');"
	"CREATE UNIQUE INDEX task_once ON task (incident, list, step) WHERE list <> 'task';"
	"CREATE TABLE report (incident bigint PRIMARY KEY REFERENCES incident(id), org text NOT NULL, kind text NOT NULL,"
	" reporter text NOT NULL, phone text NOT NULL, words text NOT NULL, happened_ms bigint NOT NULL, heard_ms bigint NOT NULL,"
	" heard_by text NOT NULL);"
	"CREATE TABLE attachment (incident bigint NOT NULL REFERENCES incident(id), org text NOT NULL, sha256 text NOT NULL,"
	" name text NOT NULL, bytes bigint NOT NULL, kind text NOT NULL, place text NOT NULL, added_ms bigint NOT NULL,"
	" added_by text NOT NULL, PRIMARY KEY (incident, sha256));"
	"CREATE TABLE inquiry (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, incident bigint REFERENCES incident(id),"
	" org text NOT NULL, kind text NOT NULL CHECK (kind IN ('visitors','replay')), type text NOT NULL, value text NOT NULL,"
	" scope text NOT NULL," /* the body looked for, '' all */
	" from_ms bigint NOT NULL, to_ms bigint NOT NULL, state text NOT NULL CHECK (state IN ('waiting','done','failed')),"
	" source text NOT NULL DEFAULT '', more boolean NOT NULL DEFAULT false, attempts int NOT NULL DEFAULT 0,"
	" next_ms bigint NOT NULL, created_ms bigint NOT NULL, created_by text NOT NULL, done_ms bigint, error text NOT NULL DEFAULT '');"
	"CREATE INDEX inquiry_queue ON inquiry (next_ms) WHERE state = 'waiting';"
	"CREATE TABLE inquiry_hit (inquiry bigint NOT NULL REFERENCES inquiry(id), org text NOT NULL, terminal text NOT NULL,"
	" passed bigint NOT NULL, refused bigint NOT NULL, first_ms bigint NOT NULL, last_ms bigint NOT NULL, record text NOT NULL,"
	" PRIMARY KEY (inquiry, org, terminal));"
	KEPT_APART("task") KEPT_APART("report") KEPT_APART("attachment") KEPT_APART("inquiry") KEPT_APART("inquiry_hit")
	APPEND_ONLY("report") APPEND_ONLY("attachment") APPEND_ONLY("inquiry_hit");

/* who called whom with what result; what one shift left to the next; and up to which stage the sealed log holds everything */
static const char shifts[] =
	"ALTER TABLE incident ADD COLUMN first_judged_ms bigint;"
	"UPDATE incident SET first_judged_ms = (SELECT min(at_ms) FROM judgement j WHERE j.incident = incident.id);"
	"CREATE TABLE call (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, incident bigint NOT NULL REFERENCES incident(id),"
	" org text NOT NULL, at_ms bigint NOT NULL, by_name text NOT NULL, to_name text NOT NULL, phone text NOT NULL,"
	" result text NOT NULL CHECK (result IN ('answered','no_answer','busy','left_message','wrong_number')), words text NOT NULL);"
	"CREATE INDEX call_of ON call (incident, id);"
	"CREATE TABLE handover (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, org text NOT NULL DEFAULT '', kind text NOT NULL,"
	" since_ms bigint NOT NULL, at_ms bigint NOT NULL, by_name text NOT NULL, body text NOT NULL, taken_by text NOT NULL DEFAULT '',"
	" taken_ms bigint);"
	"CREATE TABLE stage_mark (one boolean PRIMARY KEY DEFAULT true CHECK (one), put bigint NOT NULL);"
	"INSERT INTO stage_mark(put) SELECT coalesce(max(id), 0) FROM incident_event;" /* what was before isn't made up for */
	"GRANT SELECT ON stage_mark TO toride_portal;"
	KEPT_APART("call") KEPT_APART("handover") APPEND_ONLY("call");

/* What the session at hand may see is the accounts' own to say (account/schema.c): looked up when it is called, since whose schema comes
 * first is nobody's matter. */
static const char by_session[] =
	"CREATE FUNCTION toride_portal_scope() RETURNS text LANGUAGE plpgsql STABLE AS"
	" $$ BEGIN RETURN toride_auth.portal_scope(); END $$;";

/* Links in notices, by which somebody without an account confirms receipt: each names one contact, and acts once. Kept is the SHA-256. The
 * page shows that a notice went out, and can't read the link in it. */
static const char links[] =
	"CREATE TABLE ack_link (token text PRIMARY KEY, incident bigint NOT NULL REFERENCES incident(id), org text NOT NULL, contact text NOT NULL,"
	" created_ms bigint NOT NULL, used_ms bigint);"
	"ALTER TABLE ack_link ENABLE ROW LEVEL SECURITY; ALTER TABLE ack_link FORCE ROW LEVEL SECURITY;"
	"CREATE POLICY own_rows ON ack_link USING (toride_sees(org)) WITH CHECK (toride_sees(org));"
	"REVOKE SELECT ON notice FROM toride_portal;"
	"GRANT SELECT (id, incident, org, step, reference, recipient, state, attempts, created_ms, sent_ms) ON notice TO toride_portal;";

/* whom a block would have hit in the last 30 days; held: why it waits for a person's word all the same */
static const char replays[] =
	"ALTER TABLE block ADD COLUMN inquiry bigint REFERENCES inquiry(id), ADD COLUMN held text NOT NULL DEFAULT '';"
	"CREATE INDEX block_inquiry ON block (inquiry) WHERE inquiry IS NOT NULL;"
	"ALTER TABLE inquiry ADD COLUMN names text NOT NULL DEFAULT '[]'"; /* an address was met as */

/* how a notice goes out: by mail, or through a gateway to a number or by a webhook's name */
static const char channels[] =
	"ALTER TABLE notice ADD COLUMN channel text NOT NULL DEFAULT 'mail' CHECK (channel IN ('mail','sms','voice','webhook')),"
	" ADD COLUMN target text NOT NULL DEFAULT '', ADD COLUMN severity int NOT NULL DEFAULT 0";

/* what runs where, as each body says; and what is known to be wrong with which versions: everybody's, so nobody's */
static const char assets[] =
	"CREATE TABLE asset (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, org text NOT NULL, address text NOT NULL, name text NOT NULL,"
	" vendor text NOT NULL, product text NOT NULL, version text NOT NULL, vendor_key text NOT NULL, product_key text NOT NULL,"
	" added_ms bigint NOT NULL, added_by text NOT NULL);"
	"CREATE INDEX asset_product ON asset (product_key); CREATE INDEX asset_org ON asset (org, address);"
	"CREATE TABLE vuln (list text NOT NULL, cve text NOT NULL, vendor_key text NOT NULL, product_key text NOT NULL, vfrom text NOT NULL,"
	" from_excluded boolean NOT NULL, vto text NOT NULL, to_excluded boolean NOT NULL, score10 int NOT NULL);"
	"CREATE INDEX vuln_product ON vuln (product_key); CREATE INDEX vuln_cve ON vuln (cve);"
	"GRANT SELECT ON vuln TO toride_portal;"
	"ALTER TABLE asset ENABLE ROW LEVEL SECURITY; ALTER TABLE asset FORCE ROW LEVEL SECURITY;"
	"CREATE POLICY own_rows ON asset TO toride_respond USING (toride_sees(org)) WITH CHECK (toride_sees(org));"
	"CREATE POLICY session_rows ON asset FOR SELECT TO toride_portal USING ((SELECT toride_portal_scope()) IN ('*', org));"
	"GRANT SELECT ON asset TO toride_portal";

/* what the upstream is asked to drop: all packets to an address of ours, or some of them */
static const char announced[] =
	"ALTER TABLE block DROP CONSTRAINT block_kind_check;"
	"ALTER TABLE block ADD CONSTRAINT block_kind_check CHECK (kind IN ('address','name','url','terminal','blackhole','flow'))";

/* A scope is "*", a body's code or a prefecture's number, with which its bodies' codes begin. */
static const char by_prefecture[] =
	"CREATE FUNCTION toride_within(scope text, row_org text) RETURNS boolean LANGUAGE sql IMMUTABLE AS"
	" $$ SELECT scope = '*' OR (row_org <> '' AND (scope = row_org OR (length(scope) = 2 AND scope = left(row_org, 2)))) $$;"
	"CREATE OR REPLACE FUNCTION toride_sees(row_org text) RETURNS boolean LANGUAGE sql STABLE AS"
	" $$ SELECT toride_within(current_setting('toride.org', true), row_org) $$;"
	"DO $$ DECLARE t text; BEGIN"
	" FOR t IN SELECT tablename FROM pg_policies WHERE schemaname = 'public' AND policyname = 'session_rows' LOOP"
	"  EXECUTE format('ALTER POLICY session_rows ON %I USING (toride_within((SELECT toride_portal_scope()), org))', t);"
	" END LOOP; END $$";

/* when an incident was first blocked is asked with every list of them */
static const char blocks_of[] = "CREATE INDEX block_of ON block (incident) WHERE incident IS NOT NULL";

/* the mornings on which the prefecture was sent the log's signature; the first row is when that began */
static const char witnesses[] =
	"CREATE TABLE witness (morning_ms bigint PRIMARY KEY, sent boolean NOT NULL);"
	"REVOKE ALL ON witness FROM PUBLIC";

const struct schema_step schema_steps[] = {
	{ 1, "tables of the desk", tables },
	{ 2, "row-level security, append-only timeline", security },
	{ 3, "the system's reasons as codes", reason_code },
	{ 4, "the clocks, for the page", clock_row },
	{ 5, "traffic after a block", calls },
	{ 6, "the clock that was set", clock_set },
	{ 7, "tasks, reports, attachments, inquiries", life },
	{ 8, "calls, hand-overs, stages in the sealed log", shifts },
	{ 9, "the page sees by session", by_session },
	{ 10, "links that confirm receipt", links },
	{ 11, "replays of blocks", replays },
	{ 12, "notices through gateways", channels },
	{ 13, "assets and vulnerabilities", assets },
	{ 14, "announcements to the upstream", announced },
	{ 15, "whoever sees a prefecture's bodies", by_prefecture },
	{ 16, "blocks by incident", blocks_of },
	{ 17, "signatures sent to witnesses", witnesses },
};

/* The portal's role sees what the session it names may see, and not what it asks for: whatever table a step made. */
const char schema_finish[] = "DO $$ DECLARE t text; BEGIN"
			     " FOR t IN SELECT tablename FROM pg_policies WHERE schemaname = 'public' AND policyname = 'own_rows' AND roles = '{public}' LOOP"
			     "  EXECUTE format('ALTER POLICY own_rows ON %I TO toride_respond', t);"
			     "  EXECUTE format('CREATE POLICY session_rows ON %I FOR SELECT TO toride_portal"
			     " USING (toride_within((SELECT toride_portal_scope()), org))', t);"
			     " END LOOP; END $$";
const size_t schema_n = sizeof schema_steps / sizeof *schema_steps;
