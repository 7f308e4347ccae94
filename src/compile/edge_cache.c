/* The cache of the public sites (F-15, M-014): one page is fetched once however many ask, and a disaster site's last page is
 * shown when its origin is gone, with the time it was fetched.
 *
 * Each cached site has a store of its own, so that one can't push another's pages out. What carries a cookie or credentials
 * is neither kept nor answered from it: a page for one person never reaches another. Nor is what carries content: an origin that reads
 * it in a GET would let one visitor choose the page that all others are shown. A disaster site has no cookies at all.
 * nginx knows no end for what it shows of a dead origin: toride-purged takes pages away that are older than the site's stale_s. */
#include "compile/edge.h"

static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
static const int lengths[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

#define KEPT_URL "$scheme://$host$request_uri"

static bool any_disaster(const struct model *m)
{
	for (size_t i = 0; i < m->n_orgs; i++)
		for (size_t k = 0; k < m->orgs[i].n_sites; k++)
			if (m->orgs[i].sites[k].disaster)
				return true;
	return false;
}

/* Day and month in Japan (UTC+9) of a day of GMT, before 15:00 of it and from then on; 28 February's next is told below. */
static void put_days(struct buf *b)
{
	for (int m = 0; m < 12; m++)
		for (int d = 1; d <= lengths[m]; d++) {
			bool last = d == lengths[m] || (m == 1 && d == 28);
			buf_printf(b, "    \"%02d%s0\" \"%d月%d日\"; \"%02d%s1\" \"%d月%d日\";\n", d, months[m], m + 1, d, d, months[m],
			           last ? (m + 1) % 12 + 1 : m + 1, last ? 1 : d + 1);
		}
}

/* nginx knows when a kept page was fetched only as its Date header, in GMT (RFC 9110 section 6.6.1); people read Japanese time. */
static void put_clock(struct buf *b)
{
	buf_puts(b, "  map $upstream_http_date $gmt_day { default \"\"; \"~^[A-Z][a-z][a-z], (?<gd>[0-9][0-9]) (?<gm>[A-Z][a-z][a-z]) "
	            "(?<gy>[0-9]{4}) (?<gh>[0-9][0-9]):(?<gi>[0-9][0-9]):\" \"$gd$gm\"; }\n"
	            "  map $gh $jst_late { default 0; \"~^(1[5-9]|2[0-3])$\" 1; }\n  map $gh $jst_hour {\n    default \"\";\n");
	for (int h = 0; h < 24; h++)
		buf_printf(b, "    %02d %d;%s", h, (h + 9) % 24, h % 8 == 7 ? "\n" : "");
	buf_puts(b, "  }\n  map \"$gmt_day$jst_late$gy\" $jst_leap {\n    default \"\";\n");
	for (int y = 2028; y < 2100; y += 4)
		buf_printf(b, "    28Feb1%d \"2月29日\";\n", y);
	buf_puts(b, "  }\n  map \"$gmt_day$jst_late\" $jst_common {\n    default \"\";\n");
	put_days(b);
	buf_puts(b, "  }\n  map $jst_leap $jst_day { \"\" $jst_common; default $jst_leap; }\n");
}

/* Seconds after which a page that nobody asks for is dropped: so old at most is what others see in the moment in which it is renewed. */
static uint32_t unasked(const struct site *s)
{
	uint32_t stale = s->disaster ? s->stale_s : 600;
	return s->cache_s > stale ? s->cache_s : stale;
}

void edge_cache_http(struct buf *b, const struct model *m)
{
	for (size_t i = 0; i < m->n_orgs; i++)
		for (size_t k = 0; k < m->orgs[i].n_sites; k++)
			if (m->orgs[i].sites[k].cache_s)
				buf_printf(b, "  proxy_cache_path %s/edge/cache/%s_%zu levels=1:2 keys_zone=%s_%zu:1m max_size=256m inactive=%us use_temp_path=off;\n",
				           m->service.state_dir, m->orgs[i].code, k, m->orgs[i].code, k, unasked(&m->orgs[i].sites[k]));
	buf_puts(b, "  kept_changes 1m;\n"); /* daemon/kept_module.c */
	buf_puts(b, "  map \"$http_cookie$http_authorization\" $personal { \"\" 0; default 1; }\n");
	/* nginx takes Vary: * only where nothing stands beside it (RFC 9111 section 4.1); a status we don't know isn't to be kept where its
	 * origin says that it must be understood (section 5.2.2.3). */
	buf_puts(b, "  map $upstream_http_vary $unkept { default 0; \"~[*]\" 1; }\n");
	buf_puts(b, "  map \"$upstream_status|$upstream_http_cache_control\" $foreign {\n    default 0;\n"
	            "    \"~*(^|[ ,:])(?!(?:200|203|204|206|30[0-478]|404|405|410|414|501)[|])[0-9]{3}[|].*must-understand\" 1;\n  }\n");
	if (!any_disaster(m))
		return;
	put_clock(b);
	buf_puts(b, "  map $upstream_cache_status $stale_notice {\n    default \"\";\n"
	            "    STALE \"<div role='status' style='position:fixed;bottom:0;left:0;right:0;padding:.8em;background:#fff3cd;"
	            "color:#1a1a1c;border-top:2px solid #b78f00;text-align:center;z-index:2147483647'>${jst_day}${jst_hour}時${gi}分に取得した"
	            "ページです。最新の情報ではないことがあります。<br><span lang='en'>This copy was fetched at ${gh}:${gi} GMT. It may be out of date.</span></div>\";\n  }\n");
}

void edge_cache_site(struct buf *b, const struct org *o, size_t n)
{
	const struct site *s = &o->sites[n];
	if (!s->cache_s)
		return;
	/* A visitor's change makes his page's generation another. A disaster site has no visitors who change something, and somebody who sends it
	 * forms could else take its last pages from everybody. */
	buf_printf(b, "      proxy_cache %s_%zu;\n      kept on;\n", o->code, n);
	buf_puts(b, s->disaster ? "      proxy_cache_key \"" KEPT_URL "\";\n"
	                        : "      kept_url \"" KEPT_URL "\";\n      proxy_cache_key \"" KEPT_URL " $kept_generation\";\n");
	buf_puts(b, "      proxy_pass_header Date;\n"); /* an age counts from it */
	buf_printf(b, "      proxy_cache_valid 200 301 302 %us;\n      proxy_cache_valid 404 10s;\n", s->cache_s);
	/* One asks, the others wait for its answer; while a page is renewed the last one is shown for that moment. */
	buf_puts(b, "      proxy_cache_revalidate on;\n      proxy_cache_lock on;\n      proxy_cache_lock_timeout 10s;\n      proxy_cache_lock_age 10s;\n");
	/* STALE is to mean that the origin is gone; and a page that is renewed behind a visitor's back is shown as old as it is, however old,
	 * as long as its origin fails. */
	buf_puts(b, "      proxy_cache_background_update off;\n");
	buf_printf(b, "      proxy_cache_use_stale updating%s;\n", s->disaster ? " error timeout http_500 http_502 http_503 http_504" : "");
	buf_puts(b, "      proxy_hide_header Surrogate-Key;\n"); /* it is for us: toride site purge --key */
	buf_puts(b, "      add_header X-Cache $upstream_cache_status always;\n");
	if (!s->disaster) {
		buf_puts(b, "      proxy_cache_bypass $personal $kept_content;\n      proxy_no_cache $personal $kept_content $unkept $foreign;\n");
		buf_puts(b, "      proxy_force_ranges on;\n"); /* a part of a kept page, whatever its origin can; on disaster sites pages are written into */
		return;
	}
	buf_puts(b, "      proxy_cache_bypass $kept_content;\n      proxy_no_cache $kept_content $unkept $foreign;\n      proxy_hide_header Set-Cookie;\n      proxy_ignore_headers Set-Cookie;\n"
	            "      sub_filter '</body>' '$stale_notice</body>';\n");
}
