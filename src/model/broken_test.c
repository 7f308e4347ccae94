/* Broken descriptions: each is two.json with one small edit, and must be refused with exactly one fault, at exactly this
 * path and for exactly this reason. What stands at several places ("ABSENT") can't be reached by an edit of text. */
#include "base/test.h"

#include "base/fs.h"
#include "base/mem.h"
#include "model/model_test.h"

#include <stdio.h>

struct broken {
	const char *find, *replace, *path, *reason;
};

#define ORG1 "orgs[412015]"
#define ORG2 "orgs[412023]"
#define FW "orgs[412015].fw"
#define ZONE "orgs[412015].zones[0]"

static const struct broken cases[] = {
	/* codes, names, words */
	{ "\"code\": \"412015\"", "\"code\": \"412016\"", "orgs[412016].code", "has a wrong check digit" },
	{ "\"code\": \"412015\"", "\"code\": \"41201\"", "orgs[41201].code", "must be six digits" },
	{ "\"code\": \"412015\"", "\"code\": 412015", "orgs[0].code", "must be a text in quotes" },
	{ "\"code\": \"412023\"", "\"code\": \"412015\"", "orgs[412015].code", "stands here twice" },
	{ "\"prefecture\": \"41\"", "\"prefecture\": \"42\"", ORG1 ".prefecture", "no such prefecture in the description" },
	{ "\"code\": \"412023\"", "\"code\": \"011002\"", "orgs[011002].prefecture", "the description has no prefecture 01" },
	{ "\"code\": \"41\"", "\"code\": \"48\"", "prefectures[48].code", "must be a prefecture's number, 01 to 47" },
	{ "\"name\": \"佐賀市\"", "\"name\": \"\"", ORG1 ".name", "must not be empty" },
	{ "\"name\": \"佐賀市\"", "\"name\": \"佐賀\\n市\"", ORG1 ".name", "holds a control character or a line break" },
	{ "\"name\": \"佐賀市\"", "\"name\": \"\\u202e佐賀市\"", ORG1 ".name", "holds a control character or a line break" },
	{ "\"name\": \"佐賀市\"", "\"name\": \"佐賀\\u0000市\"", ORG1 ".name", "holds a control character or a line break" },
	{ "\"name\": \"佐賀市\", ", "", ORG1 ".name", "is missing" },
	{ "\"name\": \"佐賀市\"", "\"name\": \"佐賀市\", \"name\": \"佐賀市\"", ORG1 ".name", "stands here twice" },
	{ "\"kind\": \"city\"", "\"kind\": \"cty\"", ORG1 ".kind", "must be one of prefecture, city, town, village, union" },
	{ "\"state\": \"live\"", "\"state\": \"on\"", ORG1 ".state", "must be one of preparing, migrating, live, watched, leaving" },
	{ "\"model\": \"beta\"", "\"model\": \"gamma\"", ORG1 ".model", "must be one of alpha, alpha2, beta, beta2" },
	{ "\"pattern\": \"B\"", "\"pattern\": \"C\"", ORG1 ".pattern", "must be one of A, B" },
	{ "\"guaranteed_mbps\": 60", "\"gauranteed_mbps\": 60", ORG1 ".gauranteed_mbps", "unknown member; did you mean \"guaranteed_mbps\"?" },
	{ "\"staff\": 1305", "\"zebra\": 1305", ORG1 ".zebra", "unknown member" },
	{ "\"staff\": 1305", "\"st\\naff\": 1305", ORG1 ".st?aff", "unknown member; did you mean \"staff\"?" },
	{ "\"options\": {\"tls", "\"options\": {\"tls_", ORG1 ".options.tls__decryption", "unknown member; did you mean \"tls_decryption\"?" },
	{ "\"tls_decryption\": true", "\"tls_decryption\": 1", ORG1 ".options.tls_decryption", "must be true or false" },
	{ "{\"tls_decryption\": true}", "[]", ORG1 ".options", "must be an object {…}" },
	{ "\"staff\": 1305", "\"staff\": -1", ORG1 ".staff", "must be a whole number from 0 to 1000000" },
	{ "\"staff\": 1305", "\"staff\": 1.5", ORG1 ".staff", "must be a whole number from 0 to 1000000" },
	/* index, interface, addresses */
	{ "\"index\": 2", "\"index\": 1", ORG2 ".index", "is also that of organisation 412015" },
	{ "\"index\": 1", "\"index\": 0", ORG1 ".index", "must be a whole number from 1 to 16381" },
	{ "\"index\": 1", "\"index\": 300", ORG1 ".index", "is too large for the service's internal4" },
	{ "\"interface\": \"wan0\"", "\"interface\": \"wan0\", \"port\": \"wan0\"", "service.uplinks[0].port", "must be another than interface, lo and names that begin with i-" },
	{ "\"interface\": \"wan0\"", "\"interface\": \"wan0\", \"port\": \"i-x\"", "service.uplinks[0].port", "must be another than interface, lo and names that begin with i-" },
	{ "\"interface\": \"wan0\"", "\"interface\": \"wan0-is-so-long\", \"port\": \"line0\"", "service.uplinks[0].interface", "must be 13 characters at most on a line with a port" },
	{ "\"interface\": \"wan0\"", "\"interface\": \"wan0\", \"port\": \"o412015\"", ORG1 ".interface", "is the uplink's or the node's own" },
	{ "\"staff\": 1305", "\"staff\": 1305, \"ips\": \"prevent\"", ORG1 ".ips", "prevents nothing: no uplink has a port" },
	{ "\"staff\": 1305", "\"staff\": 1305, \"hot_days\": 3660", ORG1 ".hot_days", "must be fewer than retention_days: the records are gone by then" },
	{ "\"staff\": 1305", "\"staff\": 1305, \"retention\": [{\"class\": \"dns\", \"days\": 30}, {\"class\": \"dns\", \"days\": 40}]", ORG1 ".retention[1].class", "stands here twice" },
	{ "\"staff\": 1305", "\"staff\": 1305, \"packet_days\": 397", ORG1 ".packet_days", "must be a whole number from 0 to 396" },
	{ "\"staff\": 1305", "\"staff\": 1305, \"ips\": \"off\", \"packet_days\": 30", ORG1 ".packet_days", "keeps nothing: ips is off" },
	{ "\"staff\": 1305", "\"staff\": 1305, \"retention\": [{\"class\": \"other\", \"days\": 30}]", ORG1 ".retention[0].class",
	  "must be one of http, dns, network, email, finding, authentication, process, api, lifecycle" },
	{ "\"staff\": 1305", "\"staff\": 1305, \"retention\": [{\"class\": \"dns\", \"days\": 0}]", ORG1 ".retention[0].days", "must be a whole number from 1 to 3660" },
	{ "\"proxy_threads\": 2", "\"proxy_threads\": 2, \"cold\": {\"url\": \"https://s3.example/\", \"key_id\": \"k\"}", "service.cold.bucket", "is missing: there is a url" },
	{ "\"proxy_threads\": 2", "\"proxy_threads\": 2, \"cold\": {\"bucket\": \"b\"}", "service.cold.url", "is missing: there is a store" },
	{ "\"proxy_threads\": 2", "\"proxy_threads\": 2, \"store\": {\"urls\": [\"http://ch1.example:8123\"]}", "service.store.urls[0]", "must be like https://ch1.example.jp:8443, without a path" },
	{ "\"proxy_threads\": 2", "\"proxy_threads\": 2, \"store\": {\"urls\": [\"https://a.example\", \"https://b.example\"]}", "service.store.cluster", "is missing: several servers hold the same rows only as a cluster's replicas" },
	{ "\"proxy_threads\": 2", "\"proxy_threads\": 2, \"store\": {\"cluster\": \"log\"}", "service.store.urls", "is missing: there is a cluster" },
	{ "\"proxy_threads\": 2", "\"proxy_threads\": 2, \"store\": {\"urls\": [\"https://a.example\", \"https://a.example\"], \"cluster\": \"log\"}", "service.store.urls", "names https://a.example twice" },
	{ "\"proxy_threads\": 2", "\"proxy_threads\": 2, \"store\": {\"urls\": [\"https://a.example\"], \"database\": \"a'; --\"}", "service.store.database", "must be 1 to 48 of a-z, 0-9 and \"_\", a letter first" },
	{ "\"proxy_threads\": 2", "\"proxy_threads\": 2, \"store\": {\"away_s\": 1}", "service.store.away_s", "must be a whole number from 5 to 86400" },
	{ "\"proxy_threads\": 2", "\"proxy_threads\": 2, \"cold_left\": [\"s3.example/log\"]", "service.cold_left[0]", "isn't an https URL" },
	{ "\"staff\": 1305", "\"staff\": 1305, \"ips\": \"block\"", ORG1 ".ips", "must be one of off, detect, prevent" },
	{ "\"block_hours\": 24", "\"night_shift\": \"8:30\"", "service.clock.night_shift", "is also when the day shift begins" },
	{ "\"block_hours\": 24", "\"day_shift\": \"25:00\"", "service.clock.day_shift", "must be a time of day, like \"8:30\"" },
	{ "\"escalate1_s\": 300", "\"escalate1_s\": 600", "service.clock.escalate2_s", "must be more than escalate1_s: both are counted from the first notice" },
	{ "\"node\":", "\"ips\": {\"mirror\": true}, \"node\":", "service.ips.mirror", "nobody inspects it: no uplink has a port" },
	{ "\"node\":", "\"ips\": {\"trial_s\": 0}, \"node\":", "service.ips.trial_s", "must be a whole number from 1 to 7776000" },
	{ "\"node\":", "\"ips\": {\"rules\": [\"0123\"]}, \"node\":", "service.ips.rules[0]", "must be a SHA-256: 64 digits 0-9 and a-f" },
	{ "\"o412015\"", "\"o412015-much-too-long\"", ORG1 ".interface", "must be 1 to 15 of a-z, 0-9 and hyphen" },
	{ "\"o412015\"", "\"O412015\"", ORG1 ".interface", "must be 1 to 15 of a-z, 0-9 and hyphen" },
	{ "\"o412023\"", "\"o412015\"", ORG2 ".interface", "is also that of organisation 412015" },
	{ "\"o412023\"", "\"wan0\"", ORG2 ".interface", "is the uplink's or the node's own" },
	{ "\"interface\": \"o412023\", ", "", ORG2 ".interface", "is missing" },
	{ "198.51.100.102", "198.51.100.101", ORG2 ".global4", "is also that of organisation 412015" },
	{ "198.51.100.102", "198.51.100.2", ORG2 ".global4", "overlaps the gateway 198.51.100.2/32" },
	{ "198.51.100.102", "192.0.2.200", ORG2 ".global4", "overlaps management 192.0.2.128/25" },
	{ "198.51.100.102", "198.51.100.102/32", ORG2 ".global4", "isn't an IPv4 or IPv6 address" },
	{ "\"global4\": \"198.51.100.102\"", "\"global4\": \"2001:db8:100::66\"", ORG2 ".global4", "must be of IPv4" },
	{ ", \"global6\": \"2001:db8:100::65\"", "", ORG1 ".global6", "is missing: there are IPv6 prefixes" },
	{ " \"router6\": \"fd00:64:1::2\",", "", ORG1 ".router6", "is missing: there are IPv6 prefixes" },
	{ "fd00:64:1::2", "2001:db8:4101::2", ORG1 ".router6", "must be a unique local address (fc00::/7)" },
	{ "fd00:64:1::2", "fd00:64:1::1", ORG1 ".router6", "is an address of the node or of no host" },
	{ "100.64.1.2", "100.64.2.3", ORG1 ".router4", "must lie in 100.64.1.0/24, the /24 of index 1" },
	{ "100.64.1.2", "100.64.1.1", ORG1 ".router4", "is an address of the node or of no host" },
	{ "100.64.1.2", "100.64.1.53", ORG1 ".router4", "is an address of the node or of no host" },
	{ "100.64.1.2", "100.64.1.81", ORG1 ".router4", "is an address of the node or of no host" },
	{ "100.64.1.2", "100.64.1.227", ORG1 ".router4", "is an address of the node or of no host" },
	{ "\"10.22.0.0/16\"", "\"10.22.0.1/16\"", ORG2 ".prefixes[1]", "has host bits set; the network is 10.22.0.0/16" },
	{ "\"10.22.0.0/16\"", "\"10.22.0.0/33\"", ORG2 ".prefixes[1]", "isn't a prefix, like 10.1.0.0/16 or 2001:db8::/32" },
	{ "\"10.22.0.0/16\"", "\"10.1.128.0/17\"", ORG2 ".prefixes[1]", "overlaps prefixes[0]" },
	{ "\"10.22.0.0/16\"", "\"0.0.0.0/0\"", ORG2 ".prefixes[1]", "is too wide: at most a /8 by IPv4 and a /16 by IPv6" },
	{ "\"10.22.0.0/16\"", "\"64.0.0.0/7\"", ORG2 ".prefixes[1]", "is too wide: at most a /8 by IPv4 and a /16 by IPv6" },
	{ "\"10.22.0.0/16\"", "\"198.18.5.0/24\"", ORG2 ".prefixes[1]", "overlaps LGWAN 198.18.0.0/16" },
	{ "\"10.22.0.0/16\"", "\"192.0.2.192/26\"", ORG2 ".prefixes[1]", "overlaps management 192.0.2.128/25" },
	{ "\"10.22.0.0/16\"", "\"100.64.9.0/24\"", ORG2 ".prefixes[1]", "overlaps the node's inside 100.64.0.0/16" },
	{ "\"10.22.0.0/16\"", "\"192.0.2.0/27\"", ORG2 ".prefixes[1]", "overlaps the proxy 192.0.2.10/32" },
	{ "\"10.22.0.0/16\"", "\"192.0.2.48/28\"", ORG2 ".prefixes[1]", "overlaps the resolver 192.0.2.53/32" },
	{ "\"10.22.0.0/16\"", "\"127.0.0.0/8\"", ORG2 ".prefixes[1]", "overlaps special addresses 127.0.0.0/8" },
	{ "\"10.22.0.0/16\"", "\"198.51.100.96/29\"", ORG2 ".prefixes[1]", "overlaps 198.51.100.101/32 of organisation 412015" },
	{ "\"10.22.0.0/16\"", "\"198.51.100.128/25\"", ORG2 ".prefixes[1]", "overlaps the uplink's network" },
	{ "[\"10.1.0.0/16\", \"10.22.0.0/16\"]", "[]", ORG2 ".prefixes", "must hold at least one entry" },
	{ "[\"10.1.0.0/16\", \"10.22.0.0/16\"]", "\"10.1.0.0/16\"", ORG2 ".prefixes", "must be a list […]" },
	/* terminals, proxies, bandwidth */
	{ "\"10.1.0.6\"", "\"10.3.0.6\"", ORG1 ".terminals[1].addr", "lies outside the organisation's own prefixes" },
	{ "\"10.1.0.6\"", "\"10.1.0.5\"", ORG1 ".terminals[1].addr", "stands here twice" },
	{ "\"10.1.0.6\"", "\"10.1.0.600\"", ORG1 ".terminals[1].addr", "isn't an IPv4 or IPv6 address" },
	{ "\"10.1.0.8\"", "\"10.3.0.8\"", ORG1 ".child_proxies[0]", "lies outside the organisation's own prefixes" },
	{ "\"10.1.0.8\"]", "\"10.1.0.8\"], \"terminal_servers\": [\"10.1.0.9\", \"10.3.0.8\"]", ORG1 ".terminal_servers[1]", "lies outside the organisation's own prefixes" },
	{ "\"global4\": \"198.51.100.102\"", "\"global4\": \"198.51.100.102\", \"registered_only\": true", ORG2 ".registered_only",
	  "shuts everybody out: no terminal is registered" },
	{ "\"guaranteed_mbps\": 60", "\"guaranteed_mbps\": 131", ORG1 ".guaranteed_mbps", "is above ceiling_mbps" },
	{ "\"ceiling_mbps\": 130", "\"ceiling_mbps\": 141", ORG1 ".ceiling_mbps", "is above burst_mbps" },
	{ "\"in_mbps\": 1500", "\"in_mbps\": 100", "service.uplinks[0].in_mbps", "carries too little: the organisations are guaranteed 100 Mbps together, 94 % of the line can be given to them" },
	{ "\"out_mbps\": 1500", "\"out_mbps\": 106", "service.uplinks[0].out_mbps", "carries too little: the organisations are guaranteed 100 Mbps together, 94 % of the line can be given to them" },
	{ "\"interface\": \"wan0\"", "\"interface\": \"toride-in1\"", "service.uplinks[0].interface", "is the node's own" },
	{ "\"proxy_port\": 8080", "\"proxy_port\": 8080, \"mitigation\": {\"peers\": [{\"name\": \"r\", \"address\": \"198.51.100.1\", \"as\": 64500}]}", "service.mitigation.as", "is missing: who speaks to the upstream's routers?" },
	{ "\"proxy_port\": 8080", "\"proxy_port\": 8080, \"mitigation\": {\"as\": 64512, \"peers\": [{\"name\": \"r\", \"address\": \"203.0.113.1\", \"as\": 64500}]}", "service.mitigation.peers[0].address", "lies in no uplink's network" },
	{ "\"proxy_port\": 8080", "\"proxy_port\": 8080, \"mitigation\": {\"as\": 64512, \"peers\": [{\"name\": \"r\", \"address\": \"198.51.100.2\", \"as\": 64500}]}", "service.mitigation.peers[0].address", "is the gateway's own address" },
	{ "\"proxy_port\": 8080", "\"proxy_port\": 8080, \"mitigation\": {\"as\": 64512, \"peers\": [{\"name\": \"r\", \"address\": \"198.51.100.1\", \"as\": 64500}, {\"name\": \"q\", \"address\": \"198.51.100.1\", \"as\": 64501}]}", "service.mitigation.peers[1].address", "stands here twice" },
	{ "\"proxy_port\": 8080", "\"proxy_port\": 8080, \"mitigation\": {\"as\": 64512, \"peers\": [{\"name\": \"r\", \"address\": \"198.51.100.1\", \"as\": 64500, \"secret\": 3}, {\"name\": \"q\", \"address\": \"198.51.100.4\", \"as\": 64501, \"secret\": 3}]}", "service.mitigation.peers[1].secret", "is another router's: each could speak as us to the other" },
	{ "\"proxy_port\": 8080", "\"proxy_port\": 8080, \"mitigation\": {\"as\": 64512, \"peers\": [{\"name\": \"r\", \"address\": \"198.51.100.1\", \"as\": 0}]}", "service.mitigation.peers[0].as", "must be a whole number from 1 to 4294967294" },
	{ "\"proxy_port\": 8080", "\"proxy_port\": 8080, \"failover\": {\"loss_percent\": 101}", "service.failover.loss_percent", "must be a whole number from 0 to 100" },
	{ "\"proxy_port\": 8080", "\"proxy_port\": 8080, \"failover\": {\"loss_rounds\": 5}", "service.failover.loss_rounds", "must be a whole number from 10 to 64" },
	{ "\"proxy_port\": 8080", "\"proxy_port\": 8080, \"failover\": {\"probe_ms\": 10}", "service.failover.probe_ms", "must be a whole number from 50 to 60000" },
	{ "\"proxy_port\": 8080", "\"proxy_port\": 8080, \"time\": {\"silent_s\": 1}", "service.time.silent_s", "must be a whole number from 2 to 86400" },
	{ "\"burst_mbps\": 140", "\"burst_mbps\": 140, \"burst_s\": 251", ORG1 ".burst_s", "must be a whole number from 1 to 250" },
	{ "\"guaranteed_mbps\": 60", "\"guaranteed_mbps\": 0", ORG1 ".guaranteed_mbps", "must be a whole number from 1 to 400000" },
	/* the pair */
	{ "\"proxy_port\": 8080", "\"proxy_port\": 8080, \"pair\": {\"interface\": \"sync0\"}", "service.pair.nodes",
	  "must be two" },
	{ "\"proxy_port\": 8080", "\"proxy_port\": 8080, \"pair\": {\"nodes\": [{\"name\": \"gw1\", \"sync4\": \"10.9.0.1/30\", \"own\": [\"198.51.100.4/24\", \"2001:db8:100::4/64\"]}, {\"name\": \"gw2\", \"sync4\": \"10.9.0.2/30\", \"own\": [\"198.51.100.5/24\", \"2001:db8:100::5/64\"]}]}", "service.pair.interface",
	  "is missing: there are two nodes" },
	{ "\"proxy_port\": 8080", "\"proxy_port\": 8080, \"pair\": {\"interface\": \"wan0\", \"nodes\": [{\"name\": \"gw1\", \"sync4\": \"10.9.0.1/30\", \"own\": [\"198.51.100.4/24\", \"2001:db8:100::4/64\"]}, {\"name\": \"gw2\", \"sync4\": \"10.9.0.2/30\", \"own\": [\"198.51.100.5/24\", \"2001:db8:100::5/64\"]}]}", "service.pair.interface",
	  "is an uplink's" },
	{ "\"proxy_port\": 8080", "\"proxy_port\": 8080, \"pair\": {\"interface\": \"o412015\", \"nodes\": [{\"name\": \"gw1\", \"sync4\": \"10.9.0.1/30\", \"own\": [\"198.51.100.4/24\", \"2001:db8:100::4/64\"]}, {\"name\": \"gw2\", \"sync4\": \"10.9.0.2/30\", \"own\": [\"198.51.100.5/24\", \"2001:db8:100::5/64\"]}]}", "service.pair.interface",
	  "is that of organisation 412015" },
	{ "\"proxy_port\": 8080", "\"proxy_port\": 8080, \"pair\": {\"interface\": \"sync0\", \"nodes\": [{\"name\": \"gw1\", \"sync4\": \"10.9.0.1/30\", \"own\": [\"198.51.100.4/24\", \"2001:db8:100::4/64\"]}, {\"name\": \"gw1\", \"sync4\": \"10.9.0.2/30\", \"own\": [\"198.51.100.5/24\", \"2001:db8:100::5/64\"]}]}", "service.pair.nodes[1].name",
	  "is also that of nodes[0]" },
	{ "\"proxy_port\": 8080", "\"proxy_port\": 8080, \"pair\": {\"interface\": \"sync0\", \"nodes\": [{\"name\": \"gw3\", \"sync4\": \"10.9.0.1/30\", \"own\": [\"198.51.100.4/24\", \"2001:db8:100::4/64\"]}, {\"name\": \"gw2\", \"sync4\": \"10.9.0.2/30\", \"own\": [\"198.51.100.5/24\", \"2001:db8:100::5/64\"]}]}", "service.node",
	  "is none of the pair's nodes" },
	{ "\"proxy_port\": 8080", "\"proxy_port\": 8080, \"pair\": {\"interface\": \"sync0\", \"nodes\": [{\"name\": \"gw1\", \"sync4\": \"10.9.0.1/30\", \"own\": [\"198.51.100.4/24\", \"2001:db8:100::4/64\"]}, {\"name\": \"gw2\", \"sync4\": \"10.9.0.1/30\", \"own\": [\"198.51.100.5/24\", \"2001:db8:100::5/64\"]}]}", "service.pair.nodes[1].sync4",
	  "is also that of nodes[0]" },
	{ "\"proxy_port\": 8080", "\"proxy_port\": 8080, \"pair\": {\"interface\": \"sync0\", \"nodes\": [{\"name\": \"gw1\", \"sync4\": \"10.9.0.1/30\", \"own\": [\"198.51.100.4/24\", \"2001:db8:100::4/64\"]}, {\"name\": \"gw2\", \"sync4\": \"10.9.0.5/30\", \"own\": [\"198.51.100.5/24\", \"2001:db8:100::5/64\"]}]}", "service.pair.nodes[1].sync4",
	  "lies in another network than that of nodes[0]" },
	{ "\"proxy_port\": 8080", "\"proxy_port\": 8080, \"pair\": {\"interface\": \"sync0\", \"nodes\": [{\"name\": \"gw1\", \"sync4\": \"10.9.0.1/30\", \"own\": [\"198.51.100.4/24\", \"2001:db8:100::4/64\"]}, {\"name\": \"gw2\", \"sync4\": \"10.9.0.2/30\", \"own\": [\"198.51.100.5/25\", \"2001:db8:100::5/64\"]}]}", "service.pair.nodes[1].own[0]",
	  "lies in no uplink's network, or has another length" },
	{ "\"proxy_port\": 8080", "\"proxy_port\": 8080, \"pair\": {\"interface\": \"sync0\", \"nodes\": [{\"name\": \"gw1\", \"sync4\": \"10.9.0.1/30\", \"own\": [\"198.51.100.2/24\", \"2001:db8:100::4/64\"]}, {\"name\": \"gw2\", \"sync4\": \"10.9.0.2/30\", \"own\": [\"198.51.100.5/24\", \"2001:db8:100::5/64\"]}]}", "service.pair.nodes[0].own[0]",
	  "is an address that moves with the traffic" },
	{ "\"proxy_port\": 8080", "\"proxy_port\": 8080, \"pair\": {\"interface\": \"sync0\", \"nodes\": [{\"name\": \"gw1\", \"sync4\": \"10.9.0.1/30\", \"own\": [\"198.51.100.101/24\", \"2001:db8:100::4/64\"]}, {\"name\": \"gw2\", \"sync4\": \"10.9.0.2/30\", \"own\": [\"198.51.100.5/24\", \"2001:db8:100::5/64\"]}]}", "service.pair.nodes[0].own[0]",
	  "is an address that moves with the traffic" },
	{ "\"proxy_port\": 8080", "\"proxy_port\": 8080, \"pair\": {\"interface\": \"sync0\", \"nodes\": [{\"name\": \"gw1\", \"sync4\": \"10.9.0.1/30\", \"own\": [\"198.51.100.4/24\"]}, {\"name\": \"gw2\", \"sync4\": \"10.9.0.2/30\", \"own\": [\"198.51.100.5/24\", \"2001:db8:100::5/64\"]}]}", "service.pair.nodes[0].own",
	  "has no address in the network of uplinks[0]" },
	{ "\"proxy_port\": 8080", "\"proxy_port\": 8080, \"pair\": {\"interface\": \"sync0\", \"nodes\": [{\"name\": \"gw1\", \"sync4\": \"10.9.0.1/30\", \"own\": [\"198.51.100.4/24\", \"2001:db8:100::4/64\"]}, {\"name\": \"gw2\", \"sync4\": \"10.9.0.2/30\", \"own\": [\"198.51.100.4/24\", \"2001:db8:100::5/64\"]}]}", "service.pair.nodes[1].own",
	  "holds an address of nodes[0]" },
	{ "\"proxy_port\": 8080", "\"proxy_port\": 8080, \"pair\": {\"interface\": \"sync0\", \"heartbeat_ms\": 10, \"nodes\": [{\"name\": \"gw1\", \"sync4\": \"10.9.0.1/30\", \"own\": [\"198.51.100.4/24\", \"2001:db8:100::4/64\"]}, {\"name\": \"gw2\", \"sync4\": \"10.9.0.2/30\", \"own\": [\"198.51.100.5/24\", \"2001:db8:100::5/64\"]}]}", "service.pair.heartbeat_ms",
	  "must be a whole number from 50 to 10000" },
	/* contacts, calendar, consent */
	{ "\"order\": 2", "\"order\": 1", ORG1 ".contacts[1].order", "is also that of contacts[0]" },
	{ "\"order\": 1, \"name\": \"窓口\"", "\"order\": 2, \"name\": \"窓口\"", ORG2 ".contacts", "none has order 1" },
	{ "joho1@412023.lg.example", "joho1.412023.lg.example", ORG2 ".contacts[0].mail", "isn't a mail address" },
	{ "joho1@412023.lg.example", "joho1@412023.lg.example\\r\\nBcc: x@y.example", ORG2 ".contacts[0].mail",
	  "holds a control character or a line break" },
	{ "soc-ken@pref.lg.example", "soc-ken@", "prefectures[41].contacts[0].mail", "isn't a mail address" },
	{ "\"order\": 1, \"name\": \"県担当\"", "\"order\": 3, \"name\": \"県担当\"", "prefectures[41].contacts", "none has order 1" },
	{ "\"min_severity\": 1}", "\"min_severity\": 4}", ORG1 ".contacts[0].min_severity", "must be a whole number from 0 to 3" },
	{ "0000-01-0002", "ext. 5", ORG1 ".contacts[0].phone",
	  "isn't a telephone number: up to 24 digits, hyphens, spaces, + and parentheses" },
	{ "\"2026-12-30\"", "\"2026-02-29\"", ORG1 ".calendar.closed[1]", "isn't a day that exists, written 2026-12-29" },
	{ "\"2026-12-30\"", "\"2026-12-29\"", ORG1 ".calendar.closed[1]", "stands here twice" },
	{ "\"17:15\"", "\"8:00\"", ORG1 ".calendar.close", "isn't later than open" },
	{ "\"17:15\"", "\"25:00\"", ORG1 ".calendar.close", "must be a time of day, like \"8:30\"" },
	{ "\"8:30\"", "510", ORG1 ".calendar.open", "must be a time of day, like \"8:30\"" },
	{ "\"by\": \"総務課長\", ", "", ORG1 ".consent.by", "is missing: consent is given by somebody" },
	{ ", \"date\": \"2026-04-01\"", "", ORG1 ".consent.date", "is missing: consent is given on a day" },
	{ "\"date\": \"2026-04-01\"", "\"date\": \"April\"", ORG1 ".consent.date", "isn't a day that exists, written 2026-12-29" },
	/* devices that send their logs */
{ "\"10.1.0.254\"", "\"10.22.0.254\"", ORG1 ".log_sources[0].addr", "lies outside the organisation's own prefixes" },
	{ "\"10.1.0.254\"", "\"10.1.0.253\"", ORG1 ".log_sources[1].addr", "stands here twice" },
	{ "\"name\": \"edge\"", "\"name\": \"fw1\"", ORG1 ".log_sources[1].name", "stands here twice" },
	{ "\"name\": \"edge\"", "\"name\": \"a name that is longer\"", ORG1 ".log_sources[1].name", NULL },
	{ "\"format\": \"fortigate\"", "\"format\": \"fortinet\"", ORG1 ".log_sources[0].format", NULL },
	{ "\"silent_s\": 60", "\"certificate\": \"AB\"", ORG1 ".log_sources[1].certificate", NULL },
	/* the desk */
	{ "\"log4\": \"192.0.2.14\"", "\"log4\": \"192.0.2.14\", \"desk\": {\"name\": \"desk.toride.example\"}", "service.desk.addr4", "is missing: the name must lead somewhere" },
	{ "\"log4\": \"192.0.2.14\"", "\"log4\": \"192.0.2.14\", \"desk\": {\"addr4\": \"192.0.2.44\"}", "service.desk.name",
	  "is missing: nobody could open the pages at that address" },
	{ "\"log4\": \"192.0.2.14\"", "\"log4\": \"192.0.2.14\", \"desk\": {\"name\": \"desk\", \"addr4\": \"192.0.2.44\"}", "service.desk.name",
	  "isn't a full host name: it has no dot" },
	{ "\"log4\": \"192.0.2.14\"", "\"log4\": \"192.0.2.14\", \"desk\": {\"name\": \"desk.toride.example\", \"addr4\": \"192.0.2.144\"}", "service.desk.addr4",
	  "overlaps management" },
	{ "\"log4\": \"192.0.2.14\"", "\"log4\": \"192.0.2.14\", \"desk\": {\"name\": \"www.saga.example\", \"addr4\": \"192.0.2.44\"}", "service.desk.name",
	  "is also a public site of organisation 412015" },
	{ "\"silent_s\": 60", "\"hostname\": \"sw1.city\"", ORG1 ".log_sources[1].hostname", "names a device behind a relay, and no relay is registered with this address" },
	{ "\"silent_s\": 60", "\"hostname\": \"sw 1\"", ORG1 ".log_sources[1].hostname", NULL },
	{ "\"log4\": \"192.0.2.14\",", "", "service.log4", "is missing: organisation 412015 has devices that send their logs" },
	{ "\"log4\": \"192.0.2.14\"", "\"log4\": \"192.0.2.140\"", "service.log4", "overlaps management" },
	/* firewall: what is never allowed */
	{ "\"203.0.113.40\"", "\"10.22.5.5\"", FW "[0].to[0]", "may never be allowed: reaches 10.22.0.0/16 of organisation 412023" },
	{ "\"203.0.113.40\"", "\"10.16.0.0/12\"", FW "[0].to[0]", "may never be allowed: reaches 10.22.0.0/16 of organisation 412023" },
	{ "\"203.0.113.40\"", "\"198.51.100.102\"", FW "[0].to[0]", "may never be allowed: reaches 198.51.100.102/32 of organisation 412023" },
	{ "\"203.0.113.40\"", "\"198.18.0.1\"", FW "[0].to[0]", "may never be allowed: reaches LGWAN 198.18.0.0/16" },
	{ "\"203.0.113.40\"", "\"192.0.2.130\"", FW "[0].to[0]", "may never be allowed: reaches management 192.0.2.128/25" },
	{ "\"203.0.113.40\"", "\"100.64.2.2\"", FW "[0].to[0]", "may never be allowed: reaches the node's inside 100.64.0.0/16" },
	{ "\"203.0.113.40\"", "\"192.0.2.10\"", FW "[0].to[0]", "may never be allowed: reaches the proxy 192.0.2.10/32" },
	{ "\"203.0.113.40\"", "\"192.0.2.53\"", FW "[0].to[0]", "may never be allowed: reaches the resolver 192.0.2.53/32" },
	{ "\"203.0.113.40\"", "\"198.51.100.2\"", FW "[0].to[0]", "may never be allowed: reaches the gateway 198.51.100.2/32" },
	{ "\"203.0.113.40\"", "\"169.254.169.254\"", FW "[0].to[0]", "may never be allowed: reaches special addresses 169.254.0.0/16" },
	{ "\"203.0.113.40\"", "\"0.0.0.0/0\"", FW "[0].to[0]", "reaches everything; an empty list means the Internet only" },
	{ "[\"203.0.113.40\"]", "[\"203.0.113.40\", \"::/0\"]", FW "[0].to[1]", "reaches everything; an empty list means the Internet only" },
	{ "[\"203.0.113.40\"]", "[\"203.0.113.40\", \"2001:db8:2:ff::9\"]", FW "[0].to[1]",
	  "may never be allowed: reaches management 2001:db8:2:ff::/64" },
	{ "\"203.0.113.40\"", "\"198.51.100.101\"", FW "[0].to[0]", "is the organisation's own: such traffic doesn't pass the gateway" },
	{ "\"10.1.2.0/24\"", "\"10.22.2.0/24\"", FW "[0].from[0]", "lies outside the organisation's own prefixes" },
	{ "\"203.0.113.80/28\"", "\"10.22.0.0/24\"", FW "[2].from[0]", "may never be allowed: reaches 10.22.0.0/16 of organisation 412023" },
	{ "\"from\": [\"203.0.113.80/28\"]", "\"from\": []", FW "[2].from", "must not be empty: nothing is let in from anywhere" },
	{ "\"to\": [\"10.1.3.3\"]", "\"to\": []", FW "[2].to", "must not be empty: an inbound allow rule names its servers" },
	{ "\"to\": [\"10.1.3.3\"]", "\"to\": [\"10.22.3.3\"]", FW "[2].to[0]", "lies outside the organisation's own prefixes" },
	{ "\"udp\", \"port_low\": 123, \"port_high\": 124", "\"udp\"", FW "[1].to",
	  "must not be empty: an allow rule to any destination has to name protocol and port" },
	{ "\"udp\", \"port_low\": 123, \"port_high\": 124", "\"any\"", FW "[1].to",
	  "must not be empty: an allow rule to any destination has to name protocol and port" },
	{ "\"port_high\": 124", "\"port_high\": 122", FW "[1].port_high", "is below port_low" },
	{ "\"port_high\": 124", "\"port_high\": 65536", FW "[1].port_high", "must be a whole number from 0 to 65535" },
	{ "\"protocol\": \"tcp\", \"port_low\": 443", "\"protocol\": \"icmp\", \"port_low\": 443", FW "[0].port_low", "only TCP and UDP have ports" },
	{ "\"protocol\": \"tcp\", \"port_low\": 443", "\"protocol\": \"sctp\", \"port_low\": 443", FW "[0].protocol", "must be one of any, icmp, tcp, udp" },
	{ "\"id\": \"r2\"", "\"id\": \"r1\"", FW "[1].id", "stands here twice" },
	{ "\"id\": \"r2\"", "\"id\": \"lateral\"", FW "[1].id", "is one of Toride's own rule names" },
	{ "\"id\": \"r2\"", "\"id\": \"r 2\"", FW "[1].id", "must be 1 to 32 of letters, digits, _ and hyphen" },
	{ "\"owner\": \"保守係\"", "\"owner\": \"\"", FW "[2].owner", "must not be empty" },
	{ ", \"owner\": \"保守係\"", "", FW "[2].owner", "is missing" },
	{ "\"203.0.113.40\"", "\"2001:db8:77::1\"", FW "[0]", "matches nothing: from and to are of different IP versions" },
	{ "2027-03-31T23:59:59+09:00", "2027-03-31", FW "[0].expires", "isn't a time by RFC 3339, like 2027-03-31T23:59:59+09:00" },
	/* groups, schedules, published servers */
	{ "\"to_groups\": [\"shop\"]", "\"to_groups\": [\"shops\"]", FW "[3].to_groups[0]",
	  "no group of that name, neither the organisation's nor the service's" },
	{ "\"services\": [\"rdp\"]", "\"services\": [\"web\"]", FW "[3].services[0]",
	  "no group of that name, neither the organisation's nor the service's" },
	{ "\"services\": [\"rdp\"]", "\"services\": [\"rdp\"], \"protocol\": \"tcp\"", FW "[3].services",
	  "stands beside a protocol or a port: name one or the other" },
	{ "\"services\": [\"rdp\"], \"schedule\": \"night\"", "\"services\": [\"rdp\"], \"schedule\": \"noon\"", FW "[3].schedule",
	  "no schedule of that name, neither the organisation's nor the service's" },
	{ "\"2001:db8:77::44\"", "\"10.22.1.1\"", FW "[3].to_groups", "may never be allowed: reaches 10.22.0.0/16 of organisation 412023" },
	{ "{\"name\": \"shop\"", "{\"name\": \"vendor\", \"members\": [\"203.0.113.1\"]}, {\"name\": \"shop\"", ORG1 ".address_groups[0].name",
	  "stands here twice, or is one of the service's" },
	{ "[\"203.0.113.112/28\"]", "[]", "service.address_groups[0].members", "must hold at least one entry" },
	{ "\"port_low\": 3389", "\"port_low\": 3389, \"port_high\": 80", "service.service_groups[0].members[0].port_high", "is below port_low" },
	{ "\"open\": \"22:00\", \"close\": \"24:00\"", "\"open\": \"22:00\", \"close\": \"6:00\"", "service.schedules[0].windows[0].close",
	  "isn't later than open: a night is two windows" },
	{ "[\"mon\", \"sat\"]", "[\"mon\", \"mon\"]", "service.schedules[0].windows[0].days[1]", "stands here twice" },
	{ "[\"mon\", \"sat\"]", "[\"mon\", \"月\"]", "service.schedules[0].windows[0].days[1]",
	  "must be one of sun, mon, tue, wed, thu, fri, sat" },
	{ "\"digest\": \"sha256:abab", "\"digest\": \"sha256:ABab", "service.address_feeds[0].digest",
	  "must be \"sha256:\" and 64 hexadecimal digits" },
	{ "\"digest\": \"sha256:abab", "\"digest\": \"sha256:ab", "service.address_feeds[0].digest", "must be \"sha256:\" and 64 hexadecimal digits" },
	{ "\"203.0.113.53\"", "\"dns.example\"", "service.doh_resolvers[0]", "isn't a prefix, like 10.1.0.0/16 or 2001:db8::/32" },
	{ "198.51.100.111", "198.51.100.102", ORG2 ".global4", "is also that of organisation 412015" },
	{ "198.51.100.111", "198.51.100.2", ORG1 ".publish[0].address", "overlaps the gateway 198.51.100.2/32" },
	{ "198.51.100.111", "192.0.2.140", ORG1 ".publish[0].address", "overlaps management 192.0.2.128/25" },
	{ "\"id\": \"www6\", \"address\": \"2001:db8:100::65\", \"protocol\": \"udp\", \"port\": 8443, \"server\": \"2001:db8:4101::7\"",
	  "\"id\": \"www6\", \"address\": \"198.51.100.111\", \"port\": 8443, \"server\": \"10.1.3.4\"", ORG1 ".publish[1].port",
	  "is taken on that address by publish[0]" },
	{ "\"2001:db8:4101::7\"", "\"10.1.3.4\"", ORG1 ".publish[1].server", "is of another IP version than the address" },
	{ "\"server\": \"10.1.3.3\"", "\"server\": \"10.22.3.3\"", ORG1 ".publish[0].server", "lies outside the organisation's own prefixes" },
	{ "\"id\": \"www6\"", "\"id\": \"r2\"", ORG1 ".publish[1].id", "stands here twice, or is a rule's" },
	{ "\"id\": \"www6\"", "\"id\": \"quic\"", ORG1 ".publish[1].id", "is one of Toride's own rule names" },
	{ "\"from_groups\": [\"vendor\"]", "\"from\": [\"10.22.3.0/24\"]", ORG1 ".publish[0].from[0]",
	  "may never be allowed: reaches 10.22.0.0/16 of organisation 412023" },
	{ "\"per_source\": 9", "\"per_source\": 9, \"attack_hold_s\": 5", ORG1 ".publish[0].limits.attack_per_second", "is missing: what would be an attack?" },
	{ "\"schedule\": \"night\", \"comment\": \"店\"", "\"limits\": {\"attack_per_second\": 9}, \"comment\": \"店\"", FW "[3].limits",
	  "attack_… is for published servers" },
	{ "\"protocol\": \"icmp\", \"comment\": \"使わない\"", "\"protocol\": \"icmp\", \"limits\": {\"total\": 9}, \"comment\": \"使わない\"",
	  ORG2 ".fw[0].limits", "limits nothing: the rule denies" },
	{ "\"per_source\": 9", "\"per_source\": 1000001", ORG1 ".publish[0].limits.per_source", "must be a whole number from 0 to 1000000" },
	/* zones */
	{ "\"name\": \"ns2.toride.example\", \"addr4\": \"198.51.100.54\"", "\"name\": \"ns2.toride.example\", \"addr4\": \"198.51.100.53\"", "service.name_servers[1].addr4", "is also that of name_servers[0]" },
	{ ", {\"name\": \"ns2.toride.example\", \"addr4\": \"198.51.100.54\"}", "", "service.name_servers", "must be two: there are zones (RFC 2182 section 5)" },
	{ "\"ns2.toride.example\"", "\"ns1.toride.example\"", "service.name_servers[1].name", "is also that of name_servers[0]" },
	{ "\"10.22.0.0/16\"", "\"198.51.100.48/29\"", ORG2 ".prefixes[1]", "overlaps the name server 198.51.100.53/32" },
	{ "\"ttl\": 600", "\"ttl\": 10", ZONE ".ttl", "must be a whole number from 30 to 86400" },
	{ "\"ttl\": 600", "\"ttl\": 600, \"secondaries\": [{\"name\": \"ns.a.example\", \"address\": \"203.0.113.9\", \"secret\": 4}, {\"name\": \"ns.b.example\", \"address\": \"203.0.113.10\", \"secret\": 4}]", ZONE ".secondaries[1].secret", "is that of ns.a.example too, another server" },
	{ "\"ttl\": 600", "\"ttl\": 600, \"secondaries\": [{\"name\": \"mx.city.saga.lg.example\", \"address\": \"203.0.113.9\", \"secret\": 4}]", ZONE ".secondaries[0].name", "is also that of records[1]: its address is written from here" },
	{ "\"ttl\": 600", "\"ttl\": 600, \"secondaries\": [{\"name\": \"ns1.toride.example\", \"address\": \"203.0.113.9\", \"secret\": 4}]", ZONE ".secondaries[0].name", "is one of service.name_servers" },
	{ "\"ttl\": 600", "\"ttl\": 600, \"secondaries\": [{\"name\": \"ns.a.example\", \"address\": \"203.0.113.9\", \"secret\": 65}]", ZONE ".secondaries[0].secret", "must be a whole number from 1 to 64" },
	{ "\"name\": \"school.city", "\"name\": \"City", ORG1 ".zones[1].name", "must be written in lower case" },
	{ "\"name\": \"school.city.saga.lg.example\"", "\"name\": \"city.saga.lg.example\"", ORG1 ".zones[1].name", "is also a zone of organisation 412015" },
	{ "{\"name\": \"mx\"", "{\"name\": \"_mx_\"", ZONE ".records[0].data", "leads to a name that isn't in the zone" },
	{ "{\"name\": \"mx\"", "{\"name\": \"mx..\"", ZONE ".records[1].name", "isn't a name within a zone: @, or labels of a-z, 0-9, hyphen and _ (the first may be *)" },
	{ "{\"name\": \"mx\"", "{\"name\": \"mx.*\"", ZONE ".records[1].name", "isn't a name within a zone: @, or labels of a-z, 0-9, hyphen and _ (the first may be *)" },
	{ "{\"name\": \"_dmarc\"", "{\"name\": \"www\"", ZONE ".records[2].type", "is an alias beside records[6] of the same name (RFC 1034 section 3.6.2)" },
	{ "{\"name\": \"www\"", "{\"name\": \"@\"", ZONE ".records[2].type", "the zone itself can't be an alias (RFC 1034 section 3.6.2)" },
	{ "\"data\": \"edge.city", "\"data\": \"www.city", ZONE ".records[2].data", "leads in a circle, or through more than 8 aliases" },
	{ "\"data\": \"edge.city", "\"data\": \"egde.city", ZONE ".records[2].data", "leads to a name that isn't in the zone" },
	{ "\"data\": \"edge.city.saga.lg.example\"", "\"data\": \"edge\"", ZONE ".records[2].data", "isn't a whole name, like www.town.example" },
	{ "\"data\": \"edge.city.saga.lg.example\"", "\"data\": \"edge.city.saga.lg.example.\"", ZONE ".records[2].data", "isn't a whole name, like www.town.example" },
	{ "\"10 mx.city.saga.lg.example\"", "\"mx.city.saga.lg.example\"", ZONE ".records[0].data", "must be a preference and a host, like 10 mx.town.example" },
	{ "\"10 mx.city.saga.lg.example\"", "\"10 www.city.saga.lg.example\"", ZONE ".records[0].data", "leads to an alias (CNAME); it must name a host (RFC 2181 section 10.3)" },
	{ "\"data\": \"2001:db8:100::80\"", "\"data\": \"198.51.100.80\"", ZONE ".records[3].data", "isn't an IPv6 address" },
	{ "\"data\": \"198.51.100.25\"", "\"data\": \"10.1.0.25\"", ZONE ".records[1].data", "isn't an address of the Internet" },
	{ "\"data\": \"198.51.100.25\"", "\"data\": \"198.51.100.25 ; x\"", ZONE ".records[1].data", "isn't an IPv4 address" },
	{ "\"data\": \"198.51.100.25\"", "\"data\": \"198.51.100.25\\n@ NS evil.example\"", ZONE ".records[1].data", "holds a control character or a line break" },
	{ "{\"name\": \"ns.bus\", \"type\": \"A\", \"data\": \"203.0.113.9\"}, ", "", ZONE ".records[4].data", "needs its address (A or AAAA) here too: nobody could find it otherwise (glue)" },
	{ "{\"name\": \"_dmarc\"", "{\"name\": \"_dmarc.bus\"", ZONE ".records[6].name", "lies below the delegation of bus.city.saga.lg.example: only its name servers' addresses may stand there" },
	{ "{\"name\": \"_dmarc\"", "{\"name\": \"www.school\"", ZONE ".records[6].name", "belongs to the zone school.city.saga.lg.example of organisation 412015" },
	{ "{\"name\": \"_dmarc\"", "{\"name\": \"_toride\"", ZONE ".records[6].name", "is the cloud's own, to read the zone back by" },
	{ "{\"name\": \"bus\", \"type\": \"NS\"", "{\"name\": \"@\", \"type\": \"NS\"", ZONE ".records[4].type", "the zone's own name servers are written by the cloud" },
	{ "{\"name\": \"bus\", \"type\": \"NS\", \"data\": \"ns.bus.city.saga.lg.example\"}", "{\"name\": \"bus\", \"type\": \"DS\", \"data\": \"1 13 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\"}",
	  ZONE ".records[4].type", "there is no delegation (NS) of this name" },
	{ "{\"name\": \"_dmarc\", \"type\": \"TXT\", \"data\": \"v=DMARC1; p=reject\"}", "{\"name\": \"mx\", \"type\": \"A\", \"data\": \"198.51.100.26\"}", ZONE ".records[6].ttl",
	  "must be that of records[1]: records of one name and type share their TTL (RFC 2181 section 5.2)" },
	{ "{\"name\": \"_dmarc\", \"type\": \"TXT\", \"data\": \"v=DMARC1; p=reject\"}", "{\"name\": \"mx\", \"type\": \"A\", \"ttl\": 300, \"data\": \"198.51.100.25\"}", ZONE ".records[6].data", "stands here twice" },
	{ "v=DMARC1; p=reject", "v=DMARC1; p=refuse", ZONE ".records[6].data", "DMARC: p=none, p=quarantine or p=reject must follow" },
	{ "{\"name\": \"_dmarc\"", "{\"name\": \"_dmarc\", \"type\": \"TXT\", \"data\": \"v=DMARC1; p=none\"}, {\"name\": \"_dmarc\"", ZONE ".records[7].data",
	  "is the second record of its kind at this name, beside records[6]: mail hosts then heed neither" },
	/* URLs */
	{ "\"sns.example\"", "\"SNS.example\"", ORG1 ".url.black[0]", "must be written in lower case" },
	{ "\"sns.example\"", "\"交流.example\"", ORG1 ".url.black[0]", "must be written with A-labels (xn--…)" },
	{ "\"sns.example\"", "\"sns..example\"", ORG1 ".url.black[0]", "isn't a host name (RFC 1123)" },
	{ "\"sns.example\"", "\"-sns.example\"", ORG1 ".url.black[0]", "isn't a host name (RFC 1123)" },
	{ "\"sns.example\"", "\"10.0.0.256\"", ORG1 ".url.black[0]", "isn't a host name (RFC 1123)" },
	{ "\"sns.example\"", "\"sns.example/path\"", ORG1 ".url.black[0]", "isn't an address or a CIDR without host bits" },
	{ "\"sns.example\"", "\"203.0.113.1/24\"", ORG1 ".url.black[0]", "isn't an address or a CIDR without host bits" },
	{ "\"sns.example\"", "\"ftp://sns.example/\"", ORG1 ".url.black[0]",
	  "must be http:// or https://, a host, and a path that begins with /" },
	{ "\"sns.example\"", "\"http://sns.example\"", ORG1 ".url.black[0]",
	  "must be http:// or https://, a host, and a path that begins with /" },
	{ "\"sns.example\"", "\"http://u@sns.example/\"", ORG1 ".url.black[0]", "isn't a host name (RFC 1123)" },
	{ "\"sns.example\"", "\"http://sns.example:0/\"", ORG1 ".url.black[0]", "has no right host and port in its URL" },
	{ "\"sns.example\"", "\"http://sns.example/a b\"", ORG1 ".url.black[0]",
	  "holds a character that no URL has (write it percent-encoded), or a fragment" },
	{ ".malware.example", ".malware.example.", "service.black[0]", "isn't a host name (RFC 1123)" },
	{ "\"black\": [\"sns.example\"", "\"categories\": [{\"id\": \"a\", \"action\": \"deny\", \"categories\": [\"gamblng\"]}], \"black\": [\"sns.example\"",
	  ORG1 ".url.categories[0].categories[0]", "isn't a category (toride url categories lists them; a list's own begin with x-)" },
	{ "\"black\": [\"sns.example\"", "\"categories\": [{\"id\": \"a\", \"action\": \"maybe\", \"categories\": [\"games\"]}], \"black\": [\"sns.example\"",
	  ORG1 ".url.categories[0].action", "must be one of deny, allow, coach, override" },
	{ "\"black\": [\"sns.example\"", "\"categories\": [{\"id\": \"a\", \"action\": \"deny\", \"categories\": []}], \"black\": [\"sns.example\"",
	  ORG1 ".url.categories[0].categories", NULL },
	{ "\"black\": [\"sns.example\"", "\"categories\": [{\"id\": \"a\", \"action\": \"deny\", \"categories\": [\"games\"], \"from\": \"25:00\"}], \"black\": [\"sns.example\"",
	  ORG1 ".url.categories[0].from", NULL },
	{ "\"black\": [\"sns.example\"", "\"categories\": [{\"id\": \"a\", \"action\": \"deny\", \"categories\": [\"games\"]}, {\"id\": \"a\", \"action\": \"allow\", \"categories\": [\"x-ours\"]}], \"black\": [\"sns.example\"",
	  ORG1 ".url.categories[1].id", "stands here twice" },
	{ "\"black\": [\"sns.example\"", "\"categories\": [{\"id\": \"a\", \"action\": \"deny\", \"categories\": [\"games\"], \"terminals\": [\"203.0.113.5\"]}], \"black\": [\"sns.example\"",
	  ORG1 ".url.categories[0].terminals[0]", "lies outside the organisation's own prefixes" },
	{ "\"proxy_threads\": 2", "\"proxy_threads\": 2, \"deny_categories\": [\"porn\"]", "service.deny_categories[0]",
	  "isn't a category (toride url categories lists them; a list's own begin with x-)" },
	{ "\"black\": [\"sns.example\"", "\"deny_uploads\": [\"exe\"], \"black\": [\"sns.example\"", ORG1 ".url.deny_uploads[0]",
	  "must be one of programs, scripts, macros, archives, disks, media" },
	{ "\"black\": [\"sns.example\"", "\"deny_ja4\": [\"t13d1516h2_8daaf6152771_e5627efa2ab1\", \"t13d1516h2_8DAAF6152771_e5627efa2ab1\"], \"black\": [\"sns.example\"", ORG1 ".url.deny_ja4[1]", NULL },
	{ "\"black\": [\"sns.example\"", "\"deny_ja4\": [\"q13d1516h2_8daaf6152771_e5627efa2ab1\"], \"black\": [\"sns.example\"", ORG1 ".url.deny_ja4[0]", NULL },
	{ "\"proxy_threads\": 2", "\"proxy_threads\": 2, \"deny_ja4\": [\"t14d1516h2_8daaf6152771_e5627efa2ab1\"]", "service.deny_ja4[0]",
	  "must be a JA4 fingerprint of TLS over TCP, as events hold it in tls.ja4: t13d1516h2_8daaf6152771_e5627efa2ab1" },
	{ "\"black\": [\"sns.example\"", "\"deny_downloads\": [\"exe\"], \"black\": [\"sns.example\"", ORG1 ".url.deny_downloads[0]",
	  "must be one of programs, scripts, macros, archives, disks, media" },
	{ "\"black\": [\"sns.example\"", "\"websockets\": [\"https://a.example/\"], \"black\": [\"sns.example\"", ORG1 ".url.websockets[0]", NULL },
	{ "\"staff\": 1305", "\"staff\": 1305, \"tenants\": {\"microsoft\": [\"a.example\"]}", ORG1 ".tenants.microsoft_context",
	  "is missing: Microsoft wants to know who sets the restriction" },
	{ "\"staff\": 1305", "\"staff\": 1305, \"tenants\": {\"google\": [\"a,b\"]}", ORG1 ".tenants.google[0]",
	  "must be letters, digits, \".\", \"-\" and \"_\"" },
	{ "\"mode\": \"whitelist_only\"", "\"safe_search\": true, \"mode\": \"whitelist_only\"", ORG2 ".url.safe_search", "needs the option tls_decryption" },
	{ "[\"www.news.example\"]", "[]", ORG2 ".url.white", "is empty, but only what it lists is allowed" },
	{ "\"video.example\"", "\"203.0.113.9\"", ORG1 ".url.exceptions[0].pattern", "isn't a host name (RFC 1123)" },
	{ ", \"expires\": \"2027-03-31T15:00:00Z\"", "", ORG1 ".url.exceptions[0].expires", "is missing" },
	{ "2027-03-31T15:00:00Z", "", ORG1 ".url.exceptions[0].expires", "isn't a time by RFC 3339, like 2027-03-31T23:59:59+09:00" },
	{ "2027-03-31T15:00:00Z", "2027-02-31T15:00:00Z", ORG1 ".url.exceptions[0].expires",
	  "isn't a time by RFC 3339, like 2027-03-31T23:59:59+09:00" },
	{ "\"reason\": \"研修\", ", "", ORG1 ".url.exceptions[0].reason", "is missing" },
	/* who uses the proxy */
	{ "\"staff\": 1305", "\"staff\": 1305, \"proxy_users\": {\"directory\": \"ldaps://dc.saga.example\", \"servers\": [\"10.1.0.10\"], \"ca\": [\"base64:MIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIB\"], \"base\": \"dc=saga\", \"bind_as\": \"%u@saga.example\"}", ORG1 ".proxy_users.directory",
	  "needs service.proxy_name: passwords come over TLS only, unless clear says otherwise" },
	{ "\"staff\": 1305", "\"staff\": 1305, \"proxy_users\": {\"directory\": \"ldaps://dc.saga.example\", \"servers\": [\"10.1.0.10\"], \"ca\": [\"base64:MIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIB\"], \"base\": \"dc=saga\", \"bind_as\": \"%u@saga.example\", \"clear\": true}, \"transparent\": true", ORG1 ".proxy_users.directory",
	  "can't be asked with transparent: a terminal that knows of no proxy doesn't say who uses it" },
	{ "\"staff\": 1305", "\"staff\": 1305, \"proxy_users\": {\"directory\": \"http://dc.saga.example\", \"servers\": [\"10.1.0.10\"], \"ca\": [\"base64:MIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIB\"], \"base\": \"dc=saga\", \"bind_as\": \"%u@saga.example\", \"clear\": true}", ORG1 ".proxy_users.directory",
	  "must be ldaps://name or ldap://name, perhaps with :port, and nothing behind it" },
	{ "\"staff\": 1305", "\"staff\": 1305, \"proxy_users\": {\"directory\": \"ldap://dc.saga.example/x\", \"servers\": [\"10.1.0.10\"], \"ca\": [\"base64:MIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIB\"], \"base\": \"dc=saga\", \"bind_as\": \"%u@saga.example\", \"clear\": true}", ORG1 ".proxy_users.directory",
	  "must be ldaps://name or ldap://name, perhaps with :port, and nothing behind it" },
	{ "\"staff\": 1305", "\"staff\": 1305, \"proxy_users\": {\"directory\": \"ldaps://dc.saga.example\", \"servers\": [\"10.22.0.10\"], \"ca\": [\"base64:MIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIB\"], \"base\": \"dc=saga\", \"bind_as\": \"%u@saga.example\", \"clear\": true}", ORG1 ".proxy_users.servers[0]",
	  "lies outside the organisation's own prefixes" },
	{ "\"staff\": 1305", "\"staff\": 1305, \"proxy_users\": {\"directory\": \"ldaps://dc.saga.example\", \"servers\": [], \"ca\": [\"base64:MIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIB\"], \"base\": \"dc=saga\", \"bind_as\": \"%u@saga.example\", \"clear\": true}", ORG1 ".proxy_users.servers",
	  "is empty: the directory is at no address" },
	{ "\"staff\": 1305", "\"staff\": 1305, \"proxy_users\": {\"directory\": \"ldaps://dc.saga.example\", \"servers\": [\"10.1.0.10\"], \"ca\": [], \"base\": \"dc=saga\", \"bind_as\": \"%u@saga.example\", \"clear\": true}", ORG1 ".proxy_users.ca",
	  "is empty: nobody could tell the directory from an impostor" },
	{ "\"staff\": 1305", "\"staff\": 1305, \"proxy_users\": {\"directory\": \"ldaps://dc.saga.example\", \"servers\": [\"10.1.0.10\"], \"ca\": [\"base64:MIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIB\"], \"bind_as\": \"%u@saga.example\", \"clear\": true}", ORG1 ".proxy_users.base",
	  "is missing" },
	{ "\"staff\": 1305", "\"staff\": 1305, \"proxy_users\": {\"directory\": \"ldaps://dc.saga.example\", \"servers\": [\"10.1.0.10\"], \"ca\": [\"base64:MIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIB\"], \"filter\": \"(uid=x)\", \"base\": \"dc=saga\", \"bind_as\": \"%u@saga.example\", \"clear\": true}", ORG1 ".proxy_users.filter",
	  "must be one filter in parentheses, with %u once" },
	{ "\"staff\": 1305", "\"staff\": 1305, \"proxy_users\": {\"directory\": \"ldaps://dc.saga.example\", \"servers\": [\"10.1.0.10\"], \"ca\": [\"base64:MIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIB\"], \"filter\": \"(uid=%u)(x=y)\", \"base\": \"dc=saga\", \"bind_as\": \"%u@saga.example\", \"clear\": true}", ORG1 ".proxy_users.filter",
	  "must be one filter in parentheses, with %u once" },
	{ "\"staff\": 1305", "\"staff\": 1305, \"proxy_users\": {\"directory\": \"ldaps://dc.saga.example\", \"servers\": [\"10.1.0.10\"], \"ca\": [\"base64:MIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIB\"], \"base\": \"dc=saga\", \"clear\": true}", ORG1 ".proxy_users.bind_dn",
	  "or bind_as must be there, one of them" },
	{ "\"staff\": 1305", "\"staff\": 1305, \"proxy_users\": {\"directory\": \"ldaps://dc.saga.example\", \"servers\": [\"10.1.0.10\"], \"ca\": [\"base64:MIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIB\"], \"base\": \"dc=saga\", \"bind_dn\": \"cn=r\", \"clear\": true}", ORG1 ".proxy_users.bind_secret",
	  "is missing: toride directory secret prints it" },
	{ "\"staff\": 1305", "\"staff\": 1305, \"proxy_users\": {\"directory\": \"ldaps://dc.saga.example\", \"servers\": [\"10.1.0.10\"], \"ca\": [\"base64:MIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIB\"], \"base\": \"dc=saga\", \"bind_dn\": \"cn=r\", \"bind_secret\": \"geheim\", \"clear\": true}", ORG1 ".proxy_users.bind_secret",
	  "must be what toride directory secret or keytab printed, never the password or key itself" },
	{ "\"staff\": 1305", "\"staff\": 1305, \"proxy_users\": {\"directory\": \"ldaps://dc.saga.example\", \"servers\": [\"10.1.0.10\"], \"ca\": [\"base64:MIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIB\"], \"base\": \"dc=saga\", \"bind_as\": \"x@saga.example\", \"clear\": true}", ORG1 ".proxy_users.bind_as",
	  "must hold %u once" },
	{ "\"staff\": 1305", "\"staff\": 1305, \"proxy_users\": {\"directory\": \"ldaps://dc.saga.example\", \"servers\": [\"10.1.0.10\"], \"ca\": [\"base64:MIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIB\"], \"base\": \"dc=saga\", \"bind_as\": \"%u@saga.example\", \"keytab\": \"v1:00000000000000000000000000000000000000000000000000000000000000000000000000000000\", \"clear\": true}", ORG1 ".proxy_users.keytab",
	  "needs bind_dn: a ticket brings no password to look oneself up with" },
	{ "\"staff\": 1305", "\"staff\": 1305, \"proxy_users\": {\"directory\": \"ldaps://dc.saga.example\", \"servers\": [\"10.1.0.10\"], \"ca\": [\"base64:MIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIB\"], \"base\": \"dc=saga\", \"bind_dn\": \"cn=r\", \"bind_secret\": \"v1:00000000000000000000000000000000000000000000000000000000000000000000000000000000\", \"keytab\": \"v1:00000000000000000000000000000000000000000000000000000000000000000000000000000000\", \"clear\": true}", ORG1 ".proxy_users.keytab",
	  "needs service.proxy_name: tickets are for a name" },
	{ "\"staff\": 1305", "\"staff\": 1305, \"proxy_users\": {\"directory\": \"ldaps://dc.saga.example\", \"servers\": [\"10.1.0.10\"], \"ca\": [\"base64:MIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIB\"], \"base\": \"dc=saga\", \"bind_dn\": \"cn=r\", \"bind_secret\": \"v1:00000000000000000000000000000000000000000000000000000000000000000000000000000000\", \"keytab\": \"v1:0\", \"clear\": true}", ORG1 ".proxy_users.keytab", NULL },
	{ "\"staff\": 1305", "\"staff\": 1305, \"proxy_users\": {\"directory\": \"ldaps://dc.saga.example\", \"servers\": [\"10.1.0.10\"], \"ca\": [\"base64:MIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIB\"], \"base\": \"dc=saga\", \"bind_dn\": \"cn=r\", \"bind_secret\": \"v1:00000000000000000000000000000000000000000000000000000000000000000000000000000000\", \"passwords\": false, \"clear\": true}", ORG1 ".proxy_users.passwords",
	  "can't be false without keytab: nobody could say who he is" },
	{ "\"staff\": 1305", "\"staff\": 1305, \"proxy_users\": {\"directory\": \"ldaps://dc.saga.example\", \"servers\": [\"10.1.0.10\"], \"ca\": [\"base64:MIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIBMIIB\"], \"groups\": [{\"name\": \"a\", \"dn\": \"cn=a\"}, {\"name\": \"a\", \"dn\": \"cn=b\"}], \"base\": \"dc=saga\", \"bind_as\": \"%u@saga.example\", \"clear\": true}", ORG1 ".proxy_users.groups[1].name",
	  "stands here twice" },
	{ "\"black\": [\"sns.example\"", "\"group_lists\": [{\"id\": \"a\", \"groups\": [\"soumu\"], \"white\": [\"x.example\"]}], \"black\": [\"sns.example\"", ORG1 ".url.group_lists[0].groups[0]",
	  "is no group of proxy_users" },
	{ "\"black\": [\"sns.example\"", "\"categories\": [{\"id\": \"a\", \"groups\": [\"soumu\"], \"categories\": [\"games\"], \"action\": \"deny\"}], \"black\": [\"sns.example\"", ORG1 ".url.categories[0].groups[0]",
	  "is no group of proxy_users" },
	{ "\"app.example\"", "\"*.app.example\"", ORG1 ".decrypt_exceptions[0].name", "isn't a host name (RFC 1123)" },
	{ ", \"expires\": \"2027-05-31T15:00:00Z\"", "", ORG1 ".decrypt_exceptions[0].expires", "is missing" },
	{ "\"owner\": \"税務課\", ", "", ORG1 ".decrypt_exceptions[0].owner", "is missing" },
	{ "\"reason\": \"証明書を固定した申告の道具\", ", "", ORG1 ".decrypt_exceptions[0].reason", "is missing" },
	{ "\"finance\", \"health\"", "\"banks\"", ORG1 ".no_decrypt_categories[0]",
	  "isn't a category (toride url categories lists them; a list's own begin with x-)" },
	{ "\".bank.example\"", "\"*.bank.example\"", ORG1 ".no_decrypt[0]", "isn't a host name (RFC 1123)" },
	/* public sites */
	{ "\"10.1.0.80\"", "\"10.1.0.800\"", ORG1 ".sites[0].origins[0].addr", "isn't an IPv4 or IPv6 address" },
	{ "\"10.1.0.80\"", "\"10.22.0.80\"", ORG1 ".sites[0].origins[0].addr", "may never be asked: lies in 10.22.0.0/16 of organisation 412023" },
	{ "\"10.1.0.80\"", "\"192.0.2.130\"", ORG1 ".sites[0].origins[0].addr", "may never be asked: lies in management 192.0.2.128/25" },
	{ "\"10.1.0.80\"", "\"198.18.0.1\"", ORG1 ".sites[0].origins[0].addr", "may never be asked: lies in LGWAN 198.18.0.0/16" },
	{ "\"10.1.0.80\"", "\"100.64.2.2\"", ORG1 ".sites[0].origins[0].addr", "may never be asked: lies in the node's inside 100.64.0.0/16" },
	{ "\"10.1.0.80\"", "\"127.0.0.1\"", ORG1 ".sites[0].origins[0].addr", "may never be asked: lies in special addresses 127.0.0.0/8" },
	{ "\"10.1.0.80\"", "\"192.168.7.1\"", ORG1 ".sites[0].origins[0].addr", "is a private address outside the organisation's own prefixes" },
	{ "{\"addr\": \"10.1.0.81\"", "{\"addr\": \"203.0.113.81\"", ORG1 ".sites[0].origins[1].addr",
	  "must be inside or outside, and of the IP version, as the site's first origin is" },
	{ "\"203.0.113.90\"", "\"203.0.113.90\", \"backup\": true", ORG2 ".sites[0].origins", "all are backups" },
	{ "\"www.saga.example\"", "\"saga\"", ORG1 ".sites[0].name", "isn't a full host name: it has no dot" },
	{ "\"www.saga.example\"", "\"WWW.saga.example\"", ORG1 ".sites[0].name", "must be written in lower case" },
	{ "\"saga.example\"", "\"www.saga.example\"", ORG1 ".sites[0].aliases[0]", "stands here twice" },
	{ "\"www.karatsu.example\"", "\"www.saga.example\"", ORG2 ".sites[0].name", "is also a site of organisation 412015" },
	{ "\"rule\": 942100", "\"rule\": 949110", ORG1 ".sites[0].exclusions[0].rule", "is the rule that decides: exclude the one that fires" },
	{ "\"rule\": 942100", "\"rule\": 1", ORG1 ".sites[0].exclusions[0].rule", "must be a whole number from 911000 to 979999" },
	{ "\"/search\"", "\"/search\\\"\"", ORG1 ".sites[0].exclusions[0].path", "must begin with / and hold letters, digits and /._~- only" },
	{ "\"parameter\": \"q\"", "\"parameter\": \"q'\"", ORG1 ".sites[0].exclusions[0].parameter", "must be letters, digits and ._[]- only" },
	{ "\"cache_s\": 60", "\"cache_s\": 0", ORG1 ".sites[0].cache_s", "is 0: a disaster site without a cache has no page to show" },
	{ "\"disaster\": true", "\"disaster\": true, \"acme\": true", ORG1 ".sites[0].acme", "needs service.acme: whom certificates are asked from" },
	{ "\"web4\": \"198.51.100.3\", ", "\"web4\": \"198.51.100.3\", \"acme\": \"http://ca.example/\", ", "service.acme",
	  "isn't an https URL" },
	{ "\"web4\": \"198.51.100.3\", ", "", "service.web4", "is missing: organisation 412015 has public sites" },
	{ "\"web4\": \"198.51.100.3\"", "\"web4\": \"192.0.2.130\"", "service.web4", "overlaps management" },
	/* service */
	{ "\"addr4\": \"198.51.100.2/24\"", "\"addr4\": \"198.51.100.2\"", "service.uplinks[0].addr4",
	  "isn't an address with its network's length, like 192.0.2.1/24" },
	{ "\"gateway4\": \"198.51.100.1\"", "\"gateway4\": \"198.51.99.1\"", "service.uplinks[0].gateway4", "lies outside the uplink's network" },
	{ "\"gateway4\": \"198.51.100.1\"", "\"gateway4\": \"198.51.100.2\"", "service.uplinks[0].gateway4", "is the gateway's own address" },
	{ ", \"gateway6\": \"2001:db8:100::1\"", "", "service.uplinks[0].gateway6", "is missing: the uplink has an address of that family" },
	{ "\"probes\": [\"203.0.113.2\"]}", "\"probes\": []}, {\"name\": \"isp1\", \"interface\": \"wan1\", \"addr4\": \"192.0.2.66/29\", \"gateway4\": \"192.0.2.65\", \"in_mbps\": 1, \"out_mbps\": 1, \"priority\": 2}",
	  "service.uplinks[1].name", "is also that of uplinks[0]" },
	{ "\"probes\": [\"203.0.113.2\"]}", "\"probes\": []}, {\"name\": \"isp2\", \"interface\": \"wan0\", \"addr4\": \"192.0.2.66/29\", \"gateway4\": \"192.0.2.65\", \"in_mbps\": 1, \"out_mbps\": 1, \"priority\": 2}",
	  "service.uplinks[1].interface", "is also that of uplinks[0]" },
	{ "\"probes\": [\"203.0.113.2\"]}", "\"probes\": []}, {\"name\": \"isp2\", \"interface\": \"wan1\", \"addr4\": \"192.0.2.66/29\", \"gateway4\": \"192.0.2.65\", \"in_mbps\": 1, \"out_mbps\": 1, \"priority\": 1}",
	  "service.uplinks[1].priority", "is also that of uplinks[0]" },
	{ "\"probes\": [\"203.0.113.2\"]}", "\"probes\": []}, {\"name\": \"isp2\", \"interface\": \"wan1\", \"addr4\": \"192.0.2.66/29\", \"gateway4\": \"192.0.2.73\", \"in_mbps\": 1, \"out_mbps\": 1, \"priority\": 2}",
	  "service.uplinks[1].gateway4", "lies outside the uplink's network" },
	{ "\"probes\": [\"203.0.113.2\"]}", "\"probes\": []}, {\"name\": \"isp2\", \"interface\": \"wan1\", \"addr4\": \"192.0.2.66/29\", \"gateway4\": \"192.0.2.65\", \"in_mbps\": 1, \"priority\": 2}",
	  "service.uplinks[1].out_mbps", "is missing" },
	{ "\"probes\": [\"203.0.113.2\"]}", "\"probes\": []}, {\"name\": \"isp2\", \"interface\": \"lo\", \"addr4\": \"192.0.2.66/29\", \"gateway4\": \"192.0.2.65\", \"in_mbps\": 1, \"out_mbps\": 1, \"priority\": 2}",
	  "service.uplinks[1].interface", "is the node's own" },
	{ "\"probes\": [\"203.0.113.2\"]}", "\"probes\": []}, {\"name\": \"isp2\", \"interface\": \"wan1\", \"addr4\": \"192.0.2.130/29\", \"gateway4\": \"192.0.2.129\", \"in_mbps\": 1, \"out_mbps\": 1, \"priority\": 2}",
	  "service.uplinks[1].addr4", "overlaps management" },
	{ "\"probes\": [\"203.0.113.2\"]}", "\"probes\": []}, {\"name\": \"isp2\", \"interface\": \"wan1\", \"addr4\": \"198.51.100.3/24\", \"gateway4\": \"198.51.100.1\", \"in_mbps\": 1, \"out_mbps\": 1, \"priority\": 2}",
	  "service.uplinks[1].addr4", "lies in the network of uplinks[0]" },
	{ "\"proxy4\": \"192.0.2.10\"", "\"proxy4\": \"192.0.2.140\"", "service.proxy4", "overlaps management" },
	{ "\"dns4\": \"192.0.2.53\"", "\"dns4\": \"198.18.0.53\"", "service.dns4", "overlaps LGWAN" },
	{ ", \"lgwan\": [\"198.18.0.0/16\"]", "", "service.lgwan", "is missing" },
	{ "[\"198.18.0.0/16\"]", "[]", "service.lgwan", "must hold at least one entry" },
	{ "198.18.0.0/16", "198.18.0.1", "service.lgwan[0]",
	  "is too narrow to be LGWAN's network: at most a /29 by IPv4 and a /64 by IPv6" },
	{ "198.18.0.0/16", "198.18.0.0/30", "service.lgwan[0]",
	  "is too narrow to be LGWAN's network: at most a /29 by IPv4 and a /64 by IPv6" },
	{ "198.18.0.0/16", "198.18.0.0/16\", \"2001:db8:9::/65", "service.lgwan[1]",
	  "is too narrow to be LGWAN's network: at most a /29 by IPv4 and a /64 by IPv6" },
	{ "\"internal4\": \"100.64.0.0/16\"", "\"internal4\": \"100.64.0.0/17\"", "service.internal4",
	  "must be a /16, or up to a /10 where more than 254 organisations join" },
	{ "\"port\": 25", "\"port\": 0", "service.mail.port", "must be a whole number from 1 to 65535" },
	{ "\"203.0.113.25\"", "\"mail_relay\"", "service.mail.host", "isn't a host name (RFC 1123)" },
	{ "soc@toride.example", "soc", "service.mail.from", "isn't a mail address" },
	{ "127.0.0.1:8480", "0.0.0.0:8480", "service.page", "must be a loopback address with its port, like 127.0.0.1:8480" },
	{ "\"page\": \"127.0.0.1:8480\"", "\"page_url\": \"http://desk.example.jp\"", "service.page_url", "must be like https://desk.example.jp, without a path" },
	{ "127.0.0.1:8480", "127.0.0.1", "service.page", "must be a loopback address with its port, like 127.0.0.1:8480" },
	{ "\"proxy_threads\": 2", "\"proxy_threads\": 0", "service.proxy_threads", "must be a whole number from 1 to 256" },
	{ "\"node\":", "\"gateways\": [{\"name\": \"s\", \"kind\": \"fax\", \"url\": \"https://g.example/\"}], \"node\":", "service.gateways[0].kind",
	  "must be one of sms, voice, webhook" },
	{ "\"node\":", "\"gateways\": [{\"name\": \"s\", \"kind\": \"sms\", \"url\": \"http://g.example/\"}], \"node\":", "service.gateways[0].url",
	  "must be https:// unless plain is true" },
	{ "\"node\":", "\"gateways\": [{\"name\": \"s\", \"kind\": \"sms\", \"url\": \"g.example\"}], \"node\":", "service.gateways[0].url",
	  "must be http:// or https://, a host, and a path that begins with /" },
	{ "\"node\":", "\"gateways\": [{\"name\": \"s\", \"kind\": \"sms\", \"url\": \"https://g.example/\", \"body\": \"{{from}}\"}], \"node\":",
	  "service.gateways[0].body", "has {{from}}, which stands for nothing" },
	{ "\"node\":", "\"gateways\": [{\"name\": \"s\", \"kind\": \"sms\", \"url\": \"https://g.example/\", \"body\": \"to={{to}}\"}], \"node\":",
	  "service.gateways[0].body", "isn't JSON; or should form be true?" },
	{ "\"notice_s\": 900", "\"notice_s\": 0", "service.clock.notice_s", "must be a whole number from 1 to 86400" },
	{ "base64:", "base46:", "service.origin_ca[0]", "must be \"base64:\" and the certificate (the body of its PEM file) on one line" },
	{ "base64:MIIB", "base64:MI B", "service.origin_ca[0]", "must be \"base64:\" and the certificate (the body of its PEM file) on one line" },
	{ "\"203.0.113.1\"", "\"a.root.example\"", "service.root_hints[0]", "isn't an IPv4 or IPv6 address" },
	{ ". IN DS 20326", ". IN DNSKEY 20326", "service.trust_anchor", "must be a DS record of the root: \". IN DS 20326 8 2 …\"" },
	{ "/var/lib/toride", "/var/lib/../toride", "service.state_dir", "not an absolute path of at most 64 bytes" },
	{ "/run/toride", "run/toride", "service.run_dir", "not an absolute path of at most 64 bytes" },
	{ "/run/toride", "", "service.run_dir", "must not be empty" },
	{ "127.0.0.1:8480", "", "service.page", "must not be empty" },
	/* the whole */
	{ "\"format\": 1", "\"format\": 2", "format", "must be 1" },
	{ "\"format\": 1,", "\"format\": 1, \"extra\": 1,", "", "unknown member of the canonical form" },
	{ "\"format\": 1,", "\"format\": 1,,", "description.json:1:14", NULL },
	{ "\"198.51.100.81\"}", "\"198.51.100.81\",}", NULL, NULL }, /* comments and commas are for files */
	{ "\"staff\": 1305", "\"staff\": [[[[[[[[[[[[1]]]]]]]]]]]]", "description.json", "nests deeper than 12" },
};

