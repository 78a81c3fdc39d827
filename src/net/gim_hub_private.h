/* SPDX-License-Identifier: MIT */
/*
** gim_hub_private.h - what the files of gim_hub share   [floor 8]
**
** gim_hub.c makes and releases hubs, gim_hub_options.c judges what they are
** made of, gim_hub_log.c keeps their log.
*/
#ifndef gim_hub_private_h
#define gim_hub_private_h

#include "gim_hub.h"

#pragma GCC visibility push(hidden)

/*
** Judges the strings among hub->options, and makes of them what the hub OWNS:
** authorization, base_url, private_host, files_url, task_path, edit_path.
** What is for others to open (ca_file, proxy, user_agent, journal) is only
** judged. GIM_E_INVALID (err->field names the option), GIM_E_AUTH (no key),
** GIM_E_NO_MEMORY; what was made by then stays the hub's, for its release.
*/
GIM_MUST_CHECK gim_status gim_hub_take_options(gim_hub *hub, gim_err *err);

#pragma GCC visibility pop

#endif
