/* The checked description: service → prefecture → organisation. What everything that runs is compiled from.
 *
 * model_load() reads a directory of JSON files (comments and trailing commas allowed): service.json,
 * prefectures/NN.json, orgs/CODE.json. It reports every fault at once, each with its path; it returns a
 * model only when there is none. A model is read-only and owns all its memory in one arena.
 * Requirements: F-06 F-10 M-001 M-003 M-004 M-022 M-052 S-16 X-09 X-22. */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include "base/arena.h"
#include "base/err.h"

#include <netinet/in.h>

/* IPv4 or IPv6 prefix; an address is a prefix of full length. */
struct prefix {
	uint8_t family; /* 4 or 6 */
	uint8_t len;
	uint8_t addr[16]; /* network order; v4 in the first four */
};

enum org_kind { ORG_PREFECTURE, ORG_CITY, ORG_TOWN, ORG_VILLAGE, ORG_UNION };
enum org_state { STATE_PREPARING, STATE_MIGRATING, STATE_LIVE, STATE_WATCHED, STATE_LEAVING };
enum org_model { MODEL_ALPHA, MODEL_ALPHA2, MODEL_BETA, MODEL_BETA2 };
enum fw_action { FW_DENY, FW_ALLOW };
enum fw_direction { FW_OUT, FW_IN }; /* as seen from the organisation */
enum url_mode { URL_BLACKLIST, URL_WHITELIST_ONLY };
enum revocation_mode { REVOCATION_OFF, REVOCATION_SOFT, REVOCATION_HARD }; /* what an origin's authority is asked, and what its silence means */
enum fail_mode { FAIL_CLOSED, FAIL_OPEN };
enum ips_mode { IPS_OFF, IPS_DETECT, IPS_PREVENT };
/* Who may sign in at the desk from a body's network: nobody; its own clerks; and those who see several bodies (prefecture, NOC, SOC) too. */
enum desk_people { DESK_OFF, DESK_OWN, DESK_ALL };
enum ips_fail { IPS_CLOSED, IPS_BRIDGE };

struct options { /* named as the columns of saga.csv */
	bool ad_monitoring, tls_decryption, mail_sanitize_a, mail_sanitize_b, file_sanitize, tamper_detection,
		remote_desktop, edr;
};

enum gateway_kind { GATEWAY_SMS, GATEWAY_VOICE, GATEWAY_WEBHOOK };

struct gateway { /* who carries notices beside the mail relay (M-087) */
	const char *name;
	enum gateway_kind kind;
	const char *url;
	const char *body; /* template of the request's body; {{to}} {{text}} {{reference}} {{org}} {{severity}} */
	bool form;        /* body is percent-encoded; else JSON */
	bool plain;       /* http: the way there is guarded otherwise */
};

struct contact {
	const char *name;      /* "総務課 山田" */
	const char *mail;
	const char *phone;     /* or "" */
	const char *sms, *voice; /* numbers told by SMS and by voice, or "" */
	const char *webhook;   /* a gateway's name, or "" */
	uint8_t min_severity;  /* told from this 危険度 (0–3) up */
	uint8_t order;         /* 1 is asked first; escalation goes upwards */
};

/* Named once, used in rules: an organisation's own, or the service's for all. */
struct address_group {
	const char *name;
	struct prefix *members;
	size_t n_members;
};

struct fw_ports {
	uint8_t protocol;             /* IPPROTO_TCP, _UDP, _ICMP; 0: any */
	uint16_t port_low, port_high; /* 0,0: any */
};

struct service_group {
	const char *name;
	struct fw_ports *members;
	size_t n_members;
};

/* Times of the week, Asia/Tokyo: [open, close) on each of the days. A night is two windows. */
struct window {
	uint8_t *days; /* 0 = Sunday … 6 */
	size_t n_days;
	uint16_t open_minute, close_minute;
};

struct schedule {
	const char *name;
	struct window *windows;
	size_t n_windows;
};

/* A list of addresses kept outside the description (feed.h), pinned: nothing goes there or comes from there. */
struct address_feed {
	const char *name;
	const char *digest; /* "sha256:…" of the file, STATE/feeds/addr/HEX */
	const char *comment;
};