static char *edited(const char *text, const struct broken *c)
{
	const char *at = strstr(text, c->find);
	assert_non_null(at);
	size_t head = (size_t)(at - text), size = strlen(text) + strlen(c->replace) + 1;
	char *s = mem_alloc(size);
	assert_non_null(s);
	snprintf(s, size, "%.*s%s%s", (int)head, text, c->replace, at + strlen(c->find));
	return s;
}

static size_t refused(const char *base, const struct broken *list, size_t n)
{
	size_t bad = 0;
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *text = edited(base, &list[i]);
		struct model *m = NULL;
		struct faults f = { 0 };
		struct err err = { 0 };
		int r = model_load_canonical(str_from(text), &m, &f, &err);
		bool path = list[i].path == NULL || (f.n && strcmp(f.list[0].path, list[i].path) == 0);
		bool reason = list[i].reason == NULL || (f.n && strcmp(f.list[0].msg, list[i].reason) == 0);
		bool good = r == -E_INVALID && !m && f.n == 1 && path && reason && f.list[0].msg_ja[0] && err.code == E_INVALID;
		bad += !good;
		for (size_t k = 0; !good && (k < f.n || k == 0); k++)
			print_error("%s -> %s: %d, %zu faults: %s: %s\n", list[i].find, list[i].replace, r, f.n, f.n ? f.list[k].path : "-",
			            f.n ? f.list[k].msg : "-");
		model_destroy(&m);
		faults_done(&f);
	}
	return bad;
}

