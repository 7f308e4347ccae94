/* The second module of toride_kept.so, for the list that nginx finds in the first (kept_module.c). */
#ifndef DAEMON_CROWD_MODULE_H
#define DAEMON_CROWD_MODULE_H

#include <ngx_config.h>
#include <ngx_core.h>

extern ngx_module_t toride_crowd_module;

#endif