/* A named service of the Internet (M-012) that organisations may send by the breakout line: known by addresses, by names, or both. */
struct breakout_service {
	const char *name;
	const char *title;  /* "Microsoft 365" */
	const char *addresses; /* "sha256:…" of the list of them, kept as those of address_feed; "" none */
	const char **names; /* hosts and .domains; only the proxy knows a packet's name */
	size_t n_names;
	const char *comment;
};

/* A sanitiser (無害化) or sandbox beside the cloud, which files are shown to by ICAP (RFC 3507). */
struct inspector {
	const char *name;
	struct prefix address;
	uint32_t port;
	const char *path; /* "/respmod" */
	uint32_t timeout_s;
};

struct inspection { /* one organisation's use of it */
	const char *inspector;
	const char **kinds; /* "documents", "all", or as deny_downloads */
	size_t n_kinds;
	const struct inspector *is; /* derived */
};

/* Of the proxy's sockets whose peer has one of those names: what the packet filter knows them by. */
#define BREAKOUT_PRIORITY 6

struct breakout { /* of the service */
	const char *line; /* an uplink's name, not the first's; "": there is no breakout */
	struct breakout_service *services;
	size_t n_services;
};

struct breakout_use { /* one organisation's opting in */
	const char *service, *owner, *reason;
	int64_t expires_ms; /* never 0 */
	const struct breakout_service *is; /* derived */
};

/* What goes by the breakout line leaves by addresses of its own, so that what comes back is told apart too. */
struct org_breakout {
	struct prefix global4, global6;
	uint32_t guaranteed_mbps, ceiling_mbps, burst_mbps, burst_s; /* of that line; see struct org */
	struct breakout_use *services;
	size_t n_services; /* 0: no breakout */
};

#define BGP_PEERS_MAX 8
#define BGP_SECRETS 32
struct bgp_peer { /* a router of the upstream that takes announcements of what to drop (M-013) */
	const char *name;
	struct prefix address; /* in an uplink's network */
	uint32_t as;
	bool flowspec;         /* takes single flows too (RFC 8955), not only whole addresses (RFC 7999) */
	uint32_t secret;       /* which of the vault's secrets signs the session (RFC 2385), BGP_SECRETS at most; 0: none */
};
struct mitigation {
	uint32_t as;           /* ours */
	struct bgp_peer *peers;
	size_t n_peers;
	struct prefix *guard;  /* addresses that are never announced, whoever orders it */
	size_t n_guard;
};

struct limits { /* 0: none */
	uint32_t per_source;     /* connections a source may hold at once */
	uint32_t total;          /* connections at once by the rule */
	uint32_t new_per_second; /* connections a source may open a second */
	uint32_t prefix_per_second; /* the same for all sources of a /24 (IPv6: /48) together */
	/* Under attack: more connections a second than attack_per_second are opened by all, and until attack_hold_s have passed
	 * without. A source then may open attack_per_source a second; one that tries more is shut out for five minutes. */
	uint32_t attack_per_second, attack_per_source, attack_hold_s;
};

/* What a rule matches once its groups and its schedule are looked up (resolve.c); derived, not in the file. */
struct fw_match {
	const struct prefix *from, *to; /* empty: any */
	size_t n_from, n_to;
	const struct fw_ports *ports; /* one at least */
	size_t n_ports;
	const struct schedule *when; /* NULL: always */
};

struct fw_rule {
	const char *id;        /* unique within the organisation */
	enum fw_direction direction;
	enum fw_action action;
	struct prefix *from, *to; /* empty: any (allowed ones only) */
	size_t n_from, n_to;
	const char **from_groups, **to_groups, **services; /* names; beside from and to, in place of protocol and ports */
	size_t n_from_groups, n_to_groups, n_services;
	struct fw_ports ports;
	const char *schedule; /* "": always */
	struct limits limits;
	const char *comment;
	const char *owner;
	int64_t expires_ms;       /* 0: never */
	struct fw_match match;
};

