/* How much one visitor, and one network, may ask of a public site: floods by HTTP, slow requests, forms sent by programs.
 * M-013, X-44.
 *
 * A visitor is an IPv4 address or an IPv6 /64 (what one household or one machine has), its network an IPv4 /24 or an
 * IPv6 /48. Both are counted a site, so that a flood of one leaves another's visitors alone. What a line can't carry
 * never gets here: that is the upstream's to drop. What none of them does too much of and all of them together do is edge/crowd.h's. Who has asked nothing yet holds a connection all the same: compile/nft_web.c. */
#include "compile/edge.h"

/* Requests of a visitor that are on their way at one site: over HTTP/2 a browser has 60 in one connection, and a slow phone holds each of them
 * for as long as it takes. Where many people share an address it goes up with the connections that are allowed it. */
#define OPEN_LEAST 100

void edge_limits_http(struct buf *b, const struct model *m)
{
	const struct service *s = &m->service;
	unsigned open = s->web_connections / 2 > OPEN_LEAST ? s->web_connections / 2 : OPEN_LEAST;
	buf_puts(b, "  crowd_zone 1m;\n"
	            "  map $binary_remote_addr $visitor { default $binary_remote_addr; \"~^(?<v6host>[\\x00-\\xff]{8})[\\x00-\\xff]{8}$\" $v6host; }\n"
	            "  map $binary_remote_addr $network { default $binary_remote_addr; \"~^(?<v6net>[\\x00-\\xff]{6})[\\x00-\\xff]{10}$\" $v6net; "
	            "\"~^(?<v4net>[\\x00-\\xff]{3})[\\x00-\\xff]$\" $v4net; }\n"
	            /* Whatever brings content: a slow GET with some holds as much as a slow form. */
	            "  map \"$request_method:$http_content_length$http_transfer_encoding\" $form_of { default \"$server_name$visitor\"; \"~^(GET|HEAD|OPTIONS):0?$\" \"\"; }\n");
	buf_printf(b, "  limit_req_zone \"$server_name$visitor\" zone=visitor:16m rate=%ur/s;\n", s->web_source_per_s);
	buf_printf(b, "  limit_req_zone \"$server_name$network\" zone=network:16m rate=%ur/s;\n", 10 * s->web_source_per_s);
	buf_printf(b, "  limit_req_zone $form_of zone=form:8m rate=%ur/m;\n", s->web_forms_per_min);
	buf_puts(b, "  limit_conn_zone \"$server_name$visitor\" zone=open:16m;\n  limit_conn_zone \"$server_name$network\" zone=near:16m;\n");
	buf_printf(b, "  limit_req zone=visitor burst=%u nodelay;\n", 4 * s->web_source_per_s);
	buf_printf(b, "  limit_req zone=network burst=%u nodelay;\n", 40 * s->web_source_per_s);
	buf_printf(b, "  limit_req zone=form burst=%u nodelay;\n  limit_conn open %u;\n  limit_conn near %u;\n", s->web_forms_per_min, open, 10 * open);
	buf_puts(b, "  limit_req_status 429;\n  limit_conn_status 429;\n  limit_req_log_level notice;\n  limit_conn_log_level notice;\n");
}
