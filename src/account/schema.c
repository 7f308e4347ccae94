/* The accounts' own schema; see schema.h. All times are ms UTC of base/clock, as in store/schema.c. */
#include "account/schema.h"

#include "base/mem.h"

const char account_schema_base[] = "CREATE SCHEMA IF NOT EXISTS toride_auth;"
				   "CREATE TABLE IF NOT EXISTS toride_auth.schema_version ("
				   " version int PRIMARY KEY, name text NOT NULL, applied_ms bigint NOT NULL)";

static const char tables[] =
	"CREATE TABLE account (name text PRIMARY KEY, fold text NOT NULL UNIQUE," /* two names that read alike are one (wire/identity.h) */
	" role text NOT NULL CHECK (role IN ('operator','analyst','approver','clerk')),"
	" org text NOT NULL DEFAULT '' CHECK ((role = 'clerk') = (org ~ '^[0-9]{6}$') AND (role = 'clerk' OR org = '')),"
	" enabled boolean NOT NULL DEFAULT true, hash text NOT NULL,"
	" one_time_until_ms bigint,"                                   /* the password is one given out by us; NULL: the person's own */
	" totp text NOT NULL DEFAULT '', totp_step bigint NOT NULL DEFAULT 0,"
	" failures int NOT NULL DEFAULT 0, locked_until_ms bigint NOT NULL DEFAULT 0,"
	" created_ms bigint NOT NULL, created_by text NOT NULL, signed_in_ms bigint);"
	"CREATE TABLE old_password (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
	" account text NOT NULL REFERENCES account(name), hash text NOT NULL);"
	/* token: hex SHA-256 of what the browser holds, so that who reads the table can't take a session over */
	"CREATE TABLE session (token text PRIMARY KEY, account text NOT NULL REFERENCES account(name),"
	" stage text NOT NULL CHECK (stage IN ('enrol','full')), created_ms bigint NOT NULL, seen_ms bigint NOT NULL,"
	" ends_ms bigint NOT NULL, idle_ms bigint NOT NULL, secret text NOT NULL DEFAULT '');"
	"CREATE INDEX session_of ON session (account, seen_ms);";

/* What the page's own connection may see, as the database itself finds it: a worker that was taken over can claim any organisation, but
 * no session that it wasn't handed. The server's clock stands in for base/clock; they are the same machine's. */
static const char scope[] =
	"CREATE FUNCTION portal_scope() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = toride_auth, pg_temp AS"
	" $$ SELECT CASE WHEN a.role = 'clerk' THEN a.org ELSE '*' END FROM toride_auth.session s"
	"  JOIN toride_auth.account a ON a.name = s.account, (SELECT extract(epoch FROM clock_timestamp()) * 1000 AS ms) AS now"
	"  WHERE s.token = encode(sha256(convert_to(current_setting('toride.session', true), 'UTF8')), 'hex')"
	"  AND s.stage = 'full' AND a.enabled AND s.ends_ms > now.ms AND s.seen_ms + s.idle_ms > now.ms $$;"
	"REVOKE ALL ON FUNCTION portal_scope() FROM PUBLIC;"
	"GRANT USAGE ON SCHEMA toride_auth TO toride_portal;"
	"GRANT EXECUTE ON FUNCTION portal_scope() TO toride_portal;";

/* An approver is of one prefecture; '' those of before, and whoever approves for several: all. */
static const char prefecture[] =
	"ALTER TABLE account ADD COLUMN prefecture text NOT NULL DEFAULT '' CHECK (prefecture = '' OR (role = 'approver' AND prefecture ~ '^[0-9]{2}$'));"
	"CREATE OR REPLACE FUNCTION portal_scope() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = toride_auth, pg_temp AS"
	" $$ SELECT CASE WHEN a.role = 'clerk' THEN a.org WHEN a.prefecture <> '' THEN a.prefecture ELSE '*' END FROM toride_auth.session s"
	"  JOIN toride_auth.account a ON a.name = s.account, (SELECT extract(epoch FROM clock_timestamp()) * 1000 AS ms) AS now"
	"  WHERE s.token = encode(sha256(convert_to(current_setting('toride.session', true), 'UTF8')), 'hex')"
	"  AND s.stage = 'full' AND a.enabled AND s.ends_ms > now.ms AND s.seen_ms + s.idle_ms > now.ms $$";

/* id, spki: hex. A session of stage `key` has shown its password, and is asked for a passkey. */
static const char passkeys[] =
	"CREATE TABLE passkey (id text PRIMARY KEY, account text NOT NULL REFERENCES account(name), label text NOT NULL, spki text NOT NULL,"
	" count bigint NOT NULL, added_ms bigint NOT NULL, used_ms bigint);"
	"CREATE INDEX passkey_of ON passkey (account);"
	"ALTER TABLE session DROP CONSTRAINT session_stage_check, ADD CONSTRAINT session_stage_check CHECK (stage IN ('enrol','key','full')),"
	" ADD COLUMN challenge text NOT NULL DEFAULT ''";

const struct schema_step account_schema_steps[] = {
	{ 1, "accounts and sessions", tables },
	{ 2, "what a session's page may see", scope },
	{ 3, "an approver's prefecture", prefecture },
	{ 4, "passkeys", passkeys },
};
const size_t account_schema_n = ARRAY_LEN(account_schema_steps);