/* A server of the organisation that the Internet reaches by one of its global addresses. */
struct publish {
	const char *id;        /* unique among its rules too */
	struct prefix address; /* global, the organisation's alone */
	uint8_t protocol;      /* IPPROTO_TCP or _UDP */
	uint16_t port;
	struct prefix server;  /* inside, of the same family */
	uint16_t server_port;
	struct prefix *from;   /* empty: the Internet */
	size_t n_from;
	const char **from_groups;
	size_t n_from_groups;
	const char *schedule;
	struct limits limits;
	const char *comment, *owner;
	int64_t expires_ms;
	struct fw_match match; /* as the filter sees it: to the server */
};

struct url_exception {
	const char *pattern; /* host, .domain, or http(s)://exact */
	bool allow;
	const char *owner, *reason;
	int64_t expires_ms; /* never 0 */
};

struct decrypt_exception {
	const char *name; /* host or .domain */
	const char *owner, *reason;
	int64_t expires_ms; /* never 0 */
};

enum url_action { URL_DENY, URL_ALLOW, URL_COACH, URL_OVERRIDE }; /* COACH: a warning first; OVERRIDE: with a reason */
enum url_days { URL_DAYS_ALL, URL_DAYS_WEEKDAYS, URL_DAYS_WEEKEND };
struct url_category_rule {
	const char *id;
	const char **categories; /* model/category.h */
	size_t n_categories;
	enum url_action action;
	enum url_days days;
	uint16_t from_minute, to_minute; /* Japan's time of day; equal: all day; to before from: over midnight */
	struct prefix *terminals;        /* for whom; empty: for all */
	size_t n_terminals;
	const char **groups;             /* of users, for whom; empty: for all */
	size_t n_groups;
};

struct url_group_list { /* lists for users of certain groups, asked before the organisation's own */
	const char *id;
	const char **groups;
	size_t n_groups;
	const char **black, **white;
	size_t n_black, n_white;
};

struct url_policy {
	enum url_mode mode;
	const char **black, **white; /* "host", ".domain" (it and below), "http://host/path" exact, address or CIDR */
	size_t n_black, n_white;
	struct url_exception *exceptions;
	size_t n_exceptions;
	struct url_category_rule *categories; /* the first that holds decides */
	size_t n_categories;
	struct url_group_list *group_lists;   /* the first that says anything decides */
	size_t n_group_lists;
	bool safe_search;
	uint32_t upload_max_mib;     /* 0: the proxy's own ceiling */
	const char **deny_downloads; /* groups of real types: "programs", … (scan/type.h's groups) */
	size_t n_deny_downloads;
	const char **websockets;     /* hosts and .domains whose WebSockets pass */
	size_t n_websockets;
	const char **deny_uploads;   /* the same groups */
	size_t n_deny_uploads;
	const char **deny_ja4;       /* fingerprints of programs that are refused */
	size_t n_deny_ja4;
};

/* Whose accounts of a shared service may be used from here: told to the service by request headers. Empty: any. */
struct tenants {
	const char **microsoft, **google, **slack; /* domains or tenant ids; domains; workspace ids */
	size_t n_microsoft, n_google, n_slack;
	const char *microsoft_context, *slack_requester; /* the own directory's id, the own workspace's or organisation's */
};

struct terminal {
	struct prefix addr;
	const char *name;
};

struct holiday_calendar {
	const char **closed; /* "2026-12-29", the body's own closed days beside national holidays */
	size_t n_closed;
	uint16_t open_minute, close_minute; /* of the day, 510 = 8:30, 1035 = 17:15 */
};

struct consent { /* 事前承認: blocks decided for others apply here at once from this severity up */
	bool given;
	uint8_t min_severity;
	const char *by, *date;
};

enum zone_type { ZONE_A = 1, ZONE_NS = 2, ZONE_CNAME = 5, ZONE_PTR = 12, ZONE_MX = 15, ZONE_TXT = 16, ZONE_AAAA = 28, ZONE_SRV = 33,
	ZONE_DS = 43, ZONE_TLSA = 52, ZONE_CAA = 257 }; /* the numbers of IANA's registry */

struct zone_record {
	const char *name; /* within the zone: "@" the zone itself, "www", "*.app" */
	enum zone_type type;
	uint32_t ttl;     /* seconds; 0: the zone's */
	const char *data; /* by type: rdata.h. Names in it are whole names without a dot at the end */
};

