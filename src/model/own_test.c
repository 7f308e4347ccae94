/* The places that stand for the public sites' origins on the inspected leg. */
#include "base/test.h"

#include "base/mem.h"
#include "model/own.h"

#include <stdio.h>

#define SITES 7
#define EACH 15

static struct site_origin origins[SITES][EACH];
static struct site sites[SITES];
static struct uplink line = { .port = "line0" };
static struct org org = { .index = 3, .ips = IPS_DETECT, .sites = sites };
static struct model model = { .service = { .uplinks = &line, .n_uplinks = 1 }, .orgs = &org, .n_orgs = 1 };

static struct prefix address(const char *text)
{
	struct prefix p;
	assert_int_equal(prefix_parse(str_from(text), &p), 0);
	return p;
}

static struct prefix numbered(unsigned n)
{
	char text[32];
	snprintf(text, sizeof text, "10.1.%u.%u", n / 50, n % 50 + 1);
	return address(text);
}

/* `all` origins of different addresses, the n-th of which is `first` + n, in sites of EACH. */
static void describe(unsigned first, unsigned all)
{
	org.n_sites = (all + EACH - 1) / EACH;
	for (unsigned i = 0; i < org.n_sites; i++) {
		sites[i] = (struct site){ .origins = origins[i], .n_origins = all - i * EACH < EACH ? all - i * EACH : EACH };
		for (unsigned k = 0; k < sites[i].n_origins; k++)
			origins[i][k] = (struct site_origin){ .addr = numbered(first + i * EACH + k), .port = 80 };
	}
}

static int setup(void **state)
{
	static struct prefix inside;
	(void)state;
	model.service.internal4 = address("100.64.0.0/16");
	org.router6 = address("fd00:64:3::2");
	inside = address("10.1.0.0/24");
	org.prefixes = &inside;
	org.n_prefixes = 1;
	return 0;
}

static void each_address_has_a_place_of_its_own(void **state)
{
	struct leg_origin list[LEG_ORIGINS_MAX];
	bool seen[256] = { false };
	(void)state;
	describe(0, LEG_ORIGINS_MAX);
	origins[3][0].addr = origins[0][0].addr; /* a server of two sites is one */
	assert_int_equal(leg_origins(&model, &org, list), LEG_ORIGINS_MAX - 1);
	for (size_t i = 0; i < LEG_ORIGINS_MAX - 1; i++) {
		uint8_t host = list[i].place.addr[3];
		assert_true(host >= INTERNAL_LEG_ORIGINS && host < INTERNAL_LEG_ORIGINS + LEG_ORIGINS_MAX && !seen[host]);
		assert_int_equal(list[i].place.addr[2], 3); /* of the body's /24 */
		assert_int_equal(list[i].inside, prefix_contains(&org.prefixes[0], &list[i].addr));
		seen[host] = true;
	}
}

static void a_place_stays_when_others_go(void **state)
{
	struct leg_origin before[LEG_ORIGINS_MAX], after[LEG_ORIGINS_MAX];
	(void)state;
	describe(0, 5);
	assert_int_equal(leg_origins(&model, &org, before), 5);
	describe(2, 3);
	assert_int_equal(leg_origins(&model, &org, after), 3);
	for (size_t i = 0; i < 3; i++)
		assert_memory_equal(after[i].place.addr, before[i + 2].place.addr, 4);
}

static void ipv6_has_its_own(void **state)
{
	struct leg_origin list[LEG_ORIGINS_MAX];
	static const uint8_t place[8] = { 0xfd, 0, 0, 0x64, 0, 3, 0, 0 };
	(void)state;
	describe(0, 1);
	origins[0][0].addr = address("2001:db8:4101::80");
	assert_int_equal(leg_origins(&model, &org, list), 1);
	assert_int_equal(list[0].place.family, 6);
	assert_memory_equal(list[0].place.addr, place, sizeof place);
	org.router6 = (struct prefix){ 0 }; /* then it has no address there, and is asked as it is */
	assert_int_equal(leg_origins(&model, &org, list), 0);
	org.router6 = address("fd00:64:3::2");
}

static void none_where_nobody_inspects(void **state)
{
	struct leg_origin list[LEG_ORIGINS_MAX];
	(void)state;
	describe(0, 5);
	assert_true(leg_used(&model));
	org.ips = IPS_OFF;
	assert_int_equal(leg_origins(&model, &org, list), 0);
	org.ips = IPS_PREVENT;
	line.port = "";
	assert_int_equal(leg_origins(&model, &org, list), 0);
	assert_false(leg_used(&model));
	line.port = "line0";
}

static void addresses_are_counted_once(void **state)
{
	(void)state;
	describe(0, 101);
	assert_int_equal(origin_addresses(&org), 101); /* one more than there are places: check_site.c refuses it */
	origins[6][0].addr = origins[0][0].addr;
	assert_int_equal(origin_addresses(&org), 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_address_has_a_place_of_its_own), cmocka_unit_test(a_place_stays_when_others_go),
		                            cmocka_unit_test(ipv6_has_its_own), cmocka_unit_test(none_where_nobody_inspects),
		                            cmocka_unit_test(addresses_are_counted_once) };
	return cmocka_run_group_tests(tests, setup, NULL);
}
