/* One generation of the proxy's configuration: an immutable snapshot built from proxyd.json (written by
 * compile/proxyd.c), shared by all threads and freed when the last request that looks at it is gone.
 *
 *   {"v":1, "threads":2, "service":{"name","name_en"}, "proxy":{"addr4","addr6","port","name" (absent: no TLS)}, "connect_ports":[443],
 *    "http_ports":[80,8080,8000,8008,8888], "refuse":[prefix…], "origin_ca":[PEM…], "black":[pattern…], "deny_ja4":[fingerprint…] (absent: none),
 *    "orgs":[{"code","index","name","name_en","interface","global4","global6","resolver","resolver_from",
 *      "tls_decryption","no_decrypt":[…],"transparent","registered_only","terminals":[prefix…],"prefixes":[prefix…],
 *      "child_proxies":[prefix…],"terminal_servers":[prefix…] (absent: none),
 *      "safe_search","upload_max_mib","deny_downloads":[…],"deny_uploads":[…],"deny_ja4":[…] (absent: none),"tenants":{"microsoft":[…],"microsoft_context",
 *      "google":[…],"slack":[…],"slack_requester"},"pac","release_mail","websockets":[…],"mirror" (absent: 0),"users":{…login.h} (absent: nobody is asked),
 *      "inspections" (absent: none):[{"name","address","port","path","timeout_s","kinds":["documents","all","programs"…]}],
 *      "breakout":[{"service","expires_ms","names":[…]}],"no_decrypt_categories":[name…] (absent: none),"no_decrypt_until":[{"expires_ms","owner","names":[…]}] (absent: none),
 *      "scan_fail":"closed"|"open","revocation":"off"|"soft"|"hard" (absent: soft),"scan_max_mib","unscannable_allow","encrypted_allow","encrypted_ask","scan_uploads","progress_after_s","trickle_after_s","url":{…url/url.h…}}…],
 *    "dev":{"except":[prefix…],"hosts":[{"name","addr"}…],"verdict_ms":60000,"held_mib":512,"held_ms":60000,"asked_ms":10000}}
 *      only where every interface is ""
 * "" for an address means: none, for an interface: don't bind to one. With dev an org may have its own "port" and
 * the destinations in except are reachable although they are special; hosts answers before the resolver;
 * verdict_ms is how long a verdict is waited for, held_mib what one thread holds of bodies, held_ms how long a held
 * answer may be slow; each can only be made less than it is in service. asked_ms is how long an authority may take to say whether a certificate
 * is revoked. */
#ifndef PROXY_CONF_H
#define PROXY_CONF_H

#include "base/arena.h"
#include "proxy/adjust.h"
#include "model/model.h"
#include "url/url.h"

#include <openssl/x509.h>
#include <stdatomic.h>

#define CONF_MAX_ORGS 4096
#define CONF_MAX_JSON (256 * 1024 * 1024u)
#define CONF_MAX_THREADS 64
#define CONF_VERDICT_MS 60000
#define CONF_ASKED_MS 10000
#define CONF_HELD (512 * MIB) /* bytes of bodies held by one thread at a time; share.h says who may have how much */

#define CONF_RULE 40
#define CONF_BREAKOUTS 50
#define CONF_UNDECRYPTED 500
struct conf_timed { /* names to which something applies until then */
	int64_t expires_ms;
	const char *name, *owner; /* the first of them; who answers for it, "" nobody in particular */
	struct url_set *names;
};

struct conf_inspection { /* a sanitiser or a sandbox, and what it gets (hook.h) */
	const char *name, *authority, *path;
	struct prefix address;
	uint16_t port;
	int64_t timeout_ms;
	unsigned groups;      /* bits of enum file_group */
	bool documents, all;
};