#define SECONDARY_SECRETS 64
struct zone_secondary { /* somebody else's name server that serves the zone too */
	const char *name;       /* as the zone's NS names it */
	struct prefix address;
	uint32_t secret;        /* which of the vault's secrets signs its transfers (RFC 8945), from 1; one address each */
};
struct dns_zone { /* a zone of the authoritative name servers (M-019) */
	const char *name; /* "town.example.lg.jp" */
	uint32_t ttl;     /* of records that have none of their own, seconds */
	struct prefix *parents; /* the parent's name servers, asked for the DS record before a new KSK counts; empty: it never rolls by itself */
	size_t n_parents;
	struct zone_secondary *secondaries;
	size_t n_secondaries;
	struct zone_record *records;
	size_t n_records;
};

struct dns_policy { /* what its terminals' questions to the resolver get (M-018) */
	bool safe_search; /* search engines and video sites answer by their restricted names */
	bool encrypted;   /* DNS over TLS (RFC 7858) and HTTPS (RFC 8484) too */
};

enum waf_mode { WAF_BLOCK, WAF_DETECT };

struct site_origin {
	struct prefix addr; /* inside the organisation, or a public address */
	uint16_t port, weight;
	bool backup;
};

struct waf_exclusion {
	uint32_t rule;         /* of the CRS */
	const char *path;      /* begins so; "" everywhere */
	const char *parameter; /* "" all */
	const char *owner, *reason;
	int64_t expires_ms; /* never 0 */
};

#define SITES_MAX 200
#define SITE_ACME_NAMES 8 /* its name and aliases, where the certificate is got by ACME */
struct site { /* a public web site */
	const char *name;     /* "www.city.saga.example" */
	const char *title;    /* "公式サイト" */
	const char **aliases; /* other names of it */
	size_t n_aliases;
	struct site_origin *origins; /* all inside the organisation, or all outside; of one IP version */
	size_t n_origins;
	enum waf_mode waf;
	uint8_t paranoia; /* of the CRS, 1–4 */
	struct waf_exclusion *exclusions;
	size_t n_exclusions;
	uint32_t body_max_mib;
	const char **certificate; /* "base64:" + DER, the site's own first; empty: HTTP only. The key is in the vault */
	size_t n_certificate;
	bool acme;               /* its certificate is got and renewed by itself (RFC 8555) */
	uint32_t cache_s; /* how long a page is kept where its origin says nothing; 0: never */
	bool disaster;    /* a page may be shown when its origin is gone, with the time it was fetched; its visitors have no cookies */
	const char **look;     /* paths of pages that are looked at for defacement */
	size_t n_look;
	uint32_t look_every_s;
	uint32_t stale_s; /* so long after it ceased to be fresh, of a disaster site */
};

#define LOG_PORT 514      /* RFC 5426; also by TCP, RFC 6587 */
#define LOG_TLS_PORT 6514 /* RFC 5425 */
/* What a body's own device sends (F-05, F-18, X-02): the receiver knows it by attachment and address. */
enum log_format { LOG_AUTO, LOG_SYSLOG, LOG_JSON, LOG_CEF, LOG_LEEF, LOG_FORTIGATE, LOG_PALOALTO, LOG_ASA, LOG_SQUID, LOG_WINDOWS, LOG_LINUX };
enum log_zone { LOG_JST, LOG_UTC };
#define USER_GROUPS_MAX 32
#define USER_GROUP_NAME 16 /* bytes, with its NUL */
struct user_group {
	const char *name, *dn; /* what rules call it; its entry in the directory */
};

