/* The WAF of the public sites: ModSecurity 3 with the OWASP Core Rule Set, loaded once for all of them.
 *
 * A site's own mode, paranoia level and exclusions stand in the site's server block and come before the CRS, which nginx
 * appends to them: no rule of ours looks at the Host header to find out whose request it is, so no spelling of it
 * ("a.example.", ":443") can choose another site's mode. A request that no server block is for reaches no origin at all.
 * Measured: 76 sites take 25 MB a worker and 0.06 s to load. Loaded once a site, the CRS would be there 76 times.
 *
 * What is told of a request holds its headers and what matched, never its body: forms hold people's names. F-14. */
#include "compile/edge.h"

#include <string.h>

/* The CRS's own switches come from here in place of its crs-setup.conf: a file in /etc is nobody's description. */
void edge_waf_base(struct buf *b, const struct model *m)
{
	const struct service *s = &m->service;
	buf_puts(b, "SecRuleEngine On\nSecRequestBodyAccess On\nSecResponseBodyAccess Off\n"
	            "SecRequestBodyLimit 104857600\nSecRequestBodyNoFilesLimit 1048576\nSecRequestBodyLimitAction Reject\n"
	            "SecArgumentsLimit 1000\nSecRequestBodyJsonDepthLimit 128\n"
	            "SecPcreMatchLimit 100000\nSecPcreMatchLimitRecursion 100000\n");
	buf_printf(b, "SecTmpDir %s/edge/tmp\nSecDataDir %s/edge/tmp\n", s->run_dir, s->run_dir);
	buf_puts(b, "SecAuditEngine RelevantOnly\nSecAuditLogRelevantStatus \"^$\"\nSecAuditLogParts ABHZ\n"
	            "SecAuditLogType Serial\nSecAuditLogFormat JSON\n");
	buf_printf(b, "SecAuditLog %s/edge/log/waf\n", s->state_dir);
	/* What can't be parsed as it says it is, is refused: the application might read it another way. */
	buf_puts(b, "SecRule REQUEST_HEADERS:Content-Type \"^(?:application(?:/soap\\+|/)|text/)xml\" "
	            "\"id:20001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML\"\n"
	            "SecRule REQUEST_HEADERS:Content-Type \"^application/(?:[a-z0-9.+-]+\\+)?json\" "
	            "\"id:20002,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON\"\n"
	            "SecRule REQBODY_ERROR \"!@eq 0\" \"id:20003,phase:2,t:none,log,auditlog,deny,status:400,"
	            "msg:'The body is not what its Content-Type says',severity:CRITICAL\"\n"
	            "SecRule MULTIPART_STRICT_ERROR \"!@eq 0\" \"id:20004,phase:2,t:none,log,auditlog,deny,status:400,"
	            "msg:'The multipart body is malformed',severity:CRITICAL\"\n"
	            "SecAction \"id:900990,phase:1,nolog,pass,t:none,setvar:tx.crs_setup_version=334,"
	            "setvar:tx.inbound_anomaly_score_threshold=5,setvar:tx.outbound_anomaly_score_threshold=4\"\n"
	            "Include /usr/share/modsecurity-crs/rules/*.conf\n");
}

static void exclusion(struct buf *b, const struct waf_exclusion *x, unsigned id)
{
	buf_printf(b, "      SecRule TIME_EPOCH \"@lt %lld\" \"id:%u,phase:1,pass,nolog,t:none", (long long)(x->expires_ms / 1000), id);
	if (x->path[0])
		buf_printf(b, ",chain\"\n        SecRule REQUEST_FILENAME \"@beginsWith %s\" \"t:none", x->path);
	if (x->parameter[0])
		buf_printf(b, ",ctl:ruleRemoveTargetById=%u;ARGS:%s\"\n", x->rule, x->parameter);
	else
		buf_printf(b, ",ctl:ruleRemoveById=%u\"\n", x->rule);
}

void edge_waf_site(struct buf *b, const struct site *s)
{
	buf_printf(b, "      SecRuleEngine %s\n", s->waf == WAF_DETECT ? "DetectionOnly" : "On");
	buf_printf(b, "      SecAction \"id:10001,phase:1,pass,nolog,t:none,setvar:tx.paranoia_level=%u\"\n", s->paranoia);
	for (size_t i = 0; i < s->n_exclusions; i++)
		exclusion(b, &s->exclusions[i], 10002 + (unsigned)i);
}