struct conf_users; /* login.h */
struct conf_org {
	char code[8], interface[16];
	uint16_t index, port;
	uint16_t mirror; /* VLAN of what is decrypted for it (mirror.h); 0: it isn't mirrored */
	const char *name, *name_en;
	struct prefix listen4, listen6;
	struct prefix global4, global6;
	struct prefix resolver, resolver_from;
	bool transparent; /* requests of who knows of no proxy are taken too */
	bool tls_decryption, registered_only, unscannable_allow, encrypted_allow, encrypted_ask, scan_uploads;
	enum fail_mode scan_fail;
	enum revocation_mode revocation; /* revocation.h */
	uint64_t scan_max; /* bytes */
	int64_t progress_after; /* ms until a person who waits for a file gets a page about it; 0: never */
	int64_t trickle_after;  /* ms until a program gets a few bytes of what isn't judged yet; 0: never */
	struct prefix *terminals, *child_proxies, *terminal_servers;
	struct prefix *prefixes; /* the organisation's own: where terminals are that a child proxy may name */
	size_t n_terminals, n_child_proxies, n_terminal_servers, n_prefixes;
	struct adjust adjust;
	const char *pac; /* the proxy auto-config file; "" none */
	const char *release_mail; /* whom people ask for a release; "" nobody */
	struct url_set *no_decrypt, *websockets;
	struct conf_timed *breakouts;   /* services that go by the breakout line */
	struct conf_timed *undecrypted; /* beside no_decrypt, for a time */
	size_t n_breakouts, n_undecrypted;
	const char **no_decrypt_categories;
	size_t n_no_decrypt_categories;
	const char **deny_ja4; /* of ClientHellos that are refused (ja4.h) */
	size_t n_deny_ja4;
	struct url_policy_set *url;
	struct conf_inspection *inspections;
	size_t n_inspections;
	struct conf_users *users; /* NULL: nobody is asked who he is */
};

struct conf_host {
	const char *name;
	struct prefix addr;
};

struct conf {
	atomic_uint refs;
	struct arena arena;
	char digest[72];
	unsigned threads;
	const char *service;
	const char *proxy_name; /* for TLS to the proxy itself; "": there is none */
	uint16_t connect_ports[32], http_ports[32];
	size_t n_connect_ports, n_http_ports;
	struct prefix *refuse, *except;
	size_t n_refuse, n_except;
	int verdict_ms; /* an answer is held so long for its verdict */
	uint64_t held_max; /* bytes, CONF_HELD */
	int64_t held_ms;   /* HOLD_GRACE_MS */
	int asked_ms;      /* CONF_ASKED_MS */
	bool dev;
	bool categories;   /* some rule names one: an index should be there */
	struct conf_host *hosts;
	size_t n_hosts;
	X509_STORE *store; /* the system's authorities and origin_ca; NULL in tests */
	struct url_set *common;
	const char **deny_ja4; /* for all organisations */
	size_t n_deny_ja4;
	struct conf_org *orgs; /* sorted by code */
	size_t n_orgs;
};

/* refs is 1 then. system_ca (may be NULL): certificates trusted beside origin_ca. */
int conf_parse(struct str json, STACK_OF(X509) *system_ca, struct conf **ret, struct err *err);
struct conf *conf_ref(struct conf *c);
void conf_unref(struct conf **c);
const struct conf_org *conf_org(const struct conf *c, const char *code);
bool conf_port_allowed(const struct conf *c, uint16_t port); /* of CONNECT */
/* Of plain HTTP: to any other port a request is a way to speak to mail servers and the like. Never 443. */
bool conf_http_port_allowed(const struct conf *c, uint16_t port);
bool conf_undecrypted(const struct conf_org *o, const char *host); /* what goes there isn't looked into, now */
/* The rule by which a program is refused: "service.deny_ja4[0]", "url.deny_ja4[3]". False: none; nor is "" on a list. */
bool conf_ja4_denied(const struct conf *c, const struct conf_org *o, const char *ja4, char rule[CONF_RULE]);
bool conf_timed_match(const struct conf_timed *t, size_t n, const char *host); /* one of them, now */
bool conf_is_child_proxy(const struct conf_org *o, const struct prefix *address);
bool conf_is_terminal_server(const struct conf_org *o, const struct prefix *address);
bool conf_terminal_ok(const struct conf_org *o, const struct prefix *terminal); /* registered_only */
const struct prefix *conf_host(const struct conf *c, const char *name);         /* dev.hosts; ".x" holds below x */

#endif