/* Who may use the proxy: people of the organisation's own directory (LDAP, Active Directory), by their password or a ticket (Kerberos). */
struct proxy_users {
	const char *directory;     /* "ldaps://dc1.city.example", or "ldap://…" with StartTLS; "": nobody is asked who he is */
	struct prefix *servers;    /* where it is, inside the organisation: the next where one doesn't answer */
	size_t n_servers;
	const char **ca;           /* "base64:" + DER: who may certify its name */
	size_t n_ca;
	const char *base, *filter; /* where people are looked for, and by what: "(sAMAccountName=%u)" */
	const char *name_attribute, *groups_attribute;
	const char *bind_dn, *bind_secret; /* who looks; the password, wrapped by the vault ("v1:…"), or … */
	const char *bind_as;               /* … the person himself does: "%u@city.example" */
	const char *keytab;        /* the proxy's key in the realm, wrapped ("v1:…"): people show tickets; "": they don't */
	bool passwords;            /* names and passwords are asked for; beside tickets: where there is none */
	struct user_group *groups;
	size_t n_groups;
	const char *realm;         /* what a browser shows as it asks; "": name_en */
	struct prefix *exempt_terminals; /* need not say who they are … */
	size_t n_exempt_terminals;
	const char **exempt_destinations; /* … and nobody needs to for these hosts and .domains */
	size_t n_exempt_destinations;
	enum fail_mode fail;       /* no directory answers: nobody gets through, or everybody, without a name */
	bool clear;                /* passwords are taken over the unencrypted proxy port too */
};

struct log_source {
	const char *name;        /* unique within the body */
	struct prefix addr;      /* one host */
	const char *hostname;    /* "" it sends itself; else it stands behind the relay at addr, and its lines name it so */
	enum log_format format;
	enum log_zone zone;      /* of times that name none */
	uint32_t silent_s;       /* nothing heard for so long: an alarm; 0: never */
	const char *certificate; /* SHA-256 (hex) of its certificate: by TLS only; "": any transport */
};

/* Which kind of record, as class_uid of OCSF. */
enum record_class { CLASS_NONE, CLASS_PROCESS = 1007, CLASS_FINDING = 2004, CLASS_LOGIN = 3002, CLASS_NETWORK = 4001, CLASS_HTTP = 4002, CLASS_DNS = 4003,
	            CLASS_MAIL = 4009, CLASS_LIFECYCLE = 6002, CLASS_API = 6003 };
#define RECORD_CLASSES 9
struct class_retention {
	enum record_class class;
	uint16_t days;
};

struct org {
	char code[7];        /* 全国地方公共団体コード with check digit */
	uint16_t index;      /* 1…: position by code order of joining (stable: stands in the file); names zone, mark, table */
	const char *name, *name_en;
	enum org_kind kind;
	enum org_state state;
	enum org_model model;
	const struct prefecture *prefecture;
	const char *interface;  /* attachment: the gateway's interface it comes in by, "o412015" */
	char pattern;           /* 'A' or 'B' (接続パターン) */
	struct prefix *prefixes; /* its inside networks; may overlap those of other bodies */
	size_t n_prefixes;
	struct prefix router4, router6; /* its router on the attachment link: next hop towards its prefixes */
	struct prefix global4, global6; /* its own source address towards the Internet */
	struct terminal *terminals;  /* registered terminals */
	size_t n_terminals;
	bool transparent;            /* what its terminals send to ports 80 and 443 goes through the proxy, whether they know of it or not */
	bool registered_only;        /* S-16: only registered terminals may use the proxy */
	struct prefix *child_proxies; /* whose X-Forwarded-For is believed */
	size_t n_child_proxies;
	struct prefix *terminal_servers; /* many people work at one address: it isn't counted as one terminal */
	size_t n_terminal_servers;
	uint32_t guaranteed_mbps, ceiling_mbps, burst_mbps; /* always there · for long · for burst_s at once */
	uint32_t burst_s;
	uint32_t staff, users;
	struct options options;
	struct contact *contacts; /* sorted by order */
	size_t n_contacts;
	struct holiday_calendar calendar;
	const char *demarcation;  /* 責任分界点 in words */
	struct address_group *address_groups;
	struct service_group *service_groups;
	struct schedule *schedules;
	size_t n_address_groups, n_service_groups, n_schedules;
	struct fw_rule *fw;
	size_t n_fw;
	struct publish *publish;
	size_t n_publish;
	struct prefix *publics; /* derived: global4, global6, the breakout's, and each other address that is published, once */
	size_t n_publics;
	struct org_breakout breakout;
	struct inspection *inspections; /* in this order */
	size_t n_inspections;
	struct url_policy url;
	struct proxy_users proxy_users;
	struct tenants tenants;
	enum ips_mode ips;        /* what the intrusion prevention does with its traffic on inspected lines */
	const char **no_decrypt;  /* hosts and .domains that are passed undecrypted */
	size_t n_no_decrypt;
	const char **no_decrypt_categories; /* hosts of these aren't opened either */
	size_t n_no_decrypt_categories;
	struct decrypt_exception *decrypt_exceptions; /* the same, each for a time */
	size_t n_decrypt_exceptions;
	enum revocation_mode revocation;
	enum fail_mode scan_fail;  /* what happens to a page when no verdict can be had */
	uint32_t scan_max_mib;     /* larger bodies are "unscannable" */
	uint32_t trickle_after_s;  /* a program that waits longer gets a few bytes before the verdict; 0: never */
	uint32_t progress_after_s; /* a person who waits longer for a file gets a page about it; 0: never */
	bool unscannable_allow, encrypted_allow, encrypted_ask, scan_uploads;
	struct consent consent;
	struct site *sites;
	size_t n_sites;
	uint16_t retention_days;
	struct class_retention *retention; /* classes that are kept for longer or shorter than that */
	size_t n_retention;
	uint16_t hot_days; /* 0: its records stay where they are written */
	uint16_t packet_days; /* packets of intrusion alerts are kept so long as evidence; 0: none is */
	struct dns_zone *zones;
	size_t n_zones;
	struct dns_policy dns;
	enum desk_people desk;
	struct log_source *log_sources;
	size_t n_log_sources;
};