static void test_broken(void **state)
{
	_cleanup_free_ char *base = test_read("src/model/seeds/model/two.json");
	(void)state;
	assert_int_equal(refused(base, cases, ARRAY_LEN(cases)), 0);
	assert_true(ARRAY_LEN(cases) >= 60);
}

/* Two changes to what is good make something good of it; each of the list's then is refused. */
static void refused_with(const struct broken with[2], const struct broken *list, size_t n)
{
	_cleanup_free_ char *two = test_read("src/model/seeds/model/two.json"), *one = edited(two, &with[0]), *base = edited(one, &with[1]);
	struct model *m = NULL;
	struct faults f = { 0 };
	assert_int_equal(model_load_canonical(str_from(base), &m, &f, NULL), 0); /* control */
	model_destroy(&m);
	faults_done(&f);
	assert_int_equal(refused(base, list, n), 0);
}

/* With a second line and a service that breaks out by it. */
static void test_broken_breakout(void **state)
{
	static const struct broken with[] = {
		{ "\"probes\": [\"203.0.113.2\"]}],", "\"probes\": [\"203.0.113.2\"]}, {\"name\": \"isp2\", \"interface\": \"wan9\", \"addr4\": \"192.0.2.66/29\", \"gateway4\": \"192.0.2.65\", "
		  "\"in_mbps\": 100, \"out_mbps\": 100, \"priority\": 9}], \"breakout\": {\"line\": \"isp2\", \"services\": [{\"name\": \"office\", \"title\": \"Office\", \"names\": [\".office.example\"], "
		  "\"comment\": \"x\"}]},", NULL, NULL },
		{ "\"global6\": \"2001:db8:100::65\"", "\"global6\": \"2001:db8:100::65\", \"breakout\": {\"global4\": \"192.0.2.67\", \"guaranteed_mbps\": 10, "
		  "\"ceiling_mbps\": 20, \"burst_mbps\": 30, \"services\": [{\"service\": \"office\", \"owner\": \"a\", \"reason\": \"b\", \"expires\": \"2027-01-01T00:00:00Z\"}]}", NULL, NULL },
	};
	static const struct broken list[] = {
		{ "\"line\": \"isp2\"", "\"line\": \"isp1\"", "service.breakout.line", "is the line that carries everything else: nothing would break out" },
		{ "\"line\": \"isp2\"", "\"line\": \"isp7\"", "service.breakout.line", "is the name of no uplink" },
		{ "\"line\": \"isp2\", ", "", "service.breakout.line", "is missing: which line do the services break out by?" },
		{ "\"names\": [\".office.example\"], ", "", "service.breakout.services[0]", "is known neither by addresses nor by names" },
		{ "\".office.example\"", "\"*.office.example\"", "service.breakout.services[0].names[0]", NULL },
		{ "\"names\": [", "\"addresses\": \"9f86d0\", \"names\": [", "service.breakout.services[0].addresses", NULL },
		{ "[{\"name\": \"office\"", "[{\"name\": \"office\", \"title\": \"x\", \"comment\": \"x\", \"names\": [\"a.example\"]}, {\"name\": \"office\"", "service.breakout.services[1].name", "stands here twice" },
		{ "\"service\": \"office\"", "\"service\": \"offce\"", ORG1 ".breakout.services[0].service", "is none of service.breakout.services" },
		{ "\"services\": [{\"service\"", "\"services\": [{\"service\": \"office\", \"owner\": \"a\", \"reason\": \"b\", \"expires\": \"2027-01-01T00:00:00Z\"}, {\"service\"", ORG1 ".breakout.services[1].service", "stands here twice" },
		{ ", \"expires\": \"2027-01-01T00:00:00Z\"", "", ORG1 ".breakout.services[0].expires", "is missing" },
		{ "\"owner\": \"a\", ", "", ORG1 ".breakout.services[0].owner", "is missing" },
		{ "\"192.0.2.67\"", "\"198.51.100.102\"", ORG2 ".global4", "is also that of organisation 412015" },
		{ "\"192.0.2.67\"", "\"192.0.2.65\"", ORG1 ".breakout.global4", "overlaps the uplink's next hop 192.0.2.65/32" },
		{ "\"global4\": \"192.0.2.67\", ", "", ORG1 ".breakout.global4", "is missing: what breaks out needs a source address of its own" },
		{ "\"guaranteed_mbps\": 10", "\"guaranteed_mbps\": 21", ORG1 ".breakout.guaranteed_mbps", "is above ceiling_mbps" },
		{ "\"ceiling_mbps\": 20", "\"ceiling_mbps\": 31", ORG1 ".breakout.ceiling_mbps", "is above burst_mbps" },
		{ "\"in_mbps\": 100", "\"in_mbps\": 10", "service.breakout.line", "carries too little: 10 Mbps are guaranteed for what breaks out, 94 % of the line can be given to it" },
	};
	(void)state;
	refused_with(with, list, ARRAY_LEN(list));
}

