/*
 * curl: libcurl, loaded when the first bucket is opened: with all the libraries
 * that it needs itself it would take three quarters of the time that a command
 * needs to start, and those on directories have no use for it.
 */
#ifndef SEGTOOLS_CURL_H
#define SEGTOOLS_CURL_H

#include <curl/curl.h>

#include "base/msg.h"

#define CURL_FUNCTIONS(X) \
	X(global_init) \
	X(version_info) \
	X(easy_init) \
	X(easy_setopt) \
	X(easy_getinfo) \
	X(easy_reset) \
	X(easy_cleanup) \
	X(easy_strerror) \
	X(multi_init) \
	X(multi_setopt) \
	X(multi_add_handle) \
	X(multi_remove_handle) \
	X(multi_perform) \
	X(multi_poll) \
	X(multi_info_read) \
	X(multi_strerror) \
	X(multi_cleanup) \
	X(url) \
	X(url_set) \
	X(url_get) \
	X(url_cleanup) \
	X(free) \
	X(slist_append) \
	X(slist_free_all)

#define CURL_MEMBER(name) __typeof__(curl_##name) *(name);
struct curl_functions {
	CURL_FUNCTIONS(CURL_MEMBER)
};
#undef CURL_MEMBER

/* Usable once curl_begin() was RC_OK. */
extern struct curl_functions curl;
enum rc curl_begin(void);

#endif