struct prefecture {
	char code[3];  /* "41" */
	const char *name, *name_en;
	struct contact *contacts; /* informed of everything of severity ≥ min_severity (M-091) */
	size_t n_contacts;
};

#define UPLINKS_MAX 8
/* What is given out of a line: a little less than it carries, or the queue would stand at the other end, where nobody
 * shares it out. The node's own traffic (resolver, notices, time) has a class like a body's. */
#define LINE_GIVEN 95 /* percent */
#define LINE_NODE 1
#define LINE_ORGS (LINE_GIVEN - LINE_NODE)
struct uplink { /* a line to the Internet */
	const char *name;      /* "isp1": what people call it */
	const char *interface; /* "wan0" */
	const char *port;      /* "line0": the line's own socket; inspected packets go between it and interface, a virtual cable
	                        * made for it. "": interface is the line itself, nothing is inspected */
	struct prefix addr4, addr6, gateway4, gateway6;
	uint32_t in_mbps, out_mbps; /* what the line carries: from the Internet, towards it */
	uint8_t priority;           /* the lowest of those that work carries the traffic; unique */
	struct prefix *probes;      /* whom to ask through the line whether it works; empty: its next hops */
	size_t n_probes;
};

#define NAME_SERVERS_MAX 2
struct name_server { /* one that the Internet asks for the zones */
	const char *name; /* "ns1.pref.lg.jp" */
	struct prefix addr4, addr6;
};

struct time_server {
	const char *host; /* name or address */
	bool nts;         /* asked under NTS (RFC 8915): who answers has proven who he is */
};

#define PAIR_NODES 2
struct pair_node { /* one of two gateways that hold the same generation; one of them carries the traffic */
	const char *name;       /* "gw1": TORIDE_NODE there, or its host name */
	struct prefix sync4;    /* on the link between the two, with its network's length */
	struct prefix *own;     /* its own address in each uplink's network, with that one's length */
	size_t n_own;
};
struct pair {
	const char *interface;  /* "sync0": the link between the two nodes; "": there is one node only */
	uint32_t heartbeat_ms;  /* between two signs of life; three missed: the other takes over */
	struct pair_node *nodes;
	size_t n_nodes;
};