/* With a sanitiser that one organisation's documents go through. */
static void test_broken_inspections(void **state)
{
	static const struct broken with[] = {
		{ "\"node\": \"gw1\"", "\"inspectors\": [{\"name\": \"cdr\", \"address\": \"203.0.113.60\", \"path\": \"/respmod\"}], \"node\": \"gw1\"", NULL, NULL },
		{ "\"global6\": \"2001:db8:100::65\"", "\"global6\": \"2001:db8:100::65\", \"inspections\": [{\"inspector\": \"cdr\", \"kinds\": [\"documents\"]}]", NULL, NULL },
	};
	static const struct broken list[] = {
		{ "\"inspector\": \"cdr\"", "\"inspector\": \"crd\"", ORG1 ".inspections[0].inspector", "is none of service.inspectors" },
		{ "[\"documents\"]", "[\"documents\", \"pdf\"]", ORG1 ".inspections[0].kinds[1]", "must be one of documents, all, programs, scripts, macros, archives, disks, media" },
		{ ", \"kinds\": [\"documents\"]", "", ORG1 ".inspections[0].kinds", "is missing" },
		{ "\"203.0.113.60\"", "\"10.1.0.60\"", "service.inspectors[0].address", "lies where the gateway opens nothing to: management, LGWAN or a member's network" },
		{ "\"/respmod\"", "\"respmod\"", "service.inspectors[0].path", NULL },
		{ "\"/respmod\"}", "\"/respmod\", \"timeout_s\": 0}", "service.inspectors[0].timeout_s", NULL },
		{ "[{\"name\": \"cdr\"", "[{\"name\": \"cdr\", \"address\": \"203.0.113.61\", \"path\": \"/x\"}, {\"name\": \"cdr\"", "service.inspectors[1].name", "stands here twice" },
	};
	(void)state;
	refused_with(with, list, ARRAY_LEN(list));
}

