/* How a row of the schema table is written. Only for the files that hold such rows. */
#ifndef MODEL_SCHEMA_ROWS_H
#define MODEL_SCHEMA_ROWS_H

#include "model/model.h"
#include "model/schema.h"

#define AT(st, m) .offset = offsetof(struct st, m), .size = sizeof(((struct st *)0)->m)
#define IN(st, outer, m) .offset = offsetof(struct st, outer.m) - offsetof(struct st, outer), .size = sizeof(((struct st *)0)->outer.m)
#define LIST(st, m) \
	.list = true, .offset = offsetof(struct st, m), .count_offset = offsetof(struct st, n_##m), .size = sizeof(*((struct st *)0)->m)
#define SAYS(label, ja_, en_) .label_ja = label, .help = { en_, ja_ }
#define END { .name = NULL }

extern const struct object schema_address_group, schema_service_group, schema_schedule; /* schema.c */
extern const struct object schema_site; /* schema_site.c */
extern const struct object schema_mitigation; /* schema_breakout.c */
extern const struct object schema_proxy_users; /* schema_users.c */
extern const struct object schema_inspector, schema_inspection, schema_breakout, schema_org_breakout; /* schema_breakout.c */

/* What the service and each organisation have of their own. */
#define GROUPS(st) \
	{ "address_groups", FIELD_OBJECT, LIST(st, address_groups), .sub = &schema_address_group, .max_entries = 1000, \
	  SAYS("アドレスグループ", "規則から名前で呼ぶアドレスの集まり。", "Addresses that rules call by name.") }, \
	{ "service_groups", FIELD_OBJECT, LIST(st, service_groups), .sub = &schema_service_group, .max_entries = 1000, \
	  SAYS("サービスグループ", "規則から名前で呼ぶプロトコルとポートの集まり。", "Protocols and ports that rules call by name.") }, \
	{ "schedules", FIELD_OBJECT, LIST(st, schedules), .sub = &schema_schedule, .max_entries = 100, \
	  SAYS("スケジュール", "規則から名前で呼ぶ曜日と時間帯。", "Times of the week that rules call by name.") }

#endif