struct service {
	const char *name, *name_en;
	const char *node;            /* "gw1" */
	struct pair pair;
	struct uplink *uplinks; /* sorted by priority; with a pair their addresses are those of the node that carries the traffic */
	size_t n_uplinks;
	struct breakout breakout;
	struct inspector *inspectors;
	size_t n_inspectors;
	struct mitigation mitigation;
	struct {
		uint32_t probe_ms; /* between two rounds of questions through each line */
		uint32_t lost;     /* rounds without any answer: the line has failed */
		uint32_t loss_percent; /* so much of the last loss_rounds questions of the target that answers best was lost: it has too; 0: never */
		uint32_t loss_rounds;
		uint32_t back_s;   /* answered without a gap for so long: it is used again */
	} failover;
	struct prefix proxy4, proxy6; /* what terminals name as proxy; the same for all organisations */
	uint16_t proxy_port;
	const char *proxy_name;       /* by which terminals reach it over TLS; "": they reach it unencrypted only */
	struct prefix dns4, dns6;     /* what terminals name as resolver */
	struct name_server *name_servers; /* two where there are zones; in the order of the zones' NS records */
	size_t n_name_servers;
	struct {
		struct prefix addr4, addr6; /* what terminals name as time server; unset: no time is served */
		struct time_server *servers;
		size_t n_servers;
		uint32_t drift_ms; /* the node's own clock is further off: an alarm */
		uint32_t silent_s; /* no server above has answered as it should for so long: an alarm */
	} time;
	struct {
		const char *url, *bucket, *region, *key_id; /* url "": cold segments stay on the cold disk */
		uint32_t lock_days; /* the store lets nobody remove them for so long */
	} cold;
	const char **cold_left; /* stores that may be left although records lie there, as service_cold_store() names them */
	size_t n_cold_left;
	struct {
		const char **urls; /* of the cluster's servers, asked in this order; none: the embedded one */
		size_t n_urls;
		const char *user, *database, *cluster; /* cluster: its name there; "": one server, no replicas */
		uint32_t away_s; /* the index is out of reach for so long: an alarm */
	} store;
	struct {
		const char *name;           /* "desk.cloud.pref.lg.jp": what people open in their browser; "": the desk isn't reached from bodies */
		struct prefix addr4, addr6; /* what that name leads to, for the bodies' terminals alone */
	} desk;
	struct prefix log4, log6;     /* what devices name as syslog server; the same for all. Unset: no device is listened to */
	const char *acme;             /* directory (URL) of the authority that public sites' certificates are got from (RFC 8555); "" */
	uint32_t web_source_per_s;    /* requests a second of one visitor to one site; ten times that of one network */
	uint32_t web_connections;     /* connections of one visitor to all sites at once; ten times that of one network */
	uint32_t web_new_per_s;       /* connections one visitor may open a second; four times that at once */
	uint32_t web_attack_per_s;    /* more connections a second by all are an attack: each visitor may open few then */
	uint32_t web_forms_per_min;   /* forms sent by one visitor to one site */
	struct prefix web4, web6;     /* what names of public sites lead to; the same for all. Unset: none is published */
	struct prefix internal4;      /* /16 that holds one /24 an organisation, inside the node only; to /10 for more than 254 */
	struct prefix *management, *lgwan; /* nobody's terminals ever reach these */
	size_t n_management, n_lgwan;
	struct address_feed *address_feeds;
	size_t n_address_feeds;
	struct prefix *doh_resolvers; /* public resolvers by HTTPS and TLS: no terminal asks them */
	size_t n_doh_resolvers;
	struct address_group *address_groups;
	struct service_group *service_groups;
	struct schedule *schedules;
	size_t n_address_groups, n_service_groups, n_schedules;
	const char **root_hints;      /* addresses of root servers; empty: the resolver's built-in */
	size_t n_root_hints;
	const char *trust_anchor;     /* DS record of the root, "" : the resolver's built-in */
	const char **origin_ca;       /* "base64:" + DER: authorities trusted beside the system's */
	size_t n_origin_ca;
	const char **black;           /* common black list, same forms as url_policy */
	size_t n_black;
	const char **deny_categories; /* for all organisations */
	size_t n_deny_categories;
	const char **deny_ja4;        /* the same */
	size_t n_deny_ja4;
	struct gateway *gateways; /* of one kind: the first is asked, then the next */
	size_t n_gateways;
	struct {
		const char *host; /* SMTP relay */
		uint16_t port;
		const char *from;
	} mail;
	struct {
		uint32_t notice_s;     /* 900: judgement → 緊急連絡 */
		uint32_t escalate1_s;  /* 300: next contact when silent */
		uint32_t escalate2_s;  /* 600 */
		uint16_t day_minute, night_minute; /* of the day: when the desk's shifts change */
		uint32_t block_hours;  /* how long an automatic block lasts */
	} clock;
	struct {
		enum ips_fail fail;    /* while the engine doesn't run: inspected lines are closed, or bridged uninspected */
		uint8_t threads;       /* a line and direction */
		const char **rules;    /* SHA-256 (hex) of prepared rule files, STATE/feeds/ips/HEX.rules (ips/book.h), beside our own */
		size_t n_rules;
		bool mirror;           /* what the web proxy decrypts is inspected too (detect only) */
		uint32_t trial_s;      /* how long a new signature only alerts before it may act */
	} ips;
	bool tell_medium;          /* severity 1 (an attack that failed) is told by mail in office hours; without it, at the page and in the month's numbers alone */
	const char *page;          /* loopback address of the page, "127.0.0.1:8480" */
	const char *page_url;      /* how people reach it, "https://desk.example.jp"; "" : desk.name, or mails hold no link */
	const char *state_dir;     /* where the node keeps its files, "/var/lib/toride"; = place_state() there */
	const char *run_dir;       /* its sockets, "/run/toride"; = place_run() there. Compiled configurations name
	                            * absolute paths below these two */
	uint32_t proxy_threads;
};