/* Many slips, one answer: every one is named, in the order of the file. */
static void test_all_at_once(void **state)
{
	static const struct broken slips[] = {
		{ "\"node\": \"gw1\"", "\"node\": \"GW 1\"", "service.node", NULL },
		{ "soc-ken@pref.lg.example", "nobody", "prefectures[41].contacts[0].mail", NULL },
		{ "\"index\": 1", "\"index\": \"1\"", ORG1 ".index", NULL },
		{ "\"sns.example\"", "\"a.example\", \"B\", \"c.example\", \"d d\"", ORG1 ".url.black[1]", NULL },
		{ "\"198.51.100.102\"", "\"198.51.100.101\"", ORG2 ".global4", NULL },
	};
	static const char *const want[] = { "service.node", "prefectures[41].contacts[0].mail", ORG1 ".index", ORG1 ".url.black[1]",
		                            ORG1 ".url.black[3]", ORG2 ".global4" };
	struct faults f = { 0 };
	struct model *m = NULL;
	char *text = test_read("src/model/seeds/model/two.json");
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(slips); i++) {
		char *next = edited(text, &slips[i]);
		mem_free(text);
		text = next;
	}
	assert_int_equal(model_load_canonical(str_from(text), &m, &f, NULL), -E_INVALID);
	assert_int_equal(f.n, ARRAY_LEN(want));
	for (size_t i = 0; i < f.n; i++)
		assert_string_equal(f.list[i].path, want[i]);
	faults_done(&f);
	mem_free(text);
}

/* A hostile description: the list of faults has an end, and says so. */
static void test_many_faults(void **state)
{
	struct buf b;
	struct faults f = { 0 };
	struct model *m = NULL;
	(void)state;
	buf_init(&b, MIB);
	buf_puts(&b, "{\"format\":1,\"service\":{\"black\":[\"!\"");
	for (int i = 0; i < 5000; i++)
		buf_puts(&b, ",\"!\"");
	buf_puts(&b, "]},\"prefectures\":[],\"orgs\":[]}");
	assert_int_equal(model_load_canonical(buf_view(&b), &m, &f, NULL), -E_INVALID);
	assert_int_equal(f.n, 1000);
	assert_string_equal(f.list[999].msg, "more faults than these 1,000 are there");
	faults_done(&f);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_broken), cmocka_unit_test(test_broken_breakout), cmocka_unit_test(test_broken_inspections), cmocka_unit_test(test_all_at_once), cmocka_unit_test(test_many_faults) };
	return cmocka_run_group_tests_name("model/broken", tests, NULL, NULL);
}