struct model {
	struct arena arena;
	struct service service;
	struct prefecture *prefectures;
	size_t n_prefectures;
	struct org *orgs; /* sorted by code */
	size_t n_orgs;
	char digest[72];  /* "sha256:" + hex over the canonical form */
	const char *canonical; /* canonical JSON of the whole description */
	size_t canonical_len;
};

struct fault {
	char path[256]; /* "orgs[412015].url.black[3]"; of a file that can't be read: "orgs/412015.json:12:5" */
	char msg[256];
	char msg_ja[256]; /* the same in Japanese */
};

struct faults {
	struct fault *list;
	size_t n, cap;
	bool lost; /* one had no memory: n may be 0 then though something is wrong */
};

/* 0 and a model, or -E_INVALID with at least one fault (and *err about the first), or another code with *err.
 * *faults must be zeroed; faults_done() frees it in any case. At most 1,000 faults are kept, the last then says so.
 * JSON members have the names of the fields above; where JSON holds a text in place of a number the unit is dropped:
 * expires (RFC 3339), calendar.open and .close ("8:30"). schema.c has the table. */
int model_load(const char *dir, struct model **ret, struct faults *faults, struct err *err);
/* The same from canonical JSON (what generations store): strict JSON, one object of format, service, prefectures, orgs.
 * Other spacing or order is read too; the digest is always the canonical form's, so compare it with what you expect. */
int model_load_canonical(struct str json, struct model **ret, struct faults *faults, struct err *err);
void model_destroy(struct model **m);
void faults_done(struct faults *f);
/* The inner end of an inspected line's virtual cable: UPLINK_INNER + interface. */
#define UPLINK_INNER "i-"
#define UPLINK_INNER_LEN 2
const struct org *model_org(const struct model *m, const char *code); /* NULL when there is none */
/* The store of objects by its name, "https://HOST/BUCKET"; "" where there is none. */
#define COLD_STORE_MAX 400
const char *service_cold_store(const struct service *s, char ret[COLD_STORE_MAX]);

int prefix_parse(struct str s, struct prefix *ret);  /* "10.1.0.0/16", "10.1.0.5"; host bits must be 0 */
int prefix_parse_host(struct str s, struct prefix *ret); /* "192.0.2.1/24": address with its network's length */
#define PREFIX_TEXT 64
const char *prefix_format(const struct prefix *p, char dst[PREFIX_TEXT]);      /* with /len */
const char *prefix_format_addr(const struct prefix *p, char dst[PREFIX_TEXT]); /* without */
bool prefix_contains(const struct prefix *outer, const struct prefix *inner);
bool prefix_among(const struct prefix *list, size_t n, const struct prefix *inner); /* one of them contains it */
bool prefix_is_set(const struct prefix *p);
/* An address alone; -1: of neither family. */
int prefix_from_sockaddr(const struct sockaddr_storage *sa, struct prefix *ret);
socklen_t prefix_to_sockaddr(const struct prefix *p, uint16_t port, struct sockaddr_storage *ret);

#endif
